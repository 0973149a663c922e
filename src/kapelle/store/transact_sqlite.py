"""One writing transaction on SQLite: by a thread that may wait, or at once by one that must not."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

import sqlalchemy as sa

from kapelle.errors import OwnershipLost

T = TypeVar("T")
TURN = 250
"""Transactions made at once after which the writing thread makes two: its own may bring the log into the file."""


class NotAtOnce(Exception):
    """It was not done, and nothing is left of it: whoever may wait does it."""


class SqliteTransactions:
    """Transactions, one after the other, on two connections that are kept: one that waits, and one that never does.

    The caller sees to it that only one thread uses it at a time.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: sa.Connection | None = None
        self._hasty: sa.Connection | None = None
        self._hurried = 0
        """Transactions made at once since the writing thread's last turn."""

    def run(self, statements: Callable[[sa.Connection], T], *, sync: bool) -> T:
        """Run `statements` in one transaction; with `sync` it is on the disk, with all before it, when this returns."""
        connection = self._connection = self._connection or self._engine.connect()
        try:
            # Here, where it may take its time.
            self._hasty = self._hasty or _without_patience(self._engine)
            if not sync:
                with connection.begin():
                    return statements(connection)
            with _synchronous(connection), connection.begin():
                return statements(connection)
        finally:
            if connection.closed or connection.invalidated:
                self.close()

    def run_at_once(self, statements: Callable[[sa.Connection], T]) -> T:
        """Run `statements` in one transaction that waits for nothing and nobody: no lock, no sync.

        A commit in WAL mode copies pages into the cache of the system. What takes longer is left to the writing thread,
        every TURN transactions: that the log is brought into the file, and that it begins anew, whose header is synced.

        Raises:
            NotAtOnce: something is in the way, or it is the thread's turn; nothing was written.
            OwnershipLost: the fence did not let it pass; nothing was written.
        """
        connection, hurried = self._hasty, self._hurried
        self._hurried = (hurried + 1) % (TURN + 2)
        if connection is None or hurried >= TURN:
            raise NotAtOnce
        try:
            with connection.begin():
                return statements(connection)
        except OwnershipLost:
            raise
        except Exception as error:
            if connection.closed or connection.invalidated or _driver_of(connection).in_transaction:
                self._drop_hasty()
            raise NotAtOnce from error

    def begin_anew(self, doubtful: object = None) -> None:
        """What comes next is another write; here a commit is never doubtful."""

    def close(self) -> None:
        """Give the connection back."""
        self._drop_hasty()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _drop_hasty(self) -> None:
        hasty, self._hasty = self._hasty, None
        if hasty is not None:
            hasty.invalidate()  # closed by that: nobody else may get it from the pool
            hasty.close()


def _without_patience(engine: sa.Engine) -> sa.Connection:
    """A connection that is told at once when another writes, and never brings the log into the file."""
    connection = engine.connect()
    driver = _driver_of(connection)
    driver.execute("pragma busy_timeout=0")
    driver.execute("pragma wal_autocheckpoint=0")
    return connection


def _driver_of(connection: sa.Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.driver_connection)


@contextmanager
def _synchronous(connection: sa.Connection) -> Iterator[None]:
    # In WAL mode a commit is else synced with a later one. Through the driver: SQLAlchemy would begin a transaction,
    # and inside one SQLite does not change it.
    driver = _driver_of(connection)
    (before,) = driver.execute("pragma synchronous").fetchone()
    driver.execute("pragma synchronous=full")
    try:
        yield
    finally:
        driver.execute(f"pragma synchronous={before}")
