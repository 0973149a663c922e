"""What it costs that people take their time: deciding, held in memory and parked, and thousands of parked runs."""

import asyncio
import random
import statistics
import time
from collections.abc import Sequence

from measures.app import asking, chain_of
from measures.field import Field, quantile, resident

from kapelle.orchestrator import Orchestrator

HELD = 3_600.0
"""Seconds after which a run is parked that is to be held."""
BATCH = 10
"""Runs held at once; a worker walks 16 at once."""
GAP = 0.02
"""Seconds between two decisions."""
PARKED = "select count(*) from runs where parked"


async def held(field: Field, samples: int) -> list[float]:
    """Milliseconds from a decision here to the step behind it in a worker that holds the run."""
    async with field.house() as house:
        await field.serving(field.worker())
        await _decided(field, house, await _ask(house, 1))  # the worker has imported everything
        found: list[float] = []
        while len(found) < samples:
            found += await _decided(field, house, await _ask(house, BATCH))
        return found


async def parked(field: Field, idle: Field, *, runs: int, samples: int, restarts: int) -> dict[str, object]:
    """Memory of a worker with parked runs, deciding some of them, and its start with the others."""
    async with field.house() as house, idle.house() as nobody:
        worker = field.worker()
        await field.serving(worker)
        await _walk_one(field, house)
        before = resident(worker)
        began = time.monotonic()
        asked = await _ask(house, runs)
        await field.until(lambda: field.one(PARKED) == runs, seconds=600, every=0.2)
        took = time.monotonic() - began
        grown = resident(worker) - before
        latency = await _decided(field, house, random.sample(asked, samples))
        field.end()
        starts = await _starts(((field, house), (idle, nobody)), restarts)
        with_them, without = (statistics.median(one) for one in starts)
        return {"mb": grown, "ms": latency, "restart_s": with_them - without, "idle_start_s": without, "parking_s": took}


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


async def _starts(fields: Sequence[tuple[Field, Orchestrator]], rounds: int) -> list[list[float]]:
    """Seconds from a worker's process start to the first step of a run that stood in the queue; in turn."""
    found: list[list[float]] = [[] for _ in fields]
    for _ in range(rounds):
        for place, (field, house) in enumerate(fields):
            run = await house.start("probe", plan=chain_of("mark", 1), here=False)
            began = time.time()
            field.worker()
            await field.until(lambda f=field, r=run.id: f.output(r) is not None, seconds=60)  # type: ignore[misc]
            found[place].append(float(field.output(run.id)) - began)
            field.end()
    return found


def percentiles(values: list[float]) -> tuple[float, float]:
    """Median and p95."""
    return statistics.median(values), quantile(values, 0.95)
