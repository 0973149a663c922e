"""Copy the rows of one database into another: again and again with the same outcome, and never over newer ones."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlalchemy.dialects import postgresql, sqlite

from kapelle.errors import BadInput, DatabaseDamaged
from kapelle.store.copy_purged import Purged
from kapelle.store.dialect import POSTGRES
from kapelle.store.tables import events, leases, metadata, rings, runs, sessions, steps, writers

BATCH = 100
"""Rows at once; one may hold a text of a megabyte."""
OF_PROCESSES = (leases, rings, writers)
"""Tables that speak of processes at work on one database: they mean nothing in another."""

# The index's tables differ between databases; this one is the same in both, and runs cite from it.
documents = sa.Table(
    "evidence_documents",
    sa.MetaData(),
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    *(sa.Column(name, sa.Text) for name in ("id", "title", "text", "meta")),
    sa.Column("converted", sa.Boolean),
)
FACTS = {"events": ("at", "kind", "path", "data"), "blobs": ("data",), "evidence_documents": ("text",)}
"""Columns of rows that never change: they must be the same in both."""
TABLES = (*(table for table in metadata.sorted_tables if table not in OF_PROCESSES), documents)
Values: TypeAlias = dict[str, Any]  # Any: column values of every type


class Copied(BaseModel):
    """What became of one table.

    Every row of the source is in the target now, as it is or further on, unless it was purged there.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    source: int
    """Rows in the source."""
    written: int
    """Rows that were new in the target."""
    target: int
    """Rows in the target, now."""


def copy_rows(source: sa.Connection, target: sa.Connection) -> list[Copied]:
    """Copy every table within the callers' transactions; unfinished runs are left to whoever takes them over.

    Raises:
        BadInput: a run has gone on in both databases, each in its own way.
        DatabaseDamaged: what was written is not what was read.
    """
    ahead = _make_room(source, target)
    purged = Purged(source, target)
    return [_copy_table(source, target, table, ahead, purged) for table in TABLES]


def _copy_table(
    source: sa.Connection, target: sa.Connection, table: sa.Table, ahead: set[str], purged: Purged
) -> Copied:
    before = count(target, table)
    insert = postgresql.insert if target.dialect.name == POSTGRES.name else sqlite.insert
    for rows in _batches(source, table, ahead, purged):
        target.execute(insert(table).on_conflict_do_nothing(), rows)
    for rows in _batches(source, table, ahead, purged):
        _verify(target, table, rows)
    after = count(target, table)
    return Copied(table=table.name, source=count(source, table), written=after - before, target=after)


def _make_room(source: sa.Connection, target: sa.Connection) -> set[str]:
    """Delete from the target what is further on in the source; the runs that are further on in the target."""
    ahead, diverged = set(), []
    there = {one.id: one for one in _standings(target, lock=True)}
    for here in _standings(source):
        known = there.get(here.id)
        if known is None:
            continue
        if not _one_story(source, target, here, known):
            diverged.append(here.id)
        elif (known.seq, known.generation) > (here.seq, here.generation):
            ahead.add(here.id)
        elif (known.seq, known.generation) < (here.seq, here.generation):
            target.execute(sa.delete(runs).where(runs.c.id == here.id))
    if diverged:
        raise BadInput(
            f"{len(diverged)} runs went on in both databases (such as `{diverged[0]}`): nothing was copied; "
            "copy into an empty database"
        )
    for session in source.execute(sa.select(sessions.c.owner, sessions.c.id, sessions.c.version)):
        newer = sessions.c.owner == session.owner, sessions.c.id == session.id, sessions.c.version < session.version
        target.execute(sa.delete(sessions).where(*newer))
    return ahead


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run is in one database."""

    id: str
    generation: int
    seq: int
    ended: str | None
    purged: str | None


def _standings(connection: sa.Connection, *, lock: bool = False) -> Iterator[Standing]:
    statement = sa.select(runs.c.id, runs.c.generation, runs.c.seq, runs.c.ended, runs.c.purged)
    # SQLite has no locks on rows, and needs none: its one writer is this transaction.
    for row in connection.execute(statement.with_for_update() if lock else statement):
        yield Standing(*row)


def _one_story(source: sa.Connection, target: sa.Connection, here: Standing, known: Standing) -> bool:
    """Whether a run went on in one database at most: the last event that both should have is the same one.

    Where a purge took the events, what was finished in the one that is behind must be finished in the other.
    """
    purged = {*json.loads(here.purged or "{}"), *json.loads(known.purged or "{}")}
    if "events" not in purged:
        last = sa.select(events).where(events.c.run == here.id, events.c.seq == min(here.seq, known.seq))
        return source.execute(last).first() == target.execute(last).first()
    told = [steps.c.path, steps.c.revision, steps.c.seq, *([] if "text" in purged else [steps.c.result])]
    # The row of a step that waited is written over when it goes on.
    finished = sa.select(*told).where(steps.c.run == here.id, steps.c.status != "suspended")
    ours, theirs = (set(database.execute(finished)) for database in (source, target))
    if here.seq == known.seq:
        return ours == theirs and here.ended == known.ended
    return ours <= theirs if here.seq < known.seq else theirs <= ours


def _batches(connection: sa.Connection, table: sa.Table, ahead: set[str], purged: Purged) -> Iterator[list[Values]]:
    """The rows of the source that the target should have, in batches."""
    statement = sa.select(table).order_by(*table.primary_key.columns)
    result = connection.execute(statement, execution_options={"yield_per": BATCH})
    of_run = next((key.parent.name for key in table.foreign_keys if key.column is runs.c.id), None)
    of_run = "id" if table is runs else of_run
    for rows in result.mappings().partitions():
        wanted = (dict(row) for row in rows if of_run is None or row[of_run] not in ahead)
        kept = [_let_go(row) for row in wanted if not purged.has(table, row)]
        if kept:
            yield kept


def _let_go(row: Values) -> Values:
    # Nobody in the target walks it: whoever looks after interrupted runs takes it over.
    return {**row, "executor": None} if "executor" in row else row


def _verify(target: sa.Connection, table: sa.Table, rows: Sequence[Values]) -> None:
    """Raise unless every row is in the target, facts with what they say."""
    columns = [*table.primary_key.columns, *(table.c[name] for name in FACTS.get(table.name, ()))]
    keys = [column.name for column in table.primary_key.columns]
    wanted = {tuple(row[column.name] for column in columns) for row in rows}
    among = sa.tuple_(*table.primary_key.columns).in_([tuple(row[name] for name in keys) for row in rows])
    missing = wanted - {tuple(row) for row in target.execute(sa.select(*columns).where(among))}
    if missing:
        raise DatabaseDamaged(f"{len(missing)} rows of `{table.name}` are not in the target as they are in the source")


def count(connection: sa.Connection, table: sa.Table) -> int:
    """The rows of a table."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
