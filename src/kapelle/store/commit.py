"""Write to the database from one thread of ours, and wait out what passes: a full disk, a lock, a lost connection."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import sqlalchemy as sa

from kapelle.errors import OwnershipLost, StoreUnavailable
from kapelle.store.faults import explain_fault, where

T = TypeVar("T")
LONGEST_PAUSE = 1.0
"""Seconds between two tries, at most."""


class Fence(Protocol):
    """Proof that a writer still owns what it writes to."""

    def pass_through(self, connection: sa.Connection, events: int) -> int:
        """Lock the owned row and draw numbers for `events` events; the first of them.

        Raises:
            OwnershipLost: another process owns it now.
        """


class Writer:
    """One writing thread per process and database: SQLite has one writer at a time, and DBOS's threads stay free."""

    def __init__(self, engine: sa.Engine, *, patience: float | None, on_trouble: Callable[[str], None]) -> None:
        """Args:
        patience: seconds to wait for a database that cannot be written; None: for ever.
        on_trouble: told once when waiting begins, and once when it is over.
        """
        self._engine = engine
        self._patience = patience
        self._on_trouble = on_trouble
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kapelle-writer")
        self._closing = threading.Event()
        self._connection: sa.Connection | None = None

    async def write(self, statements: Callable[[sa.Connection], T]) -> T:
        """Run `statements` in one transaction, again until it succeeds.

        Raises:
            OwnershipLost: the fence did not let it pass; nothing was written.
            StoreUnavailable: the patience is over.
            DatabaseDamaged: waiting cannot help.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.write_now, statements)

    def write_now(self, statements: Callable[[sa.Connection], T]) -> T:
        """The same, from a thread that may block."""
        began = time.monotonic()
        pause = 0.05
        troubled = False
        while True:
            try:
                with self._open().begin():
                    result = statements(self._open())
                if troubled:
                    self._on_trouble(f"the database `{where(self._engine)}` can be written again")
                return result
            except OwnershipLost:
                raise
            except Exception as error:
                self._drop_broken()
                fault = explain_fault(error, where(self._engine))
                if fault is None:
                    raise
                waited = time.monotonic() - began
                over = self._patience is not None and waited >= self._patience
                if not isinstance(fault, StoreUnavailable) or over or self._closing.is_set():
                    raise fault from error
                if not troubled:
                    self._on_trouble(f"{fault}; waiting")
                    troubled = True
                self._closing.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _open(self) -> sa.Connection:
        """The connection of the writing thread, kept from one write to the next."""
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _drop_broken(self) -> None:
        if self._connection is not None and (self._connection.closed or self._connection.invalidated):
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Let the last write end."""
        self._closing.set()
        self._thread.submit(self._drop)
        self._thread.shutdown(wait=True)
