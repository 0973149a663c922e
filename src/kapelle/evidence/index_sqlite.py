"""The `Index` on SQLite: texts, passages, their FTS5 indexes and vectors in one file and one transaction."""

import weakref
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Engine, text

from kapelle.evidence import statements_sqlite as sql
from kapelle.evidence.filters import Fitting
from kapelle.evidence.filters_sqlite import where
from kapelle.evidence.index import Filters, Match
from kapelle.evidence.index_database import DatabaseIndex
from kapelle.evidence.index_parts import VectorIndex
from kapelle.evidence.rows import Cut
from kapelle.evidence.tables_sqlite import FULL_TEXT, ensure_schema
from kapelle.store.engine_sqlite import memory_engine

_WRITTEN = Cut._fields.index("digest") + 1
"""The fields of a passage that have a column of their own; they come first."""


class SqliteIndex(DatabaseIndex):
    """An Index in the tables of `tables_sqlite`; readers never wait for a writer when the file is in WAL mode."""

    def __init__(self, engine: Engine, vectors: VectorIndex | None = None) -> None:
        super().__init__(engine, FullText(), vectors)


class FullText:
    """Words in FTS5, a table for each collection."""

    def make(self, connection: Connection, place: int) -> None:
        """See `WordIndex.make`."""
        for statement in FULL_TEXT:
            connection.exec_driver_sql(statement.format(collection=place))

    def add(self, connection: Connection, place: int, passages: Sequence[Cut], metas: Mapping[str, int]) -> None:
        """See `WordIndex.add`."""
        after = connection.execute(sql.NEWEST).scalar_one()
        connection.exec_driver_sql(sql.ADD, [(place, metas[one.about], *one[:_WRITTEN]) for one in passages])
        connection.execute(text(sql.INDEX_ADDED.format(place=place)), {"after": after})
        connection.execute(sql.GROW, {"place": place, "passages": len(passages)})

    def cut(self, connection: Connection, place: int, sources: Sequence[str]) -> None:
        """See `WordIndex.cut`."""
        given = [{"place": place, "source": source} for source in sources]
        connection.execute(text(sql.UNINDEX.format(place=place)), given)
        gone = sum(connection.execute(sql.CUT, one).rowcount for one in given)
        connection.execute(sql.GROW, {"place": place, "passages": -gone})

    def match(
        self, connection: Connection, place: int, words: Sequence[str], k: int, fitting: Fitting | None
    ) -> list[Match]:
        """See `WordIndex.match`."""
        narrowing = sql.FITTING.format(numbers=fitting.numbers) if fitting else ""
        statement = sql.SEARCH.format(place=place, fitting=narrowing)
        given = {"words": _any_of(words), "place": place, "k": k, **(fitting.values if fitting else {})}
        return [Match(number, -cost) for number, cost in connection.execute(text(statement), given)]

    def holding(self, connection: Connection, place: int, words: Sequence[str]) -> int:
        """See `WordIndex.holding`."""
        return int(connection.execute(text(sql.HOLDING.format(place=place)), {"words": _any_of(words)}).scalar_one())

    def fitting(self, filters: Filters) -> Fitting:
        """See `WordIndex.fitting`."""
        return where(filters)


def memory_index(vectors: VectorIndex | None = None) -> SqliteIndex:
    """An index in memory; it goes with its last reference."""
    engine = memory_engine()
    ensure_schema(engine)
    index = SqliteIndex(engine, vectors)
    # Python 3.13 warns of a connection that is only collected.
    weakref.finalize(index, engine.dispose)
    return index


def _any_of(words: Sequence[str]) -> str:
    """An FTS5 query for any of some words; quoted, so that none is taken for an operator."""
    return " OR ".join(f'"{word}"' for word in words)
