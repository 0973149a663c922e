"""Leases: which processes are alive, so that the runs of the others can be taken over."""

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from kapelle.ids import new_id
from kapelle.store.faults import explain_fault

BEAT = 1.0
"""Seconds between two renewals."""
MISSED = 5
"""Beats after which a process counts as dead."""
_NOW = "((julianday('now') - 2440587.5) * 86400.0)"
"""The database's own clock, in seconds since 1970."""


def boot_id() -> str:
    """This boot of this machine; empty where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
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

    def __init__(self, engine: sa.Engine) -> None:
        self.executor = new_id("x")
        self._engine = engine
        self._stop = threading.Event()
        self._renewed = time.monotonic()
        self._thread = threading.Thread(target=self._beat, name="kapelle-lease", daemon=True)
        self._insert()
        self._thread.start()

    @property
    def fresh(self) -> bool:
        """Renewed within half a lease: paid calls and writes may start."""
        return time.monotonic() - self._renewed < BEAT * MISSED / 2

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
            "boot": boot_id(),
            "process_started": process_started(pid) or "",
        }
        with self._engine.begin() as connection:
            connection.execute(_INSERT, row)

    def _beat(self) -> None:
        while not self._stop.wait(BEAT):
            if self._try(lambda connection: connection.execute(_RENEW, {"executor": self.executor})):
                self._renewed = time.monotonic()

    def _try(self, statement: Callable[[sa.Connection], object]) -> bool:
        try:
            with self._engine.begin() as connection:
                statement(connection)
        except Exception as error:  # a beat that is missed is the message; only a fault of ours is raised
            if explain_fault(error, "") is None:
                raise
            return False
        return True


_INSERT = sa.text(
    "insert into leases (executor, host, pid, boot, process_started, beat) "
    f"values (:executor, :host, :pid, :boot, :process_started, {_NOW})"
)
_RENEW = sa.text(f"update leases set beat = {_NOW} where executor = :executor")
_DELETE = sa.text("delete from leases where executor = :executor")
_ALL = sa.text(f"select executor, host, pid, boot, process_started, {_NOW} - beat as age from leases")


def living(connection: sa.Connection) -> set[str]:
    """The executors that are alive: their beat is fresh and, on this host, their process is there."""
    host, boot = socket.gethostname(), boot_id()
    alive = set()
    for row in connection.execute(_ALL):
        here = row.host == host
        gone = here and (row.boot != boot or process_started(row.pid) != row.process_started)
        if not gone and row.age < BEAT * MISSED:
            alive.add(row.executor)
    return alive


def forget_dead(connection: sa.Connection) -> None:
    """Delete leases that ended long ago."""
    connection.execute(sa.text(f"delete from leases where {_NOW} - beat > 3600"))
