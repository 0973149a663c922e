"""What the indexes of both databases have in common: documents, which of them are live, and the passages' rows."""

import json
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Protocol, TypeAlias

from sqlalchemy import Connection, Engine, Row
from sqlalchemy.pool import StaticPool

from kapelle.errors import NotFound
from kapelle.evidence import statements as sql
from kapelle.evidence.index import CollectionInfo, Filters, IngestReport, Source, Splitter, Statistics
from kapelle.evidence.kinds import visible
from kapelle.evidence.model import Document, Passage
from kapelle.evidence.split import split
from kapelle.language.words import content_words, variants
from kapelle.store.faults import translated

_KNOWN = 64
"""Collections whose list of sources is kept in memory."""
_BATCH = 500
"""Passages written at once: between two batches a server sees that the transaction is not idle."""
Scope: TypeAlias = Mapping[str, str]
"""`owner` and `collection`."""
PassageRow: TypeAlias = dict[str, Any]  # Any: the columns of a passage
FoundRow: TypeAlias = Row[Any]  # Any: the columns of `SELECT p.*, cost`


class WordIndex(Protocol):
    """How one database keeps the words of passages; every call is a part of the caller's transaction."""

    def add(self, connection: Connection, scope: Scope, passages: Sequence[PassageRow]) -> None:
        """Write passages, and what they are found by."""

    def cut(self, connection: Connection, scope: Scope, sources: Sequence[str]) -> None:
        """Delete the passages of some sources, and their words."""

    def search(
        self, connection: Connection, scope: Scope, words: Sequence[str], k: int, filters: Filters | None
    ) -> Sequence[FoundRow]:
        """The `k` best passages for some words, best first; `cost` is the score, negative."""

    def holding(self, connection: Connection, owner: str, collections: Sequence[str], words: Sequence[str]) -> int:
        """How many passages hold one of some words."""


class DatabaseIndex:
    """An Index over a database, by its words."""

    def __init__(self, engine: Engine, words: WordIndex) -> None:
        self._engine = engine
        self._words = words
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
        passages = {source: [_passage_row(scope, cut) for cut in splitter(wanted[source])] for source in fresh}
        with self._writing() as connection:
            connection.execute(sql.TOUCH, scope)
            live = _live(connection, scope)
            gone = live.keys() - wanted.keys() if complete else set()
            self._remove(connection, scope, gone)
            self._replace(connection, scope, [wanted[source] for source in sorted(fresh)], passages)
        return IngestReport(
            collection=collection,
            added=len(fresh - live.keys()),
            changed=len(fresh & live.keys()),
            unchanged=len(wanted) - len(fresh),
            removed=len(gone),
            passages=sum(len(cut) for cut in passages.values()),
        )

    def _remove(self, connection: Connection, scope: Scope, sources: Collection[str]) -> None:
        if sources:
            self._words.cut(connection, scope, sorted(sources))
            connection.execute(sql.HIDE, [{**scope, "source": source} for source in sources])

    def _replace(
        self,
        connection: Connection,
        scope: Scope,
        documents: Sequence[Document],
        passages: Mapping[str, Sequence[PassageRow]],
    ) -> None:
        if not documents:
            return
        self._words.cut(connection, scope, [document.source for document in documents])
        connection.execute(sql.KEEP, [_document_row(scope["owner"], document) for document in documents])
        connection.execute(
            sql.SHOW, [{**scope, "source": document.source, "sha256": document.sha256} for document in documents]
        )
        cut = [passage for document in documents for passage in passages[document.source]]
        for first in range(0, len(cut), _BATCH):
            self._words.add(connection, scope, cut[first : first + _BATCH])

    def search(
        self, collection: str, query: str, *, owner: str, k: int = 10, filters: Filters | None = None
    ) -> list[Passage]:
        """See `Index.search`. Okapi BM25 over title, section and text together; repeated words weigh more."""
        words = [form for word in content_words(query) for form in variants(word)]
        if not words or k < 1:
            return []
        with self._reading() as connection:
            rows = self._words.search(connection, {"owner": owner, "collection": collection}, words, k, filters)
        return [_passage(row) for row in rows]

    def statistics(self, collections: Sequence[str], words: Sequence[str], *, owner: str) -> Statistics:
        """See `Index.statistics`."""
        with self._reading() as connection:
            total = connection.execute(sql.COUNT, {"owner": owner, "collections": list(collections)}).scalar_one()
            containing = {
                word: self._words.holding(connection, owner, collections, variants(word))
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
            self._remove(connection, scope, gone)
        return len(gone)

    def forget(self, *, owner: str, referenced: Collection[tuple[str, str]] = ()) -> int:
        """See `Index.forget`."""
        with self._reading() as connection:
            stored = {(row.source, row.sha256) for row in connection.execute(sql.STORED, {"owner": owner})}
        with self._writing() as connection:
            # What became live meanwhile is not deleted: each statement looks for itself.
            gone = [
                connection.execute(sql.FORGET, {"owner": owner, "source": source, "sha256": sha256}).rowcount
                for source, sha256 in sorted(stored - set(referenced))
            ]
        return sum(gone)


def _live(connection: Connection, scope: Scope) -> dict[str, str]:
    return {row.source: row.sha256 for row in connection.execute(sql.LIVE, scope)}


def _document_row(owner: str, document: Document) -> dict[str, str | bool]:
    return {
        "owner": owner,
        **document.model_dump(include={"id", "source", "sha256", "title", "text", "converted"}),
        "meta": json.dumps(document.meta, sort_keys=True),
    }


def _passage_row(scope: Scope, passage: Passage) -> PassageRow:
    shown = visible(passage.text, passage.source)
    plain = " ".join(passage.text.split())
    return {
        **scope,
        **passage.model_dump(exclude={"meta", "scores"}),
        "visible": None if shown == plain else shown,
        "meta": json.dumps(passage.meta, sort_keys=True),
    }


def _passage(row: FoundRow) -> Passage:
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
