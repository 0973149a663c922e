"""Where something is measured: a database, the worker processes over it, and the house that starts and decides."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from kapelle.orchestrator import Orchestrator
from kapelle.settings import load_settings
from kapelle.store.engine import open_url
from kapelle.store.migrate import migrate
from measures import app

BENCHMARKS = Path(__file__).parents[1]
APP = "measures.app:house"


class Field:
    """One database and everybody who uses it."""

    def __init__(self, folder: Path, url: str | None = None, *, park_after: float = 5.0) -> None:
        """Args:
        park_after: seconds that a waiting run is held by its worker.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.url = url or f"sqlite:///{folder / 'kapelle.db'}"
        self.log = folder / "processes.log"
        """What they say."""
        self.processes: list[subprocess.Popen[bytes]] = []
        chosen: dict[str, Any] = {"park_after": park_after}
        self.settings = load_settings(home=folder, database_url=self.url, app=APP, run=chosen)
        self.engine = open_url(self.url)
        migrate(self.engine)

    def command(self, *words: str) -> subprocess.Popen[bytes]:
        """Start `kapelle` with these words."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KAPELLE_")},
            "KAPELLE_HOME": str(self.folder),
            "KAPELLE_DATABASE_URL": self.url,
            "KAPELLE_RUN__PARK_AFTER": str(self.settings.run.park_after),
        }
        line = [sys.executable, "-c", "from kapelle.cli.main import main; main()", *words, "--app", APP]
        with self.log.open("ab") as log:
            process = subprocess.Popen(line, env=environment, cwd=BENCHMARKS, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def worker(self) -> subprocess.Popen[bytes]:
        """Start a worker."""
        return self.command("worker")

    def rows(self, statement: str, **values: object) -> list[Any]:
        """Read."""
        with self.engine.connect() as connection:
            return list(connection.execute(sa.text(statement), values))

    def one(self, statement: str, **values: object) -> Any:
        """Read one value."""
        return self.rows(statement, **values)[0][0]

    async def until(self, true: Callable[[], bool], *, seconds: float, every: float = 0.02) -> float:
        """Wait for something to be seen; when that was.

        Raises:
            TimeoutError: it was not.
        """
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds:.0f} s; see {self.log}")
            await asyncio.sleep(every)
        return time.time()

    async def serving(self, process: subprocess.Popen[bytes], *, seconds: float = 60) -> float:
        """Wait until a worker holds its lease; when that was seen."""
        statement = "select count(*) from leases where pid = :pid"
        return await self.until(lambda: bool(self.one(statement, pid=process.pid)), seconds=seconds, every=0.005)

    def end(self) -> None:
        """End every process, and forget them."""
        for one in self.processes:
            if one.poll() is None:
                one.send_signal(signal.SIGCONT)
                one.terminate()
        for one in self.processes:
            try:
                one.wait(15)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()
        self.processes.clear()

    @asynccontextmanager
    async def house(self) -> AsyncIterator[Orchestrator]:
        """Whoever starts runs and decides; it walks nothing. Ends every process after the block."""
        tools = (app.nothing, app.mark, app.pause, app.text, app.visit)
        house = Orchestrator(tools=tools, packs=[], settings=self.settings, app=APP)
        try:
            yield house
        finally:
            self.end()
            await house.close()
            self.engine.dispose()

    def waits(self, run: str) -> bool:
        """Whether a run waits for somebody, and is parked where this field parks at once."""
        found = self.rows("select status, parked from runs where id = :run", run=run)
        return found[0].status == "waiting" and (bool(found[0].parked) or self.settings.run.park_after > 0)

    def output(self, run: str) -> Any:
        """What a run came to; None while it has not ended."""
        found = self.rows("select output from runs where id = :run and ended is not null", run=run)
        return json.loads(found[0][0]) if found and found[0][0] else None


def resident(process: subprocess.Popen[bytes]) -> float:
    """Resident memory, MB."""
    return float(psutil.Process(process.pid).memory_info().rss) / 1e6


def quantile(values: list[float], share: float) -> float:
    """The value that a share of them does not pass."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
