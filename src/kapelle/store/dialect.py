"""What differs between SQLite and Postgres in a statement, in one place."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa

Bind = sa.Engine | sa.Connection


@dataclass(frozen=True, slots=True)
class Dialect:
    """The words of one database."""

    name: str
    workflow_status: str
    """The table in which DBOS keeps who owns a workflow."""
    now: str
    """The database's own clock, in seconds since 1970; it goes on inside a transaction."""


SQLITE = Dialect(name="sqlite", workflow_status="workflow_status", now="((julianday('now') - 2440587.5) * 86400.0)")
POSTGRES = Dialect(
    name="postgresql",
    workflow_status="dbos.workflow_status",
    now="cast(extract(epoch from clock_timestamp()) as double precision)",
)
_DIALECTS = {one.name: one for one in (SQLITE, POSTGRES)}


def dialect_of(bind: Bind) -> Dialect:
    """The dialect of an engine or a connection."""
    return _DIALECTS[bind.dialect.name]


class Plain:
    """A statement of every step, as the driver reads it: SQLAlchemy would cost more than the statement."""

    def __init__(self, text: "str | Statement") -> None:
        self._statement = Statement(text) if isinstance(text, str) else text
        self._compiled = ""

    def row(self, connection: sa.Connection, given: Mapping[str, Any]) -> Sequence[Any] | None:  # Any: of any type
        """Execute it; the first row, or None."""
        if connection.dialect.name != SQLITE.name:
            return connection.exec_driver_sql(self.driver_text(connection), dict(given)).first()
        rows: list[tuple[Any, ...]] = self._cursor(connection).execute(self._text(connection), given).fetchall()
        return rows[0] if rows else None

    def first(self, connection: sa.Connection, given: Mapping[str, Any]) -> Any:  # Any: the first row's first value
        """Execute it; the first column of the first row, or None."""
        row = self.row(connection, given)
        return None if row is None else row[0]

    def count(self, connection: sa.Connection, given: Mapping[str, Any]) -> int:
        """Execute it; how many rows it changed."""
        if connection.dialect.name != SQLITE.name:
            return connection.exec_driver_sql(self.driver_text(connection), dict(given)).rowcount
        return self._cursor(connection).execute(self._text(connection), given).rowcount

    def many(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute it for every row."""
        if connection.dialect.name != SQLITE.name:
            connection.exec_driver_sql(self.driver_text(connection), [dict(row) for row in rows])
        else:
            self._cursor(connection).executemany(self._text(connection), rows)

    def driver_text(self, bind: Bind) -> str:
        """It as the driver of Postgres reads it."""
        if not self._compiled:
            self._compiled = str(self._statement.on(bind).compile(dialect=bind.dialect))
        return self._compiled

    def _text(self, connection: sa.Connection) -> str:
        return self._statement.on(connection).text

    def _cursor(self, connection: sa.Connection) -> sqlite3.Cursor:
        return cast(sqlite3.Connection, connection.connection.driver_connection).cursor()


class Statement:
    """A statement written once, with `{workflow_status}` and `{now}` where the databases differ.

    Args:
        text: for both databases, or for SQLite alone when `postgres` is given.
        postgres: where Postgres wants it said otherwise.
    """

    def __init__(self, text: str, *, postgres: str | None = None) -> None:
        texts = {SQLITE: text, POSTGRES: text if postgres is None else postgres}
        self._by_name = {
            one.name: sa.text(text.format(workflow_status=one.workflow_status, now=one.now))
            for one, text in texts.items()
        }

    def on(self, bind: Bind) -> sa.TextClause:
        """The statement as the database of `bind` reads it."""
        return self._by_name[bind.dialect.name]
