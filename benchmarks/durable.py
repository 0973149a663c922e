"""What durable runs cost here and elsewhere, and what waiting, kills, readers and several workers cost them.

    python benchmarks/durable.py [--json] [--quick] [--part NAME]...

Peers (LangGraph, Prefect) are measured beside it when `make bench-peers` has installed them. On a shared machine
absolute figures are noise: `ratios` holds every goal as a ratio to its bound, and passes up to 1. Where a figure was
taken on both databases, the worse stands at the top and both under `on`. docs/performance.md says what each means.
"""

import argparse
import asyncio
import json
import os
import platform
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.postgres import Server, libpq_url, serving

from measures import contenders, running, storing, waiting
from measures.field import Field
from measures.floors import postgres_floors, sqlite_floors
from measures.goals import judge

PAYLOADS = (10, 1_000, 4_000)
"""Bytes of the outputs whose storage is measured."""
LONGEST = 900
"""Seconds after which it ends, whatever hangs."""


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    rounds: int = 9
    saves: int = 20
    decisions: int = 100
    """Of each kind and database."""
    parked: int = 5_000
    restarts: int = 2
    kills: int = 5
    runs: int = 300
    turns: int = 1
    reader_seconds: float = 30.0
    items: int = 1_000
    quick: bool = False
    """Workers are measured on SQLite only."""


FULL = Size()
QUICK = Size(
    rounds=5,
    saves=5,
    decisions=30,
    parked=300,
    restarts=1,
    kills=2,
    runs=100,
    reader_seconds=5.0,
    items=60,
    quick=True,
)


@dataclass
class Bench:
    """Where it is measured, and how much."""

    folder: Path
    size: Size
    server: Server
    stack: ExitStack
    made: int = 0

    @property
    def databases(self) -> tuple[str, ...]:
        """Those on which workers are measured."""
        return ("sqlite",) if self.size.quick else ("sqlite", "postgres")

    def postgres(self) -> str:
        """The URL of a new Postgres database."""
        return self.stack.enter_context(self.server.database())

    def field(self, database: str, *, park_after: float = 5.0) -> Field:
        """A new database and nobody who uses it yet."""
        self.made += 1
        url = self.postgres() if database == "postgres" else None
        return Field(self.folder / f"field-{self.made}", url, park_after=park_after)


def steps(bench: Bench) -> dict[str, Any]:
    """What a step costs, here and elsewhere."""
    ours = contenders.ours(bench.folder, bench.postgres())
    others = contenders.peers(bench.folder, libpq_url(bench.postgres()), say, quick=bench.size.quick)
    contenders.compare([*ours, *others], steps=100, rounds=bench.size.rounds)
    others += [one.later for one in others if one.later is not None]
    rows = {one.name: one.row for one in (*ours, *others)}
    to = {mine.name: {one.name: contenders.paired(mine, one) for one in others} for mine in ours}
    floors = {
        "sqlite": sqlite_floors(bench.folder, commits=2_000),
        "postgres": postgres_floors(libpq_url(bench.postgres()), commits=1_000),
    }
    return {**rows, "to": to, "floors": floors}


def saves(bench: Bench) -> dict[str, Any]:
    """The commit of one finished step."""
    durable = contenders.ours(bench.folder / "saves", bench.postgres())[1:]
    found = contenders.save_p95(durable, steps=100, rounds=bench.size.saves)
    return {"on": {name: {"save_p95_ms": value} for name, value in found.items()}}


def storage(bench: Bench) -> dict[str, Any]:
    """What a step leaves behind."""
    on = {}
    for database in ("sqlite", "postgres"):
        stored = {str(size): asyncio.run(storing.bytes_per_step(bench.field(database), size)) for size in PAYLOADS}
        on[database] = {"bytes_per_step": stored["1000"] - 1_000, "stored_by_payload": stored}
    return {"on": on}


def approvals(bench: Bench) -> dict[str, Any]:
    """From a decision to the step behind it, the run held by a worker."""
    on = {}
    for database in bench.databases:
        found = asyncio.run(waiting.held(bench.field(database, park_after=waiting.HELD), bench.size.decisions))
        p50, p95 = waiting.percentiles(found)
        on[database] = {"approval_p50_ms": p50, "approval_p95_ms": p95, "approval_max_ms": max(found)}
    return {"on": on}


def parked(bench: Bench) -> dict[str, Any]:
    """The same, the run and thousands of others parked."""
    on = {}
    size = bench.size
    for database in bench.databases:
        found = asyncio.run(
            waiting.parked(
                bench.field(database, park_after=0.0),
                lambda database=database: bench.field(database),  # type: ignore[misc]
                runs=size.parked,
                samples=size.decisions,
                restarts=size.restarts,
            )
        )
        p50, p95 = waiting.percentiles(found.latency)
        on[database] = {
            "parked_approval_p50_ms": p50,
            "parked_approval_p95_ms": p95,
            "parked_approval_max_ms": max(found.latency),
            "parked_mb": found.megabytes,
            "parked_restart_s": found.slower_start,
            "parking_s": found.parking,
        }
    return {"on": on, "parked_runs": size.parked}


def recovery(bench: Bench) -> dict[str, Any]:
    """From a killed worker's next start to the first new commit."""
    on = {}
    for database in bench.databases:
        found = running.recovery(bench.field(database), bench.field(database), kills=bench.size.kills)
        on[database] = asyncio.run(found)
    return {"on": on}


