"""One writing transaction on SQLite, and whether it survives a power loss."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

import sqlalchemy as sa

T = TypeVar("T")


class SqliteTransactions:
    """The transactions of one thread, on a connection that is kept."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: sa.Connection | None = None

    def run(self, statements: Callable[[sa.Connection], T], *, sync: bool) -> T:
        """Run `statements` in one transaction; with `sync` it is on the disk, with all before it, when this returns."""
        connection = self._connection = self._connection or self._engine.connect()
        try:
            if not sync:
                with connection.begin():
                    return statements(connection)
            with _synchronous(connection), connection.begin():
                return statements(connection)
        finally:
            if connection.closed or connection.invalidated:
                self.close()

    def begin_anew(self) -> None:
        """What comes next is another write."""

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


@contextmanager
def _synchronous(connection: sa.Connection) -> Iterator[None]:
    # In WAL mode a commit is else synced with a later one. Through the driver: SQLAlchemy would begin a transaction,
    # and inside one SQLite does not change it.
    driver = cast(sqlite3.Connection, connection.connection.driver_connection)
    (before,) = driver.execute("pragma synchronous").fetchone()
    driver.execute("pragma synchronous=full")
    try:
        yield
    finally:
        driver.execute(f"pragma synchronous={before}")
