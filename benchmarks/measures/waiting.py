"""What it costs that people take their time: deciding, held in memory and parked, and thousands of parked runs."""

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kapelle.orchestrator import Orchestrator
from measures.app import asking, chain_of
from measures.field import Field, quantile, resident

HELD = 3_600.0
"""Seconds after which a run is parked that is to be held."""
BATCH = 10
"""Runs held at once; a worker walks 16 at once."""
GAP = 0.02
"""Seconds between two decisions."""
PARKED = "select count(*) from runs where parked"


@dataclass(frozen=True)
class Parked:
    """What parked runs cost."""

    megabytes: float
    """What the worker that parked them grew by."""
    latency: list[float]
    """Milliseconds from a decision to the step behind it."""
    slower_start: float
    """Seconds that a worker's start takes longer with them."""
    parking: float
    """Seconds to start and park them all."""


async def held(field: Field, samples: int) -> list[float]:
    """Milliseconds from a decision here to the step behind it in a worker that holds the run."""
    async with field.house() as house:
        await field.serving(field.worker())
        await _decided(field, house, await _ask(house, 1))  # the worker has imported everything
        found: list[float] = []
        while len(found) < samples:
            found += await _decided(field, house, await _ask(house, BATCH))
        return found


async def parked(field: Field, idle: Callable[[], Field], *, runs: int, samples: int, restarts: int) -> Parked:
    """Memory of a worker that has parked runs, deciding some of them, and its start with the others.

    Args:
        idle: makes a field of its own for a worker with nothing to do, before and after.
        restarts: starts before and after; twice as many with the parked runs.
    """
    without = await _starts(idle(), restarts)
    async with field.house() as house:
        worker = field.worker()
        await _walk_one(field, house)
        before, began = resident(worker), time.monotonic()
        asked = await _ask(house, runs)
        await field.until(lambda: field.one(PARKED) == runs, seconds=400, every=0.2)
        took, grown = time.monotonic() - began, resident(worker) - before
        latency = await _decided(field, house, random.sample(asked, samples))
        field.end()
        with_them = await _restarts(field, house, 2 * restarts)
    without += await _starts(idle(), restarts)
    # The best of each: whatever else the machine does can only add to a start.
    slower = min(with_them) - min(without)
    return Parked(megabytes=grown, latency=latency, slower_start=slower, parking=took)


async def _starts(field: Field, rounds: int) -> list[float]:
    async with field.house() as house:
        # The very first worker of a database makes its tables.
        return (await _restarts(field, house, rounds + 1))[1:]


async def _ask(house: Orchestrator, count: int) -> list[str]:
    task = house.task("ask", approve="never")
    plan = house.check(asking(), task)
    return [(await house.start_checked(task, plan, here=False)).id for _ in range(count)]


async def _decided(field: Field, house: Orchestrator, runs: Sequence[str]) -> list[float]:
    """Decide them one after the other, each when it waits; what passed until the step behind it began."""
    found = []
    for run in runs:
        await field.until(lambda run=run: field.waits(run), seconds=60)  # type: ignore[misc]
        await asyncio.sleep(GAP)
        (question,) = await house.approvals(run=run)
        began = time.time()
        await question.approve(by="somebody")
        await field.until(lambda run=run: field.output(run) is not None, seconds=60, every=0.01)  # type: ignore[misc]
        found.append((float(field.output(run)) - began) * 1000)
    return found


async def _walk_one(field: Field, house: Orchestrator) -> float:
    """Leave a run to the workers; when its step began."""
    run = await house.start("probe", plan=chain_of("mark", 1), here=False)
    await field.until(lambda: field.output(run.id) is not None, seconds=60)
    return float(field.output(run.id))


async def _restarts(field: Field, house: Orchestrator, rounds: int) -> list[float]:
    """Seconds from a worker's process start to the first step of a run that stood in the queue."""
    found = []
    for _ in range(rounds):
        run = await house.start("probe", plan=chain_of("mark", 1), here=False)
        began = time.time()
        field.worker()
        await field.until(lambda run=run: field.output(run.id) is not None, seconds=60)  # type: ignore[misc]
        found.append(float(field.output(run.id)) - began)
        field.end()
    return found


def percentiles(values: list[float]) -> tuple[float, float]:
    """Median and p95."""
    return statistics.median(values), quantile(values, 0.95)
