"""The `Index` on SQLite: texts, passages and their FTS5 index in one file and one transaction."""

import json
import threading
import weakref
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import Connection, Engine, Row, create_engine, text
from sqlalchemy.pool import StaticPool

from kapelle.errors import NotFound
from kapelle.evidence import statements_sqlite as sql
from kapelle.evidence.filters_sqlite import where
from kapelle.evidence.index import CollectionInfo, Filters, IngestReport, Source, Splitter, Statistics
from kapelle.evidence.kinds import visible
from kapelle.evidence.model import Document, Passage
from kapelle.evidence.split import split
from kapelle.evidence.tables_sqlite import ensure_schema
from kapelle.language.words import content_words, variants
from kapelle.store.faults import translated

_KNOWN = 64
"""Collections whose list of sources is kept in memory."""


class SqliteIndex:
    """An Index in the tables of `tables_sqlite`; readers never wait for a writer when the file is in WAL mode."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[tuple[str, str], tuple[int, list[Source]]] = {}
        # One connection is shared by all threads there, so one transaction at a time.
        self._turn = threading.RLock() if isinstance(engine.pool, StaticPool) else nullcontext()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._turn, translated(self._engine), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._turn, translated(self._engine), self._engine.begin() as connection:
            yield connection

    def put(
        self,
        collection: str,
        documents: Sequence[Document],
        *,
        owner: str,
        complete: bool = False,
        splitter: Splitter = split,
    ) -> IngestReport:
        """See `Index.put`. Passages are cut before the write lock is taken."""
        wanted = {document.source: document for document in documents}
        scope = {"owner": owner, "collection": collection}
        with self._reading() as connection:
            live = _live(connection, scope)
        gone = live.keys() - wanted.keys() if complete else set()
        fresh = {source for source, document in wanted.items() if live.get(source) != document.sha256}
        if not fresh and not gone:
            return IngestReport(collection=collection, unchanged=len(wanted))
        passages = {source: splitter(wanted[source]) for source in fresh}
        with self._writing() as connection:
            connection.execute(sql.TOUCH, scope)
            live = _live(connection, scope)
            gone = live.keys() - wanted.keys() if complete else set()
            for source in gone:
                _remove(connection, scope, source)
            for source in sorted(fresh):
                _replace(connection, scope, wanted[source], passages[source])
        return IngestReport(
            collection=collection,
            added=len(fresh - live.keys()),
            changed=len(fresh & live.keys()),
            unchanged=len(wanted) - len(fresh),
            removed=len(gone),
            passages=sum(len(cut) for cut in passages.values()),
        )

    def search(
        self, collection: str, query: str, *, owner: str, k: int = 10, filters: Filters | None = None
    ) -> list[Passage]:
        """See `Index.search`. Okapi BM25 of FTS5 over title, section and text; repeated words weigh more."""
        words = [form for word in content_words(query) for form in variants(word)]
        if not words or k < 1:
            return []
        condition, values = where(filters)
        given = {"words": _any_of(words), "owner": owner, "collection": collection, "k": k, **values}
        with self._reading() as connection:
            rows = connection.execute(text(sql.SEARCH.format(filters=condition)), given).all()
        return [_passage(row) for row in rows]

    def statistics(self, collections: Sequence[str], words: Sequence[str], *, owner: str) -> Statistics:
        """See `Index.statistics`."""
        scope = {"owner": owner, "collections": json.dumps(list(collections))}
        with self._reading() as connection:
            total = connection.execute(sql.COUNT, scope).scalar_one()
            containing = {
                word: connection.execute(sql.HOLDING, {**scope, "words": _any_of(variants(word))}).scalar_one()
                for word in dict.fromkeys(words)
            }
        return Statistics(passages=total, containing=containing)

    def sources(self, collection: str, *, owner: str) -> list[Source]:
        """See `Index.sources`. Kept until the collection's generation changes."""
        scope = {"owner": owner, "collection": collection}
        with self._reading() as connection:
            generation = connection.execute(sql.GENERATION, scope).scalar() or 0
            known = self._known.get((owner, collection))
            if known and known[0] == generation:
                return list(known[1])
            rows = connection.execute(sql.SOURCES, scope).all()
        found = [
            Source(source=row.source, document=row.id, sha256=row.sha256, title=row.title, meta=json.loads(row.meta))
            for row in rows
        ]
        if len(self._known) >= _KNOWN:
            self._known.clear()
        self._known[(owner, collection)] = (generation, found)
        return list(found)

    def keep(self, document: Document, *, owner: str) -> None:
        """See `Index.keep`."""
        with self._writing() as connection:
            connection.execute(sql.KEEP, _document_row(owner, document))

    def document(self, id: str, *, owner: str) -> Document:
        """See `Index.document`."""
        with self._reading() as connection:
            row = connection.execute(sql.DOCUMENT, {"owner": owner, "id": id}).first()
        if row is None:
            raise NotFound(f"there is no document `{id}`; `kapelle corpus` lists what is there")
        return Document(
            id=row.id,
            source=row.source,
            title=row.title,
            text=row.text,
            sha256=row.sha256,
            converted=bool(row.converted),
            meta=json.loads(row.meta),
        )

    def text_of(self, source: str, sha256: str, *, owner: str) -> str | None:
        """See `Index.text_of`."""
        with self._reading() as connection:
            row = connection.execute(sql.TEXT_OF, {"owner": owner, "source": source, "sha256": sha256}).first()
        return None if row is None else str(row.text)

    def collections(self, *, owner: str) -> list[CollectionInfo]:
        """See `Index.collections`."""
        with self._reading() as connection:
            rows = connection.execute(sql.COLLECTIONS, {"owner": owner}).mappings().all()
        return [CollectionInfo.model_validate(dict(row)) for row in rows]

    def delete(self, collection: str, *, owner: str, sources: Collection[str] | None = None) -> int:
        """See `Index.delete`."""
        scope = {"owner": owner, "collection": collection}
        with self._writing() as connection:
            connection.execute(sql.TOUCH, scope)
            live = _live(connection, scope)
            gone = live.keys() if sources is None else live.keys() & set(sources)
            for source in gone:
                _remove(connection, scope, source)
        return len(gone)

    def forget(self, *, owner: str, referenced: Collection[tuple[str, str]] = ()) -> int:
        """See `Index.forget`."""
        kept = json.dumps([f"{source}\n{sha256}" for source, sha256 in referenced])
        with self._writing() as connection:
            return connection.execute(sql.FORGET, {"owner": owner, "referenced": kept}).rowcount


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


