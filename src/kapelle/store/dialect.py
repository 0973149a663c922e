"""What differs between SQLite and Postgres in a statement, in one place."""

from dataclasses import dataclass

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
