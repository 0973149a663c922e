"""The engines under test, each in a house of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.builders import OWNER, Ledger

from kapelle import clock
from kapelle.assemble import EngineName
from kapelle.orchestrator import Orchestrator
from kapelle.settings import load_settings
from kapelle.tools.decorator import tool
from kapelle.tools.model import Suspend

ENGINES = ("inline", "sqlite", "postgres")
"""In memory, and on DBOS over each database."""


def settings_of(engine: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """What an engine needs to be set: the URL of a database of its own, where the home is not enough."""
    return {"database_url": request.getfixturevalue("postgres_url")} if engine == "postgres" else {}


@tool
async def nap(name: str, given: str) -> Suspend | str:
    """Wait for a date."""
    return name if clock.to_iso(clock.now()) >= given else Suspend("date", given)


@asynccontextmanager
async def opened(
    engine: str, home: Path, *tools: Any, serves: bool = False, **fields: Any
) -> AsyncIterator[tuple[Orchestrator, Ledger]]:
    """A house over one engine, with tools that note every call.

    Args:
        serves: take runs from the queue.
        engine: one of `ENGINES`; with `postgres`, `settings_of` belongs among the fields.
    """
    ledger = Ledger()
    fields.setdefault("tools", {"backoff": 0.01})
    settings = load_settings(home=home, owner=fields.pop("owner", OWNER), **fields)
    kind: EngineName = "inline" if engine == "inline" else "durable"
    house = Orchestrator(tools=[*ledger.tools, nap, *tools], settings=settings, packs=[], engine=kind)
    if serves:
        house.adopt(settings, app=None, corpora={}, foreground=False, serves=True)
    serving = asyncio.create_task(house.serve()) if serves else None
    async with house:
        yield house, ledger
        if serving is not None:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


async def until(house: Orchestrator, run: str, *statuses: str, seconds: float = 20) -> str:
    """Wait until a run has one of these statuses."""
    async with asyncio.timeout(seconds):
        while (status := (await house.get(run).status()).status) not in statuses:
            await asyncio.sleep(0.01)
    return status
