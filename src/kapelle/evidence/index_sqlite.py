"""The `Index` on SQLite: texts, passages and their FTS5 index in one file and one transaction."""

import weakref
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import StaticPool

from kapelle.evidence import statements_sqlite as sql
from kapelle.evidence.filters_sqlite import where
from kapelle.evidence.index import Filters
from kapelle.evidence.index_database import DatabaseIndex, FoundRow, PassageRow, Scope
from kapelle.evidence.tables_sqlite import ensure_schema


class SqliteIndex(DatabaseIndex):
    """An Index in the tables of `tables_sqlite`; readers never wait for a writer when the file is in WAL mode."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, FullText())


class FullText:
    """Words in FTS5, which counts them over the whole file; triggers keep it in step with the passages."""

    def add(self, connection: Connection, scope: Scope, passages: Sequence[PassageRow]) -> None:
        """See `WordIndex.add`."""
        connection.execute(sql.ADD, [{**passage, **scope} for passage in passages])

    def cut(self, connection: Connection, scope: Scope, sources: Sequence[str]) -> None:
        """See `WordIndex.cut`."""
        connection.execute(sql.CUT, [{**scope, "source": source} for source in sources])

    def search(
        self, connection: Connection, scope: Scope, words: Sequence[str], k: int, filters: Filters | None
    ) -> Sequence[FoundRow]:
        """See `WordIndex.search`."""
        condition, values = where(filters)
        given = {"words": _any_of(words), **scope, "k": k, **values}
        return connection.execute(text(sql.SEARCH.format(filters=condition)), given).all()

    def holding(self, connection: Connection, owner: str, collections: Sequence[str], words: Sequence[str]) -> int:
        """See `WordIndex.holding`."""
        given = {"owner": owner, "collections": list(collections), "words": _any_of(words)}
        return int(connection.execute(sql.HOLDING, given).scalar_one())


def memory_index() -> SqliteIndex:
    """An index in memory; it goes with its last reference."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    ensure_schema(engine)
    index = SqliteIndex(engine)
    # Python 3.13 warns of a connection that is only collected.
    weakref.finalize(index, engine.dispose)
    return index


def _any_of(words: Sequence[str]) -> str:
    """An FTS5 query for any of some words; quoted, so that none is taken for an operator."""
    return " OR ".join(f'"{word}"' for word in words)
