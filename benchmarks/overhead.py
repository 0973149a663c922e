"""What walking a plan costs per step, as ratios to plain asyncio and to one SQLite insert per step of the same run.

    python benchmarks/overhead.py [--json] [--steps N] [--rounds N]

`chain`: steps that follow each other; `fan`: steps that may run at once; `k1`: a whole run of one step, start to end.
Events are included. Times are medians; on a shared machine compare only numbers of one run.
"""

import argparse
import asyncio
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from kapelle import Orchestrator, Settings, tool
from kapelle.handles import candidate_of
from kapelle.plan.model import Plan
from kapelle.run.model import RunRecord

Timed = Callable[[int], Awaitable[float]]


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


async def asyncio_chain(length: int) -> float:
    """The floor: await a coroutine a step."""
    began = time.perf_counter()
    value = 0
    for _ in range(length):
        value = await asyncio.create_task(nothing.function(value))
    return time.perf_counter() - began


async def asyncio_fan(length: int) -> float:
    """The floor: gather."""
    began = time.perf_counter()
    await asyncio.gather(*(nothing.function(number) for number in range(length)))
    return time.perf_counter() - began


def insert_per_step(folder: Path) -> Timed:
    """One committed row a step in a file with the same pragmas."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.execute("pragma journal_mode=WAL")
    connection.execute("pragma synchronous=NORMAL")
    connection.execute("create table if not exists rows (id integer primary key, data text)")

    async def timed(length: int) -> float:
        began = time.perf_counter()
        for number in range(length):
            connection.execute("insert into rows (data) values (?)", (f'{{"output": {number}}}',))
        return time.perf_counter() - began

    return timed


def walking(house: Orchestrator, shape: Callable[[int], Plan]) -> Timed:
    """A whole run of a plan; planning and validation are not in it."""
    plans: dict[int, Plan] = {}

    async def timed(length: int) -> float:
        task = house.task("measure")
        if length not in plans:
            plans[length] = house.check(shape(length), task)
        plan = plans[length]
        began = time.perf_counter()
        run = await house.start_checked(task, plan)
        record: RunRecord = await run.wait()
        took = time.perf_counter() - began
        assert record.status == "succeeded", candidate_of(record).missing
        return took

    return timed


async def per_step(timed: Timed, length: int, rounds: int) -> float:
    """Median milliseconds a step."""
    await timed(min(length, 20))
    return statistics.median([await timed(length) for _ in range(rounds)]) / length * 1000


async def measure(steps: int, rounds: int) -> dict[str, dict[str, float]]:
    """Every number."""
    result: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        insert = insert_per_step(folder)
        result["asyncio"] = await row(asyncio_chain, asyncio_fan, steps, rounds)
        result["insert"] = await row(insert, insert, steps, rounds)
        settings = Settings(home=folder)
        for key, engine in (("inline", "inline"), ("dbos_sqlite", "durable")):
            house = Orchestrator(tools=[nothing], settings=settings, packs=(), engine=engine)
            chained, fanned = walking(house, chain), walking(house, fan)
            result[key] = await row(chained, fanned, steps, rounds)
            result[key]["scale"] = await per_step(chained, 1_000, 3) / await per_step(chained, 100, 5)
            result[key]["plan_ms"] = await planning(house, rounds * 4)
            await house.close()
    return result


async def row(chained: Timed, fanned: Timed, steps: int, rounds: int) -> dict[str, float]:
    """The three numbers of one way of doing it."""
    return {
        "chain_ms": await per_step(chained, steps, rounds),
        "fan_ms": await per_step(fanned, steps, rounds),
        "k1_ms": await per_step(chained, 1, rounds * 4),
    }


async def planning(house: Orchestrator, rounds: int) -> float:
    """Median milliseconds to plan, complete, validate and price a task."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        await house.plan("Extract the deadlines and action items of this text: the report is due on Friday.")
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    found = asyncio.run(measure(options.steps, options.rounds))
    durable = found["dbos_sqlite"]
    report: dict[str, object] = {
        **{
            name: {key: round(value, 4) for key, value in row.items() if key.endswith("_ms") and key != "plan_ms"}
            for name, row in found.items()
        },
        "plan_ms": round(durable["plan_ms"], 3),
        "scale": round(durable["scale"], 3),
        "ratios": {
            f"{name}_{shape}_to_{floor}": round(found[name][f"{shape}_ms"] / found[floor][f"{shape}_ms"], 1)
            for name in ("inline", "dbos_sqlite")
            for shape in ("chain", "fan")
            for floor in ("asyncio", "insert")
        },
    }
    if options.json:
        print(json.dumps(report))
        return
    print(f"{'':<14}{'chain':>10}{'fan':>10}{'k=1':>10}   ms a step, {options.steps} steps; k=1: ms a run")
    for name in ("asyncio", "insert", "inline", "dbos_sqlite"):
        values = found[name]
        print(f"{name:<14}{values['chain_ms']:>10.4f}{values['fan_ms']:>10.4f}{values['k1_ms']:>10.3f}")
    print(f"planning {report['plan_ms']} ms; per step at 1,000 over at 100 steps: {report['scale']}")
    for name, ratio in report["ratios"].items():  # type: ignore[attr-defined]  # a dictionary, two lines above
        print(f"  {name:<32}{ratio:>8}")


if __name__ == "__main__":
    main()
