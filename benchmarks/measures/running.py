"""What workers get done: after a kill, from a queue, between them, and with a reader that has stopped."""

import asyncio
import signal
import statistics
import time
from collections import Counter
from datetime import datetime
from typing import Any

from kapelle.orchestrator import Orchestrator
from kapelle.plan.model import Plan
from measures.app import chain_of
from measures.field import Field

LATEST = "select coalesce(max(seq), 0) from events where run = :run"


async def recovery(field: Field, idle: Field, *, kills: int) -> dict[str, float]:
    """Kill a worker in the middle of a run and start one again, in turn with one that finds nothing to do.

    `start_s`: from the process's start to its lease. `recovery_s`: from the process's start to the first new commit of
    the run, less that.
    """
    recovered, bare = [], []
    async with field.house() as house, idle.house():
        run = (await house.start("go on", plan=chain_of("pause", 150 * (kills + 1)), here=False)).id
        worker = field.worker()
        for _ in range(kills):
            await _goes_on(field, run, 40)
            worker.kill()
            worker.wait()
            bare.append(await _bare_start(idle))
            last = field.one(LATEST, run=run)
            began = time.time()
            worker = field.worker()
            await field.until(lambda last=last: field.one(LATEST, run=run) > last, seconds=60, every=0.01)  # type: ignore[misc]
            (at,) = field.rows("select at from events where run = :run and seq = :seq", run=run, seq=last + 1)[0]
            recovered.append(datetime.fromisoformat(at).timestamp() - began)
        await house.get(run).cancel()
    start = statistics.median(bare)
    return {"recovery_s": statistics.median(recovered) - start, "start_s": start}


async def _goes_on(field: Field, run: str, events: int) -> None:
    from_here = field.one(LATEST, run=run)
    await field.until(lambda: field.one(LATEST, run=run) > from_here + events, seconds=60)


async def _bare_start(field: Field) -> float:
    began = time.time()
    seen = await field.serving(field.worker())
    field.end()
    return seen - began


async def throughput(field: Field, *, workers: int, runs: int) -> float:
    """Runs of 5 steps a second, while every worker is at work; they stand in the queue before the workers start."""
    async with field.house() as house:
        task = house.task("measure")
        plan = house.check(chain_of("nothing", 5), task)
        for _ in range(runs):
            await house.start_checked(task, plan, here=False)
        for _ in range(workers):
            field.worker()
        ended = "select count(*) from runs where ended is not null"
        await field.until(lambda: field.one(ended) == runs, seconds=120, every=0.1)
        rows = field.rows("select executor, started, ended from runs")
    times = [(one.executor, _seconds(one.started), _seconds(one.ended)) for one in rows]
    firsts = {who: min(began for whose, began, _ in times if whose == who) for who, _, _ in times}
    began = max(firsts.values())
    within = [end for _, _, end in times if end > began]
    return len(within) / (max(within) - began)


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


async def spread(field: Field, *, workers: int, items: int) -> dict[str, Any]:
    """A map of many items over several workers: how often each was done, who did how many, how long it took."""
    diary = field.folder / "diary"
    body = {
        "kind": "tool",
        "id": "visit",
        "tool": "visit",
        "inputs": {"number": {"$ref": "item"}, "diary": str(diary)},
    }
    over = list(range(items))
    step = {"kind": "map", "id": "m", "over": over, "body": [body], "output": "visit", "spread": True}
    step |= {"width": 64, "limit": items}
    plan = Plan.model_validate({"steps": [step], "output": "m"})
    async with field.house() as house:
        await asyncio.gather(*(field.serving(field.worker()) for _ in range(workers)))
        await _warm(field, house, workers)
        run = await house.start("spread", plan=plan, here=False)
        await field.until(lambda: field.output(run.id) is not None, seconds=240, every=0.1)
        found = field.rows("select started, ended from runs where id = :run", run=run.id)[0]
        visits = Counter(diary.read_text().split())
        who = Counter(field.output(run.id))
    return {
        "items_once": sum(times == 1 for times in visits.values()),
        "items": items,
        "smallest_share": min(who.values()) * workers / items if len(who) == workers else 0.0,
        "seconds": _seconds(found.ended) - _seconds(found.started),
    }


async def _warm(field: Field, house: Orchestrator, workers: int) -> None:
    """Let every worker walk something: what a first walk imports is not the map's."""
    for _ in range(workers * 8):
        await house.start("warm", plan=chain_of("pause", 2), here=False)
    await field.until(lambda: field.one("select count(*) from runs where ended is null") == 0, seconds=60)


async def stopped_reader(field: Field, *, seconds: float) -> float:
    """How much slower a run is while somebody who watches it has stopped reading: 0.01 is one percent.

    Its pace against that of a twin that nobody watches, walked by the same worker at the same time: whatever else the
    machine does slows both. Steps take 10 ms.
    """
    async with field.house() as house:
        await field.serving(field.worker())
        plan = _long_plan(9_900)
        watched, twin = [(await house.start("read", plan=plan, here=False)).id for _ in range(2)]
        for run in (watched, twin):
            await _goes_on(field, run, 100)
        told = field.log.stat().st_size
        reader = field.command("watch", watched)
        await field.until(lambda: field.log.stat().st_size > told + 1_000, seconds=30)
        await asyncio.sleep(0.5)  # it has read what there is, and follows
        reader.send_signal(signal.SIGSTOP)
        before = _reached(field)
        await asyncio.sleep(seconds)
        after = _reached(field)
        reader.kill()
        reader.wait()
        for run in (watched, twin):
            await house.get(run).cancel()
        return (after[twin] - before[twin]) / (after[watched] - before[watched]) - 1


def _long_plan(steps: int) -> Plan:
    # Items of a map: a plan of so many steps would be most of what is measured.
    body = {"kind": "tool", "id": "p", "tool": "pause", "inputs": {"value": {"$ref": "item"}}}
    step = {"kind": "map", "id": "m", "over": list(range(steps)), "body": [body], "output": "p"}
    return Plan.model_validate({"steps": [step | {"width": 1, "limit": steps}], "output": "m"})


def _reached(field: Field) -> dict[str, int]:
    """The number of the last event of every run, all of one moment."""
    return {one.id: int(one.seq) for one in field.rows("select id, seq from runs")}
