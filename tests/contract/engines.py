"""The engines under test, each in a house of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.builders import OWNER, Ledger

from kapelle.orchestrator import Orchestrator
from kapelle.settings import load_settings


@asynccontextmanager
async def opened(engine: str, home: Path, *tools: Any, **fields: Any) -> AsyncIterator[tuple[Orchestrator, Ledger]]:
    """A house over one engine, with tools that note every call."""
    ledger = Ledger()
    settings = load_settings(home=home, owner=fields.pop("owner", OWNER), **fields)
    house = Orchestrator(tools=[*ledger.tools, *tools], settings=settings, packs=[], engine=engine)  # type: ignore[arg-type]
    async with house:
        yield house, ledger


async def until(house: Orchestrator, run: str, *statuses: str, seconds: float = 20) -> str:
    """Wait until a run has one of these statuses."""
    async with asyncio.timeout(seconds):
        while (status := (await house.get(run).status()).status) not in statuses:
            await asyncio.sleep(0.01)
    return status
