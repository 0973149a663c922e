"""What corpora leave behind: texts that none shows and no run has read, vectors that no passage has.

Nothing writes down when the last use of such a row ended. A purge marks what it finds unused, takes the mark from what
is used again, and deletes what has been marked for long enough.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kapelle import clock
from kapelle.run.kept.purge_rows import Row, hold

TEXTS, VECTORS = "evidence_documents", "evidence_vectors"
BITE = 500
"""Rows that are marked, and vectors that are deleted, at once."""
_MINE = "(cast(:owner as text) is null or {0}owner = :owner)"
_UNUSED = {
    TEXTS: (
        f"select owner, source, sha256 from {TEXTS} where {_MINE.format('')} "
        "except select owner, source, sha256 from evidence_live "
        "except select r.owner, e.source, e.sha256 from run_evidence e join runs r on r.id = e.run"
    ),
    VECTORS: (
        f"select id from {VECTORS} where (embedder, digest) in (select embedder, digest from {VECTORS} "
        "except select c.embedder, p.digest from evidence_collections c "
        "join evidence_passages p on p.collection = c.id)"
    ),
}
_MARKED = {
    TEXTS: f"select owner, source, sha256 from {TEXTS} where unused_since is not null and {_MINE.format('')}",
    VECTORS: f"select id from {VECTORS} where unused_since is not null",
}
KEYS = {TEXTS: ("owner", "source", "sha256"), VECTORS: ("id",)}
_KEY = {table: " and ".join(f"{name} = :{name}" for name in names) for table, names in KEYS.items()}
_MARK = {table: f"update {table} set unused_since = :since where {key}" for table, key in _KEY.items()}
_DUE = {
    TEXTS: f"select d.* from {TEXTS} d where d.unused_since <= :before and {_MINE.format('d.')} "
    "order by d.unused_since limit :limit",
    VECTORS: f"select v.* from {VECTORS} v where v.unused_since <= :before order by v.unused_since limit :limit",
}
_ROW = {table: f"select * from {table} where {key}" for table, key in _KEY.items()}
_DROP_TEXT = sa.text(
    f"delete from {TEXTS} as d where d.owner = :owner and d.source = :source and d.sha256 = :sha256 "
    "and d.unused_since is not null and not exists (select 1 from evidence_collections c cross join evidence_live l "
    "where c.owner = d.owner and l.owner = c.owner and l.collection = c.name and l.source = d.source "
    "and l.sha256 = d.sha256) and not exists (select 1 from run_evidence e join runs r on r.id = e.run "
    "where e.source = d.source and e.sha256 = d.sha256 and r.owner = d.owner)"
)
_DROP_VECTORS = sa.text(
    f"delete from {VECTORS} where id in :ids and (embedder, digest) not in (select embedder, digest from {VECTORS} "
    "where id in :ids intersect select c.embedder, p.digest from evidence_collections c "
    "join evidence_passages p on p.collection = c.id)"
).bindparams(sa.bindparam("ids", expanding=True))


def changes(connection: sa.Connection, table: str, owner: str | None) -> tuple[list[Row], list[Row]]:
    """Keys of the rows of a table that are to be marked, and of those whose mark is to go.

    Args:
        owner: whose texts; None: everybody's. Vectors are nobody's.
    """
    given = {"owner": owner} if table == TEXTS else {}
    unused, marked = (
        {tuple(row): dict(row._mapping) for row in connection.execute(sa.text(statement[table]), given)}
        for statement in (_UNUSED, _MARKED)
    )
    fresh: list[Row] = [(table, unused[key]) for key in unused.keys() - marked.keys()]
    again: list[Row] = [(table, marked[key]) for key in marked.keys() - unused.keys()]
    return fresh, again


def mark(connection: sa.Connection, rows: Sequence[Row], since: datetime | None) -> None:
    """Mark rows of one table as unused since then; None: they are used."""
    if rows:
        at = clock.to_iso(since) if since else None
        connection.execute(sa.text(_MARK[rows[0][0]]), [{**key, "since": at} for _, key in rows])


def due(connection: sa.Connection, table: str, before: datetime, owner: str | None, limit: int) -> list[Row]:
    """Rows of a table that have been marked since `before`."""
    given: dict[str, Any] = {"before": clock.to_iso(before), "limit": limit}  # Any: a time and a number
    if table == TEXTS:
        given["owner"] = owner
    return [(table, dict(row)) for row in connection.execute(sa.text(_DUE[table]), given).mappings()]


def whole(connection: sa.Connection, keys: Sequence[Row]) -> list[Row]:
    """The rows of such keys."""
    found = ((table, connection.execute(sa.text(_ROW[table]), key).mappings().first()) for table, key in keys)
    return [(table, dict(row)) for table, row in found if row is not None]


def take(connection: sa.Connection, rows: Sequence[Row]) -> list[Row]:
    """Delete rows of one table, but for those that are used again by now; those that were deleted."""
    table = rows[0][0]
    hold(connection, table)
    if table == TEXTS:
        return [(table, row) for _, row in rows if connection.execute(_DROP_TEXT, row).rowcount == 1]
    gone = connection.execute(_DROP_VECTORS, {"ids": [row["id"] for _, row in rows]}).rowcount
    return list(rows[:gone])
