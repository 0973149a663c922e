"""What happens to a database while runs go on: restarted, cut off, gone for long, its disk full."""

import asyncio
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa
from tests.chaos.field import Field
from tests.chaos.judge import Findings
from tests.chaos.outside import Outside
from tests.chaos.scenarios import Size, through

from kapelle.orchestrator import Orchestrator

BACK = 5.0
"""Seconds after which every worker must be at work again."""


class Proxy:
    """A TCP port in front of a Postgres socket, that can be cut."""

    def __init__(self, url: str) -> None:
        target = sa.make_url(url)
        self._socket = f"{target.query['host']}/.s.PGSQL.5432"
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self.cut_off = False
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        port = self._server.sockets[0].getsockname()[1]
        self.url = target.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)

    def _do(self, work: Awaitable[object]) -> "asyncio.Server":
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)  # type: ignore[arg-type,return-value]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut_off:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_unix_connection(self._socket)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer), return_exceptions=True)
        self._open -= {writer, back}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        self.cut_off = True
        self._loop.call_soon_threadsafe(lambda: [one.transport.abort() for one in list(self._open)])

    def mend(self) -> None:
        """Let connections through again."""
        self.cut_off = False


async def _cut_for(field: Field, proxy: Proxy, seconds: float, found: list[str]) -> None:
    await asyncio.sleep(2)
    proxy.cut()
    await asyncio.sleep(seconds)
    proxy.mend()
    await _back_at_work(field, time.time(), found)


async def _back_at_work(field: Field, since: float, found: list[str]) -> None:
    """Every worker has committed something within `BACK` seconds."""
    await asyncio.sleep(BACK)
    entries = [json.loads(line) for line in field.diary.read_text().splitlines()]
    active = {entry["pid"] for entry in entries if since <= entry["at"] <= since + BACK}
    idle = [one.pid for one in field.workers if one.poll() is None and one.pid not in active]
    if idle:
        found.append(f"workers {idle} were not at work within {BACK:g} s")


async def _outage(folder: Path, url: str, size: Size, seed: int, disturb: "Disturb") -> Findings:
    outside = Outside(seed)
    outside.slowness = (0.3, 0.9)
    field = Field(folder, url, outside, seed=seed, park_after=120)
    problems: list[str] = []

    async def disturbed(field: Field, house: Orchestrator, runs: list[str]) -> None:
        await disturb(field, problems)

    found = await through(field, ["outage"] * max(12, size.runs // 2), size, disturbed, concurrency=4)
    found.problems += problems
    if found.taken_over:
        found.problems.append(f"{found.taken_over} runs of living workers were taken over")
    return found


Disturb = Callable[[Field, list[str]], Awaitable[None]]


async def cut_scenario(folder: Path, url: str, size: Size, seed: int) -> Findings:
    """Every connection is cut for five seconds."""
    proxy = Proxy(url)
    return await _outage(folder, proxy.url, size, seed, lambda field, found: _cut_for(field, proxy, 5, found))


async def gone_scenario(folder: Path, url: str, size: Size, seed: int) -> Findings:
    """The database cannot be reached for thirty seconds, longer than any lease."""
    proxy = Proxy(url)
    return await _outage(folder, proxy.url, size, seed, lambda field, found: _cut_for(field, proxy, 30, found))


async def restart_scenario(folder: Path, url: str, size: Size, seed: int) -> Findings:
    """The server is shut down without waiting for anybody, and started again."""
    data = Path(str(sa.make_url(url).query["host"]))

    async def restart(field: Field, found: list[str]) -> None:
        await asyncio.sleep(2)
        options = (data / "postmaster.opts").read_text().split()
        os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
        while (data / "postmaster.pid").exists():
            await asyncio.sleep(0.05)
        control = Path(options[0].strip('"')).with_name("pg_ctl")
        arguments = " ".join(part.strip('"') if part != '""' else '""' for part in options[1:])
        command = [str(control), "-w", "-D", str(data), "-o", arguments, "-l", str(data / "log"), "start"]
        await asyncio.to_thread(_as_owner, data, command)
        await _back_at_work(field, time.time(), found)

    return await _outage(folder, url, size, seed, restart)


def _as_owner(data: Path, command: list[str]) -> None:
    owner = data.stat().st_uid
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=owner if os.geteuid() == 0 else None)


async def full_disk_scenario(folder: Path, url: str, size: Size, seed: int) -> Findings:
    """The disk of a SQLite file is full for five seconds."""
    place = folder / "disk"
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], check=True)
    try:

        async def fill(field: Field, found: list[str]) -> None:
            await asyncio.sleep(2)
            filler = place / "filler"
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(65_536))
            await asyncio.sleep(5)
            filler.unlink()
            await _back_at_work(field, time.time(), found)

        return await _outage(folder, f"sqlite:///{place / 'kapelle.db'}", size, seed, fill)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)