def _live(connection: Connection, scope: Mapping[str, str]) -> dict[str, str]:
    return {row.source: row.sha256 for row in connection.execute(sql.LIVE, scope)}


def _remove(connection: Connection, scope: Mapping[str, str], source: str) -> None:
    for statement in (sql.CUT, sql.HIDE):
        connection.execute(statement, {**scope, "source": source})


def _replace(connection: Connection, scope: Mapping[str, str], document: Document, passages: Sequence[Passage]) -> None:
    connection.execute(sql.CUT, {**scope, "source": document.source})
    connection.execute(sql.KEEP, _document_row(scope["owner"], document))
    connection.execute(sql.SHOW, {**scope, "source": document.source, "sha256": document.sha256})
    if passages:
        connection.execute(sql.ADD, [_passage_row(scope, passage) for passage in passages])


def _document_row(owner: str, document: Document) -> dict[str, str | bool]:
    return {
        "owner": owner,
        **document.model_dump(include={"id", "source", "sha256", "title", "text", "converted"}),
        "meta": json.dumps(document.meta, sort_keys=True),
    }


def _passage_row(scope: Mapping[str, str], passage: Passage) -> dict[str, str | int | None]:
    shown = visible(passage.text, passage.source)
    plain = " ".join(passage.text.split())
    return {
        **scope,
        **passage.model_dump(exclude={"meta", "scores"}),
        "visible": None if shown == plain else shown,
        "meta": json.dumps(passage.meta, sort_keys=True),
    }


def _passage(row: Row[Any]) -> Passage:  # Any: the columns of `SELECT p.*, cost`
    return Passage(
        id=row.id,
        document=row.document,
        source=row.source,
        sha256=row.sha256,
        text=row.text,
        start=row.start_char,
        end=row.end_char,
        header=row.header,
        section=row.section,
        meta=json.loads(row.meta),
        scores={"bm25": -row.cost, "score": -row.cost},
    )
