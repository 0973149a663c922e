"""Write to the database, one after the other, and wait out what passes: a full disk, a lock, a lost connection."""

import asyncio
import functools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import sqlalchemy as sa

from kapelle.errors import OwnershipLost, StoreUnavailable
from kapelle.store.dialect import POSTGRES
from kapelle.store.engine_sqlite import sqlite_file
from kapelle.store.faults import explain_fault, is_momentary, where
from kapelle.store.transact_postgres import Alone, Mark, NotSent, PostgresTransactions
from kapelle.store.transact_sqlite import NotAtOnce, SqliteTransactions

if TYPE_CHECKING:
    from kapelle.store.transact_loop_postgres import PostgresLoop

T = TypeVar("T")
_SENDER = "kapelle.store.transact_loop_postgres"
"""It loads psycopg, which is not everywhere."""
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
    """One writing thread per process and database: SQLite has one writer at a time, and DBOS's threads stay free.

    What is brief the calling loop tries itself, where it need not wait; what it could not do the thread does.
    """

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
        self._turn = threading.Lock()
        """Held by whoever writes: the thread, also while it waits for the database, or the loop for one short write."""
        kind = PostgresTransactions if engine.dialect.name == POSTGRES.name else SqliteTransactions
        self._transactions: PostgresTransactions | SqliteTransactions = kind(engine)
        self._sender: PostgresLoop | None = None

    @property
    def alone(self) -> bool:
        """One statement that does everything is worth its while: each costs a way to a server and back."""
        return isinstance(self._transactions, PostgresTransactions)

    @property
    def file(self) -> Path | None:
        """The file that is written; None for a database server."""
        return sqlite_file(self._engine.url)

    async def write(self, statements: Callable[[sa.Connection], T], *, sync: bool = False, brief: bool = False) -> T:
        """Run `statements` in one transaction, again until it took place once.

        Args:
            sync: it survives a power loss, with all that was written before it (Postgres: every one does).
            brief: they write little. On SQLite the loop's own thread tries it first, for the way to the writing thread
                and back takes twice as long; with anything in the way, or `sync`, that thread does it.

        Raises:
            OwnershipLost: the fence did not let it pass; nothing was written.
            StoreUnavailable: the patience is over.
            DatabaseDamaged: waiting cannot help.
        """
        if brief and not sync and isinstance(self._transactions, SqliteTransactions):
            with suppress(NotAtOnce):
                return self._write_at_once(self._transactions, statements)
        write = functools.partial(self.write_now, statements, sync=sync)
        return await asyncio.get_running_loop().run_in_executor(self._thread, write)

    def _write_at_once(self, transactions: SqliteTransactions, statements: Callable[[sa.Connection], T]) -> T:
        if not self._turn.acquire(blocking=False):
            raise NotAtOnce
        try:
            return transactions.run_at_once(statements)
        finally:
            self._turn.release()

    def write_now(self, statements: Callable[[sa.Connection], T], *, sync: bool = False) -> T:
        """The same, from a thread that may block."""
        return self._persist(lambda: self._transactions.run(statements, sync=sync))

    async def write_alone(self, alone: Alone[T], *, brief: bool = False) -> T | None:
        """Run one statement that is its own transaction (Postgres); None: it took place, its answer was lost.

        Args:
            brief: it writes little. The loop sends it first; with anything in the way the writing thread does.

        Raises: as `write`.
        """
        transactions = self._transactions
        assert isinstance(transactions, PostgresTransactions)
        doubtful = None
        if brief:
            self._sender = self._sender or import_module(_SENDER).PostgresLoop(self._engine)
            try:
                return await self._sender.run(alone)
            except NotSent as failed:
                doubtful = failed.doubtful
        write = functools.partial(self._persist, lambda: transactions.run_alone(alone), doubtful)
        return await asyncio.get_running_loop().run_in_executor(self._thread, write)

    def _persist(self, attempt: Callable[[], T], doubtful: Mark | None = None) -> T:
        """Try until it took place once.

        Args:
            doubtful: of a statement that was sent by the loop, and that may have taken place.
        """
        with self._turn:
            self._transactions.begin_anew(doubtful)
            return self._try_until_written(attempt)

    def _try_until_written(self, attempt: Callable[[], T]) -> T:
        began = time.monotonic()
        pause = 0.05
        troubled = False
        while True:
            try:
                result = attempt()
                if troubled:
                    self._on_trouble(f"the database `{where(self._engine)}` can be written again")
                return result
            except OwnershipLost:
                raise
            except Exception as error:
                fault = explain_fault(error, where(self._engine))
                if fault is None:
                    raise
                waited = time.monotonic() - began
                over = self._patience is not None and waited >= self._patience
                if not isinstance(fault, StoreUnavailable) or over or self._closing.is_set():
                    raise fault from error
                if not troubled and not is_momentary(error):
                    self._on_trouble(f"{fault}; waiting")
                    troubled = True
                self._closing.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def close(self) -> None:
        """Let the last write end."""
        self._closing.set()
        self._thread.shutdown(wait=True)
        with self._turn:
            self._transactions.close()
        if self._sender is not None:
            self._sender.close()
