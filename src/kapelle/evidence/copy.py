"""Copy the collections of one database into another: the newer generation of each, with its passages and vectors."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sqlalchemy import Connection, TextClause, text

from kapelle.errors import DatabaseDamaged
from kapelle.evidence.tables_sqlite import FULL_TEXT, REBUILD
from kapelle.store.copy import BATCH, Copied
from kapelle.store.dialect import POSTGRES

Scope: TypeAlias = dict[str, Any]  # Any: column values
Change: TypeAlias = Callable[[Mapping[Any, Any]], Scope]

# What a database adds of its own (ids, numbers, counts) is made anew there.
_COLLECTIONS = text(
    "SELECT id, owner, name AS collection, generation, embedder, contexts_by FROM evidence_collections "
    "ORDER BY owner, name"
)
_OF_COLLECTION = ("names", "passages", "metas", "thresholds")
_KNOWN = text("SELECT id, generation FROM evidence_collections WHERE owner = :owner AND name = :collection")
_DELETE = (
    text("DELETE FROM evidence_live WHERE owner = :owner AND collection = :collection"),
    *(text(f"DELETE FROM evidence_{table} WHERE collection = :place") for table in _OF_COLLECTION),
    text("DELETE FROM evidence_collections WHERE id = :place"),
)
_ADD = text(
    "INSERT INTO evidence_collections (owner, name, generation, embedder, contexts_by) "
    "VALUES (:owner, :collection, :generation, :embedder, :contexts_by) RETURNING id"
)
_COUNTED = text("UPDATE evidence_collections SET passages = :passages WHERE id = :place")
_OF_PLACE = (
    "id", "document", "source", "sha256", "start_char", "end_char", "header", "section", "context", "text", "visible",
)  # fmt: skip
_COLUMNS = {
    "evidence_live": ("owner", "collection", "source", "sha256", "supersedes"),
    "evidence_names": ("collection", "name", "source"),
    "evidence_metas": ("collection", "digest", "meta"),
    "evidence_thresholds": ("collection", "answers_from"),
    "evidence_passages": ("collection", *_OF_PLACE, "meta", "digest"),
    "evidence_vectors": ("embedder", "digest", "vector"),
}
_READ = {
    "evidence_live": "FROM evidence_live WHERE owner = :owner AND collection = :collection ORDER BY source",
    "evidence_names": "FROM evidence_names WHERE collection = :id ORDER BY name, source",
    "evidence_metas": "FROM evidence_metas WHERE collection = :id ORDER BY id",
    "evidence_thresholds": "FROM evidence_thresholds WHERE collection = :id",
    "evidence_passages": "FROM evidence_passages WHERE collection = :id ORDER BY number",
    "evidence_vectors": "FROM evidence_vectors WHERE embedder = :embedder AND digest IN (SELECT digest FROM "
    "evidence_passages WHERE collection = :id) ORDER BY id",
}


def copy_collections(source: Connection, target: Connection) -> list[Copied]:
    """Copy within the callers' transactions; on Postgres the passages are to be indexed afterwards.

    Raises:
        DatabaseDamaged: what was written is not what was read.
    """
    written = dict.fromkeys(("evidence_collections", *_COLUMNS), 0)
    for row in source.execute(_COLLECTIONS).mappings().all():
        scope = dict(row)
        known = target.execute(_KNOWN, scope).first()
        if known is not None and known.generation >= scope["generation"]:
            continue
        if known is not None:
            for statement in _DELETE:
                target.execute(statement, {**scope, "place": known.id})
        place = int(target.execute(_ADD, scope).scalar_one())
        written["evidence_collections"] += 1
        for table, number in _copy_collection(source, target, scope, place).items():
            written[table] += number
    return [
        Copied(table=table, source=_count(source, table), written=number, target=_count(target, table))
        for table, number in written.items()
    ]


def _copy_collection(source: Connection, target: Connection, scope: Scope, place: int) -> dict[str, int]:
    done: dict[str, int] = {}

    def moved(row: Mapping[Any, Any]) -> Scope:
        return {**row, "collection": place}

    done["evidence_live"] = _copy(source, target, "evidence_live", scope, dict)
    done["evidence_names"] = _copy(source, target, "evidence_names", scope, moved)
    done["evidence_metas"] = _copy(source, target, "evidence_metas", scope, moved)
    done["evidence_thresholds"] = _copy(source, target, "evidence_thresholds", scope, moved)
    metas = _new_metas(source, target, scope["id"], place)

    def about(row: Mapping[Any, Any]) -> Scope:
        return {**row, "collection": place, "meta": metas[row["meta"]]}

    done["evidence_passages"] = _copy(source, target, "evidence_passages", scope, about)
    done["evidence_vectors"] = _copy(source, target, "evidence_vectors", scope, dict)
    there = int(target.execute(_count_of("evidence_passages"), {"place": place}).scalar_one())
    if there != done["evidence_passages"]:
        raise DatabaseDamaged(
            f"collection `{scope['collection']}`: {done['evidence_passages']} passages were read, {there} written"
        )
    if target.dialect.name != POSTGRES.name:  # there they are counted as they are indexed
        target.execute(_COUNTED, {"place": place, "passages": there})
        for statement in (*FULL_TEXT, REBUILD):
            target.exec_driver_sql(statement.format(collection=place))
    return done


def _copy(source: Connection, target: Connection, table: str, scope: Scope, change: Change) -> int:
    columns = _COLUMNS[table]
    select = text(f"SELECT {', '.join(columns)} {_READ[table]}")
    insert = text(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(f':{column}' for column in columns)})"
        + (" ON CONFLICT DO NOTHING" if table == "evidence_vectors" else "")
    )
    done = 0
    for rows in source.execute(select, scope, execution_options={"yield_per": BATCH}).mappings().partitions():
        target.execute(insert, [change(dict(row)) for row in rows])
        done += len(rows)
    return done


def _new_metas(source: Connection, target: Connection, old: int, new: int) -> dict[int, int]:
    """The id in the target of each id in the source."""
    statement = text("SELECT digest, id FROM evidence_metas WHERE collection = :place")
    there = {bytes(digest): id for digest, id in target.execute(statement, {"place": new})}
    return {id: there[bytes(digest)] for digest, id in source.execute(statement, {"place": old})}


def _count_of(table: str) -> TextClause:
    return text(f"SELECT count(*) FROM {table} WHERE collection = :place")


def _count(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())
