"""Vectors on Postgres: pgvector beside the passages, an HNSW index for each large collection, exact behind a filter."""

import struct
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine
from sqlalchemy import text as statement

from kapelle.evidence.embedding.embedder import Embedder
from kapelle.evidence.filters import Fitting
from kapelle.evidence.index import Match, Nearest
from kapelle.evidence.index_parts import Place
from kapelle.evidence.vectors_database import Floats, Vectors
from kapelle.store.faults import translated

INDEXED_FROM = 20_000
"""Passages of a collection, or of what a filter lets through, up to which every vector is looked at: an approximate
index would lose some and gain little."""
_SAMPLE = 1_000
"""Vectors that the rest of a collection is judged by."""
_LOADED = 500
_EXTENSION = "CREATE EXTENSION IF NOT EXISTS vector"
_TABLES = (
    "CREATE TABLE IF NOT EXISTS evidence_near (passage BIGINT PRIMARY KEY REFERENCES evidence_passages (number) "
    "ON DELETE CASCADE, collection INTEGER NOT NULL, vector vector NOT NULL)",
    "CREATE INDEX IF NOT EXISTS evidence_near_collection ON evidence_near (collection)",
)
_HAS = statement("SELECT to_regtype('vector') IS NOT NULL AND to_regclass('evidence_near') IS NOT NULL")
_LACKING = statement(
    "SELECT p.number, v.vector FROM evidence_passages p JOIN evidence_collections c ON c.id = p.collection "
    "JOIN evidence_vectors v ON v.embedder = c.embedder AND v.digest = p.digest WHERE p.collection = :place "
    "AND NOT EXISTS (SELECT 1 FROM evidence_near n WHERE n.passage = p.number)"
)
_EMBEDDED = statement("SELECT id FROM evidence_collections WHERE embedder IS NOT NULL ORDER BY id")
_WRITING = statement("LOCK TABLE evidence_vectors IN ROW EXCLUSIVE MODE")
_CLEAR = statement("DELETE FROM evidence_near WHERE collection = :place")
_COUNT = statement("SELECT count(*) FROM evidence_near WHERE collection = :place")
_DIMENSION = statement("SELECT vector_dims(vector) FROM evidence_near WHERE collection = :place LIMIT 1")
_INDEX_NAME = statement("SELECT to_regclass(:name) IS NOT NULL")
# As pgvector's own index does it: the smallest negative inner product is the largest cosine of vectors of length 1.
_NEAREST = (
    "SELECT passage, -(vector::vector({dimension}) <#> CAST(:vector AS vector)) AS cosine FROM evidence_near "
    "WHERE collection = {place} ORDER BY vector::vector({dimension}) <#> CAST(:vector AS vector) LIMIT :k"
)
_EXACT = (
    "WITH near AS MATERIALIZED (SELECT n.passage, -(n.vector <#> CAST(:vector AS vector)) AS cosine "
    "FROM evidence_near n WHERE n.collection = :place{fitting}) "
    "SELECT passage, cosine FROM near ORDER BY cosine DESC, passage LIMIT :k"
)
_THOSE = statement(
    "SELECT passage, -(vector <#> CAST(:vector AS vector)) FROM evidence_near "
    "WHERE collection = :place AND passage = ANY(CAST(:numbers AS bigint[]))"
)
_STORED = statement(
    "SELECT p.number, v.vector FROM evidence_passages p JOIN evidence_vectors v ON v.embedder = :embedder "
    "AND v.digest = p.digest WHERE p.collection = :place AND p.number = ANY(CAST(:numbers AS bigint[]))"
)
_SOME = statement(
    "SELECT v.vector FROM (SELECT digest FROM evidence_passages WHERE collection = :place "
    "AND number % :step = 0 LIMIT :most) p JOIN evidence_vectors v ON v.embedder = :embedder AND v.digest = p.digest"
)
_PATIENT = (
    statement("SET LOCAL hnsw.ef_search = 200"),
    statement("SET LOCAL hnsw.iterative_scan = strict_order"),
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of a collection."""

    generation: int
    count: int
    dimension: int
    sample: Floats
    indexed: bool


class PostgresVectors(Vectors):
    """See `VectorIndex`."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__(embedder)
        self._known: dict[int, _Known] = {}
        self._knowing = Lock()

    def still(self, connection: Connection, digests: Sequence[bytes]) -> bool:
        """See `VectorIndex.still`; whoever deletes vectors waits for a lock that keeps writers out."""
        if digests:
            connection.execute(_WRITING)
        return super().still(connection, digests)

    def added(self, connection: Connection, place: int) -> None:
        """See `VectorIndex.added`; a collection that has become large gets its index."""
        bring_near(connection, place)

    def replaced(self, connection: Connection, place: int) -> None:
        """See `VectorIndex.replaced`."""
        clear_near(connection, place)

    def nearest(
        self,
        connection: Connection,
        place: Place,
        text: str,
        k: int,
        fitting: Fitting | None,
        also: Collection[int],
    ) -> Nearest | None:
        """See `VectorIndex.nearest`; exact up to `INDEXED_FROM` vectors, and behind any filter that leaves so few."""
        known = self._know(connection, place)
        if known is None:
            return Nearest((), 0.0, 0.0)
        vector = self._asked_for(text)
        given = {"vector": _literal(vector), "place": place.id, "k": k}
        found: dict[int, float] = {}
        if k:
            found |= dict(_found(connection, known, place, given, fitting))
        lacking = [number for number in also if number not in found]
        if lacking:
            rows = connection.execute(_THOSE, {**given, "numbers": lacking}).all()
            found |= {row[0]: row[1] for row in rows}
        background = known.sample @ vector
        return Nearest(
            tuple(Match(number, cosine) for number, cosine in sorted(found.items(), key=lambda one: (-one[1], one[0]))),
            mean=float(background.mean()),
            deviation=float(background.std()),
        )

    def vectors(self, connection: Connection, place: Place, numbers: Sequence[int]) -> dict[int, Sequence[float]]:
        """See `VectorIndex.vectors`."""
        given = {"embedder": self.embedder, "place": place.id, "numbers": list(numbers)}
        return {number: np.frombuffer(vector, "<f4") for number, vector in connection.execute(_STORED, given)}  # type: ignore[misc]  # of floats

    def _know(self, connection: Connection, place: Place) -> _Known | None:
        """How large the collection is and a sample of it; None where nothing is embedded."""
        with self._knowing:
            known = self._known.get(place.id)
        if known is not None and known.generation == place.generation:
            return known
        if not connection.execute(_HAS).scalar():
            return None  # copied here by a process without numpy: the next `put` or reindexing brings them
        count = int(connection.execute(_COUNT, {"place": place.id}).scalar_one())
        if not count:
            return None
        # A sample stays good while the collection grows by a tenth.
        grown = known is None or not 0.9 <= count / known.count <= 1.1 or count < _SAMPLE
        sample = self._sample(connection, place, count) if grown or known is None else known.sample
        known = _Known(place.generation, count, sample.shape[1], sample, _is_indexed(connection, place.id))
        with self._knowing:
            self._known[place.id] = known
        return known

    def _sample(self, connection: Connection, place: Place, count: int) -> Floats:
        given = {"place": place.id, "embedder": self.embedder, "step": max(count // _SAMPLE, 1), "most": _SAMPLE}
        rows = connection.execute(_SOME, given).scalars().all()
        if not rows:  # numbers with gaps
            rows = connection.execute(_SOME, {**given, "step": 1}).scalars().all()
        return np.stack([np.frombuffer(row, "<f4") for row in rows])


def _found(
    connection: Connection, known: _Known, place: Place, given: dict[str, Any], fitting: Fitting | None
) -> Iterator[tuple[int, float]]:
    if fitting is None and known.indexed:
        for setting in _PATIENT:
            connection.execute(setting)
        query = _NEAREST.format(dimension=known.dimension, place=place.id)
    else:
        query = _EXACT.format(fitting=f" AND n.passage IN ({fitting.numbers})" if fitting else "")
    rows = connection.execute(statement(query), {**given, **(fitting.values if fitting else {})})
    return ((int(number), float(cosine)) for number, cosine in rows)


def bring_near(connection: Connection, place: int) -> None:
    """Bring the stored vectors of a collection's passages to where they are searched; a part of the transaction."""
    _ensure(connection)
    rows = connection.execute(_LACKING, {"place": place}, execution_options={"yield_per": _LOADED})
    for some in rows.partitions():
        cursor = connection.connection.driver_connection.cursor()  # type: ignore[union-attr]  # psycopg's
        with cursor.copy("COPY evidence_near (passage, collection, vector) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(_binary([(number, bytes(vector)) for number, vector in some], place))
    count = int(connection.execute(_COUNT, {"place": place}).scalar_one())
    if count >= INDEXED_FROM and not _is_indexed(connection, place):
        dimension = int(connection.execute(_DIMENSION, {"place": place}).scalar_one())
        connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
        connection.exec_driver_sql(
            f"CREATE INDEX {_index_of(place)} ON evidence_near USING hnsw ((vector::vector({dimension})) "
            f"vector_ip_ops) WHERE collection = {place}"
        )


def bring_all_near(engine: Engine) -> None:
    """Bring the vectors of every collection, as after they were copied from another database."""
    with translated(engine), engine.begin() as connection:
        for place in connection.execute(_EMBEDDED).scalars().all():
            bring_near(connection, place)


def clear_near(connection: Connection, place: int) -> None:
    """Forget where the vectors of a collection were; those of another embedder follow."""
    _ensure(connection)
    connection.exec_driver_sql(f"DROP INDEX IF EXISTS {_index_of(place)}")
    connection.execute(_CLEAR, {"place": place})


def has_pgvector(engine: Engine) -> bool:
    """Whether the server has pgvector, or this user may create it."""
    with translated(engine), engine.connect() as connection:
        known = connection.exec_driver_sql("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").scalar()
        return bool(known)


def _ensure(connection: Connection) -> None:
    if not connection.execute(_HAS).scalar():
        for one in (_EXTENSION, *_TABLES):
            connection.exec_driver_sql(one)


def _index_of(place: int) -> str:
    return f"evidence_near_hnsw_{place}"


def _is_indexed(connection: Connection, place: int) -> bool:
    return bool(connection.execute(_INDEX_NAME, {"name": _index_of(place)}).scalar())


def _literal(vector: Floats) -> str:
    return "[" + ",".join(f"{value:.8g}" for value in vector.tolist()) + "]"


def _binary(rows: Sequence[tuple[int, bytes]], place: int) -> bytes:
    """Rows as COPY reads them in binary: a vector is its dimension, a zero, and big-endian floats."""
    parts = [b"PGCOPY\n\xff\r\n\0", struct.pack("!ii", 0, 0)]
    for number, vector in rows:
        swapped = np.frombuffer(vector, "<f4").astype(">f4").tobytes()
        parts.append(struct.pack("!hiqiiihh", 3, 8, number, 4, place, len(swapped) + 4, len(swapped) // 4, 0))
        parts.append(swapped)
    return b"".join([*parts, struct.pack("!h", -1)])
