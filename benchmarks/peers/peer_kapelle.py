"""Kapelle as a contender: `peer_kapelle.py inline|durable FOLDER [URL]`."""

import asyncio
import sys
import time
from pathlib import Path

from line import Timed, serve, take_stdout

from kapelle import Orchestrator, tool
from kapelle.handles import candidate_of
from kapelle.plan.model import Plan
from kapelle.run.checkpoint import Batch
from kapelle.run.checkpoint_database import DatabaseCheckpoint
from kapelle.settings import load_settings


@tool
async def nothing(value: int = 0) -> int:
    """Return the value."""
    return value


def chain(length: int) -> Plan:
    """Steps that follow each other by their data."""
    steps: list[dict[str, object]] = [{"kind": "tool", "id": "s0", "tool": "nothing"}]
    for number in range(1, length):
        inputs = {"value": {"$ref": f"s{number - 1}"}}
        steps.append({"kind": "tool", "id": f"s{number}", "tool": "nothing", "inputs": inputs})
    return Plan.model_validate({"steps": steps, "output": f"s{length - 1}"})


def fan(length: int) -> Plan:
    """Steps that need nothing."""
    steps = [{"kind": "tool", "id": f"s{number}", "tool": "nothing"} for number in range(length)]
    return Plan.model_validate({"steps": steps, "output": "s0"})


def walking(house: Orchestrator, shape: type[Plan] | object) -> Timed:
    """A whole run of a plan, its events included; planning and validation are not in it."""
    plans: dict[int, Plan] = {}

    async def timed(length: int) -> list[float]:
        task = house.task("measure")
        if length not in plans:
            plans[length] = house.check(shape(length), task)  # type: ignore[operator]
        began = time.perf_counter()
        run = await house.start_checked(task, plans[length])
        record = await run.wait()
        took = time.perf_counter() - began
        assert record.status == "succeeded", candidate_of(record).missing
        return [took]

    return timed


def saving(chained: Timed) -> Timed:
    """The commits of a chain, one a step: each from the walker's asking to its going on."""

    async def timed(length: int) -> list[float]:
        took: list[float] = []
        commit = DatabaseCheckpoint.commit

        async def timing(self: DatabaseCheckpoint, batch: Batch) -> int:
            began = time.perf_counter()
            written = await commit(self, batch)
            took.append(time.perf_counter() - began)
            return written

        DatabaseCheckpoint.commit = timing  # type: ignore[method-assign]
        try:
            await chained(length)
        finally:
            DatabaseCheckpoint.commit = commit  # type: ignore[method-assign]
        return took

    return timed


async def main() -> None:
    """Serve until asked for nothing more."""
    answers = take_stdout()
    engine, folder, *url = sys.argv[1:]
    settings = load_settings(home=Path(folder), database_url=url[0] if url else None)
    house = Orchestrator(tools=[nothing], settings=settings, packs=(), engine=engine)  # type: ignore[arg-type]
    chained = walking(house, chain)
    shapes = {"chain": chained, "fan": walking(house, fan), "save": saving(chained)}
    try:
        await serve(shapes, answers)
    finally:
        await house.close()


if __name__ == "__main__":
    asyncio.run(main())