def throughput(bench: Bench) -> dict[str, Any]:
    """Runs through the queue, by one worker and by two, in turn."""
    on = {}
    for database in bench.databases:
        found: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(bench.size.turns):
            for workers, rates in found.items():
                field = bench.field(database)
                rates.append(asyncio.run(running.throughput(field, workers=workers, runs=bench.size.runs)))
        on[database] = {f"runs_per_s_{workers}": max(rates) for workers, rates in found.items()}
    return {"on": on}


def reader(bench: Bench) -> dict[str, Any]:
    """A run with a reader that has stopped, over the same run without."""
    on = {}
    for database in bench.databases:
        slower = asyncio.run(running.stopped_reader(bench.field(database), seconds=bench.size.reader_seconds))
        on[database] = {"reader_slowdown": slower}
    return {"on": on}


def spread(bench: Bench) -> dict[str, Any]:
    """A map of many items over several workers, on Postgres."""
    return {
        "spread": {
            str(workers): asyncio.run(running.spread(bench.field("postgres"), workers=workers, items=bench.size.items))
            for workers in (2, 4)
        }
    }


PARTS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    one.__name__: one for one in (steps, saves, storage, approvals, parked, recovery, throughput, reader, spread)
}


def say(text: str) -> None:
    """Tell whoever waits for the report."""
    print(text, file=sys.stderr, flush=True)


def measure(bench: Bench, names: list[str]) -> dict[str, Any]:
    """The whole report; a part that fails is named in it, and the others go on."""
    report: dict[str, Any] = {"on": {}}
    for name in names:
        began = time.monotonic()
        try:
            found = PARTS[name](bench)
        except Exception:
            say(traceback.format_exc())
            report.setdefault("failed", []).append(name)
            continue
        for database, row in found.pop("on", {}).items():
            report["on"].setdefault(database, {}).update(row)
        report |= found
        say(f"{name}: {time.monotonic() - began:.0f} s")
    return {**report, **_worse(report["on"])}


def _worse(on: dict[str, dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in on.values():
        for name, value in row.items():
            if isinstance(value, float):
                pick = min if name.startswith("runs_per_s") else max
                found[name] = pick(found.get(name, value), value)
    return found


@contextmanager
def _bench(size: Size) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="kapelle-bench-") as name, ExitStack() as stack:
        server = stack.enter_context(serving(f"bench-{os.getpid()}"))
        if server.folder is not None:
            # The tests' server does not care for power losses. One that is measured syncs, as servers do.
            on = [f"alter system set {name} = on" for name in ("fsync", "full_page_writes")]
            server.execute(*on, "select pg_reload_conf()")
        yield Bench(Path(name), size, server, stack)


def rounded(value: Any) -> Any:
    """Figures as a reader wants them."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def show(report: dict[str, Any]) -> None:
    """Print tables."""
    print(f"{'':<32}{'chain':>10}{'fan':>10}{'k=1':>10}   ms a step; k=1: ms a run of one step")
    for name, row in report.items():
        if isinstance(row, dict) and "chain_ms" in row:
            print(f"{name:<32}{row['chain_ms']:>10.3f}{row['fan_ms']:>10.3f}{row['k1_ms']:>10.2f}")
    for database, floors in report.get("floors", {}).items():
        for name, value in floors.items():
            print(f"{f'{name} ({database} alone)':<32}{value:>10.3f}")
    databases = list(report["on"])
    print("\n" + f"{'':<32}" + "".join(f"{name:>12}" for name in databases))
    for name in dict.fromkeys(name for row in report["on"].values() for name in row):
        values = [report["on"][database].get(name) for database in databases]
        if not any(isinstance(value, dict) for value in values):
            print(f"{name:<32}" + "".join(f"{'' if value is None else value:>12}" for value in values))
    for workers, row in report.get("spread", {}).items():
        print(f"spread over {workers} workers: {json.dumps(row)}")
    print(f"\n{'goal':<52}{'value':>10}{'bound':>12}{'ratio':>8}")
    for name, goal in report["ratios"].items():
        bound = f"<= {goal['at_most']:g}" if "at_most" in goal else f">= {goal['at_least']:g}"
        verdict = "ok" if goal["pass"] else "MISSED"
        print(f"{name:<52}{goal['value']:>10}{bound:>12}{goal['ratio'] or 0:>8}  {verdict}")
    print(f"\n{json.dumps(report['machine'])}")


def _leave(number: int, _: object) -> None:
    # An exception, so that every process that was started is ended on the way out.
    raise SystemExit(f"ended by {signal.Signals(number).name}")


def main() -> int:
    """Measure and print; 1 when a part could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one object")
    parser.add_argument("--quick", action="store_true", help="less of everything, within 90 s")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; may be given more than once")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _leave)
    signal.alarm(LONGEST)
    began, load = time.monotonic(), os.getloadavg()
    with _bench(QUICK if options.quick else FULL) as bench:
        report = rounded(measure(bench, options.part or list(PARTS)))
    report["ratios"] = judge(report)
    report["machine"] = {
        "cores": os.cpu_count(),
        "load_before": [round(one, 1) for one in load],
        "load_after": [round(one, 1) for one in os.getloadavg()],
        "python": platform.python_version(),
        "seconds": round(time.monotonic() - began),
        "quick": options.quick,
    }
    print(json.dumps(report)) if options.json else show(report)
    return int("failed" in report)


if __name__ == "__main__":
    sys.exit(main())
