"""Copy the collections of one database into another: the newer generation of each, with its passages."""

from typing import Any, TypeAlias

from sqlalchemy import Connection, text

from kapelle.errors import DatabaseDamaged
from kapelle.store.copy import BATCH, Copied

Scope: TypeAlias = dict[str, Any]  # Any: column values

# What a database adds of its own (numbers, counts) is made anew there.
_COLLECTIONS = text("SELECT owner, name AS collection, generation FROM evidence_collections ORDER BY owner, name")
_GENERATION = text("SELECT generation FROM evidence_collections WHERE owner = :owner AND name = :collection")
_DELETE = (
    text("DELETE FROM evidence_collections WHERE owner = :owner AND name = :collection"),
    text("DELETE FROM evidence_live WHERE owner = :owner AND collection = :collection"),
    text("DELETE FROM evidence_passages WHERE owner = :owner AND collection = :collection"),
)
_ADD = text("INSERT INTO evidence_collections (owner, name, generation) VALUES (:owner, :collection, :generation)")
_OF_COLLECTION = {
    "evidence_live": ("owner", "collection", "source", "sha256"),
    "evidence_passages": (
        *("owner", "collection", "id", "document", "source", "sha256", "start_char", "end_char"),
        *("header", "section", "text", "visible", "meta"),
    ),
}
_ORDER = {"evidence_live": "source", "evidence_passages": "number"}


def copy_collections(source: Connection, target: Connection) -> list[Copied]:
    """Copy within the callers' transactions; on Postgres the passages are to be indexed afterwards.

    Raises:
        DatabaseDamaged: what was written is not what was read.
    """
    written = dict.fromkeys(("evidence_collections", *_OF_COLLECTION), 0)
    for row in source.execute(_COLLECTIONS).mappings().all():
        scope = dict(row)
        known = target.execute(_GENERATION, scope).scalar()
        if known is not None and known >= scope["generation"]:
            continue
        for statement in _DELETE:
            target.execute(statement, scope)
        target.execute(_ADD, scope)
        written["evidence_collections"] += 1
        for table in _OF_COLLECTION:
            written[table] += _copy(source, target, table, scope)
    return [
        Copied(table=table, source=_count(source, table), written=number, target=_count(target, table))
        for table, number in written.items()
    ]


def _copy(source: Connection, target: Connection, table: str, scope: Scope) -> int:
    columns = _OF_COLLECTION[table]
    select = text(
        f"SELECT {', '.join(columns)} FROM {table} WHERE owner = :owner AND collection = :collection "
        f"ORDER BY {_ORDER[table]}"
    )
    insert = text(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(f':{column}' for column in columns)})"
    )
    done = 0
    for rows in source.execute(select, scope, execution_options={"yield_per": BATCH}).mappings().partitions():
        target.execute(insert, [dict(row) for row in rows])
        done += len(rows)
    there = int(target.execute(_COUNT_OF[table], scope).scalar_one())
    if there != done:
        raise DatabaseDamaged(
            f"`{table}` of collection `{scope['collection']}`: {done} rows were read, {there} written"
        )
    return done


_COUNT_OF = {
    table: text(f"SELECT count(*) FROM {table} WHERE owner = :owner AND collection = :collection")
    for table in _OF_COLLECTION
}


def _count(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())
