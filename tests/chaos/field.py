"""The field: workers that are killed, stopped and started again, a person who approves, and the stories of the runs."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.chaos import app
from tests.chaos.judge import Story
from tests.chaos.outside import Outside

from kapelle.errors import KapelleError
from kapelle.orchestrator import Orchestrator
from kapelle.settings import load_settings

ROOT = Path(__file__).parents[2]
APP = "tests.chaos.app:house"


class Field:
    """Workers over one database."""

    def __init__(self, folder: Path, url: str, outside: Outside, *, seed: int = 0, park_after: float = 0.3) -> None:
        self.folder = folder
        self.url = url
        self.outside = outside
        self.dice = random.Random(seed)
        self.diary = folder / "diary.jsonl"
        self.kills = 0
        self.stops = 0
        self.concurrency = 16
        self.workers: list[subprocess.Popen[bytes]] = []
        self.settings = load_settings(home=folder, database_url=url, app=APP, run={"park_after": park_after})
        (folder / "killed").mkdir(exist_ok=True)

    def start_worker(self) -> None:
        """Start one more worker."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KAPELLE_")},
            "KAPELLE_HOME": str(self.folder),
            "KAPELLE_DATABASE_URL": self.url,
            "KAPELLE_RUN__PARK_AFTER": str(self.settings.run.park_after),
            "KAPELLE_WORKER__CONCURRENCY": str(self.concurrency),
            app.DIARY: str(self.diary),
            app.OUTSIDE: self.outside.url,
            app.KILLS: str(self.folder / "killed"),
        }
        command = [sys.executable, "-c", "from kapelle.cli.main import main; main()", "worker", "--app", APP]
        log = open(self.folder / "workers.log", "ab")  # noqa: SIM115  # the process keeps it
        self.workers.append(subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log))
        log.close()

    def keep(self, count: int) -> None:
        """Start as many workers as are missing."""
        self.workers = [one for one in self.workers if one.poll() is None]
        while len(self.workers) < count:
            self.start_worker()

    def kill_one(self) -> None:
        """Kill a worker with -9."""
        living = [one for one in self.workers if one.poll() is None]
        if living:
            self.dice.choice(living).kill()
            self.kills += 1

    async def stop_one(self, seconds: float) -> None:
        """Stop a worker for a while, and let it go on."""
        living = [one for one in self.workers if one.poll() is None]
        if not living:
            return
        chosen = self.dice.choice(living)
        self.stops += 1
        chosen.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        with suppress(ProcessLookupError):
            chosen.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """End every worker."""
        for one in self.workers:
            if one.poll() is None:
                one.send_signal(signal.SIGCONT)
                one.terminate()
        for one in self.workers:
            try:
                one.wait(15)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()

    @asynccontextmanager
    async def house(self) -> AsyncIterator[Orchestrator]:
        """The orchestrator of whoever starts runs and decides; it walks nothing."""
        made = Orchestrator(tools=[app.look, app.change], packs=[], settings=self.settings, app=APP)
        try:
            yield made
        finally:
            await made.close()


async def approve_all(house: Orchestrator) -> None:
    """Approve whatever is asked, until cancelled."""
    while True:
        with suppress(KapelleError):
            for one in await house.approvals():
                await one.approve(by="ann")
        await asyncio.sleep(0.1)


async def ended(house: Orchestrator, runs: list[str], *, seconds: float) -> bool:
    """Wait until every run ended; False when the time is over."""
    deadline = time.monotonic() + seconds
    open_runs = set(runs)
    while open_runs and time.monotonic() < deadline:
        for run in list(open_runs):
            with suppress(KapelleError):
                if (await house.get(run).status()).ended_already:
                    open_runs.discard(run)
        await asyncio.sleep(0.2)
    return not open_runs


async def stories(house: Orchestrator, runs: list[str]) -> list[Story]:
    """Everything that is recorded of some runs."""
    found = []
    for id in runs:
        run = house.get(id)
        events = [event async for event in run.events(follow=False)]
        found.append((await run.status(), await run.steps(), events))
    return found
