"""Leases: which processes are alive, so that the runs of the others can be taken over."""

import asyncio
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from kapelle.ids import new_id
from kapelle.store.dialect import Statement
from kapelle.store.faults import explain_fault

BEAT = 1.0
"""Seconds between two renewals."""
MISSED = 5
"""Beats after which a process counts as dead."""


def pid_space() -> str:
    """Where a pid names the same process as here: this boot, and this namespace of pids; empty if nobody can tell.

    The host's name does not say it: machines may share one, and containers may have their host's.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def process_started(pid: int) -> str | None:
    """When a process began, in the system's own count; None when there is no such process."""
    try:
        # The name in parentheses may hold spaces: fields are counted from behind it.
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _without_proc(pid)
    except OSError:
        return None
    fields = text.rsplit(")", 1)[1].split()
    return None if fields[0] in "ZX" else fields[19]


def _without_proc(pid: int) -> str | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "unknown"


class Lease:
    """This process's lease: a row renewed each second by a thread of its own."""

    def __init__(self, engine: sa.Engine, queues: Sequence[str] = ()) -> None:
        """Args:
        queues: the ones this process takes runs from.
        """
        self.executor = new_id("x")
        self.queues = tuple(queues)
        self.turn = 0
        """Raised when a renewal came late: what was owned before may have been taken over."""
        self._engine = engine
        self._stop = threading.Event()
        self._renewed = self._steady_since = time.monotonic()
        self._thread = threading.Thread(target=self._beat, name="kapelle-lease", daemon=True)
        self._insert()
        self._thread.start()

    @property
    def fresh(self) -> bool:
        """Renewed within half a lease: paid calls and writes may start."""
        return time.monotonic() - self._renewed < BEAT * MISSED / 2

    async def freshness(self) -> int:
        """Wait until the lease is fresh; its turn then."""
        while not self.fresh:  # noqa: ASYNC110  # the beat is another thread's, and comes once a second
            await asyncio.sleep(BEAT / 5)
        return self.turn

    @property
    def steady(self) -> bool:
        """No beat was missed for a whole lease: the others had their chance to beat, so they may be judged."""
        return self.fresh and time.monotonic() - self._steady_since >= BEAT * MISSED

    def release(self) -> None:
        """End the lease: what this process left unfinished may be taken over at once."""
        self._stop.set()
        self._thread.join(timeout=BEAT * 2)
        self._try(lambda connection: connection.execute(_DELETE, {"executor": self.executor}))

    def _insert(self) -> None:
        pid = os.getpid()
        row = {
            "executor": self.executor,
            "host": socket.gethostname(),
            "pid": pid,
            "boot": pid_space(),
            "process_started": process_started(pid) or "",
            "queues": json.dumps(self.queues),
        }
        with self._engine.begin() as connection:
            connection.execute(_INSERT.on(connection), row)

    def _beat(self) -> None:
        while not self._stop.wait(BEAT):
            if self._try(lambda connection: connection.execute(_RENEW.on(connection), {"executor": self.executor})):
                self._note_renewed()

    def _note_renewed(self) -> None:
        now = time.monotonic()
        if now - self._renewed >= BEAT * 2:
            self._steady_since = now
        if not self.fresh:
            self.turn += 1
        self._renewed = now

    def _try(self, statement: Callable[[sa.Connection], object]) -> bool:
        try:
            with self._engine.begin() as connection:
                statement(connection)
        except Exception as error:  # a beat that is missed is the message; only a fault of ours is raised
            if explain_fault(error, "") is None:
                raise
            return False
        return True


# Beats are of the database's own clock: the clocks of two hosts may differ.
_INSERT = Statement(
    "insert into leases (executor, host, pid, boot, process_started, beat, queues) "
    "values (:executor, :host, :pid, :boot, :process_started, {now}, :queues)"
)
_RENEW = Statement("update leases set beat = {now} where executor = :executor")
_DELETE = sa.text("delete from leases where executor = :executor")
_ALL = Statement("select executor, host, pid, boot, process_started, queues, {now} - beat as age from leases")
_FORGET = Statement("delete from leases where {now} - beat > 3600")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process with a lease, as seen from this one."""

    executor: str
    host: str
    pid: int
    alive: bool
    gone: bool
    """Its process is not there any more: this needs no waiting for beats."""
    queues: tuple[str, ...]


def holders(connection: sa.Connection) -> list[Holder]:
    """Every process that has or had a lease: alive when its beat is fresh and, where this one can see it, it is there.

    One that is out of sight is never taken for gone: its missed beats alone tell.
    """
    host, space = socket.gethostname(), pid_space()
    found = []
    for row in connection.execute(_ALL.on(connection)):
        in_sight = bool(space) and (row.host, row.boot) == (host, space)
        gone = in_sight and process_started(row.pid) != row.process_started
        alive = not gone and row.age < BEAT * MISSED
        found.append(Holder(row.executor, row.host, row.pid, alive, gone, tuple(json.loads(row.queues))))
    return found


def living(connection: sa.Connection) -> set[str]:
    """The executors that are alive."""
    return {one.executor for one in holders(connection) if one.alive}


def serving(connection: sa.Connection, queue: str) -> bool:
    """Whether a living process takes runs from a queue."""
    return any(one.alive and queue in one.queues for one in holders(connection))


def forget_dead(connection: sa.Connection) -> None:
    """Delete leases that ended long ago."""
    connection.execute(_FORGET.on(connection))
