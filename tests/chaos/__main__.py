"""`python -m tests.chaos`: kill workers in every way over both databases; exit 1 unless nothing is lost or repeated."""

import argparse
import asyncio
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.outages import cut_scenario, full_disk_scenario, gone_scenario, restart_scenario
from tests.chaos.scenarios import (
    QUICK,
    Size,
    commit_scenario,
    effect_scenario,
    random_scenario,
    run_one,
    spread_scenario,
)
from tests.postgres import serving

from kapelle.store.engine import open_url
from kapelle.store.migrate import migrate

KILLS = {"random": random_scenario, "spread": spread_scenario, "commits": commit_scenario, "effects": effect_scenario}
OUTAGES = {
    "sqlite": {"full-disk": full_disk_scenario},
    "postgres": {"restart": restart_scenario, "cut": cut_scenario, "gone": gone_scenario},
}
NAMES = (*KILLS, *(name for scenarios in OUTAGES.values() for name in scenarios))


def main() -> int:
    """Run what is asked for; one summary line each."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few runs and few kills")
    parser.add_argument("--database", choices=("sqlite", "postgres"), action="append")
    parser.add_argument("--scenario", choices=NAMES, action="append")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep databases and logs in this folder")
    given = parser.parse_args()
    logging.getLogger("kapelle").setLevel(logging.ERROR)
    size = QUICK if given.quick else Size()
    top = given.keep or Path(tempfile.mkdtemp(prefix="kapelle-chaos-"))
    failed = False
    for database in given.database or ("sqlite", "postgres"):
        known = KILLS | OUTAGES[database]
        for name in (name for name in given.scenario or known if name in known):
            folder = top / f"{database}-{name}"
            folder.mkdir(parents=True, exist_ok=True)
            failed |= not _run(database, name, folder, size, given.seed)
    if given.keep is None and not failed:
        shutil.rmtree(top, ignore_errors=True)
    elif failed:
        print(f"databases and logs: {top}", file=sys.stderr)
    return int(failed)


def _run(database: str, name: str, folder: Path, size: Size, seed: int) -> bool:
    if database == "sqlite":
        return _judge(database, name, folder, f"sqlite:///{folder / 'kapelle.db'}", size, seed)
    with serving(f"chaos-{os.getpid()}") as server, server.database() as url:
        return _judge(database, name, folder, url, size, seed)


def _judge(database: str, name: str, folder: Path, url: str, size: Size, seed: int) -> bool:
    engine = open_url(url)
    migrate(engine)
    engine.dispose()
    found, line = asyncio.run(run_one(f"{database} {name}", (KILLS | OUTAGES[database])[name], folder, url, size, seed))
    print(line, flush=True)
    for problem in found.problems[:20]:
        print(f"  {problem}", flush=True)
    return found.ok


if __name__ == "__main__":
    sys.exit(main())
