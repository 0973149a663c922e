"""The `Index` on SQLite: texts, passages and their FTS5 index in one file and one transaction."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, create_engine, text
from sqlalchemy.pool import StaticPool

from kapelle.errors import NotFound
from kapelle.evidence.filters_sqlite import where
from kapelle.evidence.index import CollectionInfo, Filters, IngestReport, Source, Splitter, Statistics
from kapelle.evidence.kinds import visible
from kapelle.evidence.model import Document, Passage
from kapelle.evidence.split import split
from kapelle.evidence.tables_sqlite import ensure_schema
from kapelle.language.words import content_words, variants

# The first statement of a change is a write: a transaction that begins by reading cannot be waited for when another
# one has written meanwhile (SQLite answers "locked" at once).
_TOUCH = text(
    "INSERT INTO evidence_collections (owner, name, generation) VALUES (:owner, :collection, 1) "
    "ON CONFLICT (owner, name) DO UPDATE SET generation = generation + 1"
)
_LIVE = text("SELECT source, sha256 FROM evidence_live WHERE owner = :owner AND collection = :collection")
_KEEP = text(
    "INSERT INTO evidence_documents (owner, id, source, sha256, title, text, converted, meta) "
    "VALUES (:owner, :id, :source, :sha256, :title, :text, :converted, :meta) ON CONFLICT DO NOTHING"
)
_SHOW = text(
    "INSERT INTO evidence_live (owner, collection, source, sha256) VALUES (:owner, :collection, :source, :sha256) "
    "ON CONFLICT (owner, collection, source) DO UPDATE SET sha256 = excluded.sha256"
)
_HIDE = text("DELETE FROM evidence_live WHERE owner = :owner AND collection = :collection AND source = :source")
_CUT = text("DELETE FROM evidence_passages WHERE owner = :owner AND collection = :collection AND source = :source")
_ADD = text(
    "INSERT INTO evidence_passages (owner, collection, id, document, source, sha256, start_char, end_char, header, "
    "section, text, visible, meta) VALUES (:owner, :collection, :id, :document, :source, :sha256, :start, :end, "
    ":header, :section, :text, :visible, :meta)"
)
_SEARCH = (
    "SELECT p.*, bm25(evidence_fts) AS cost FROM evidence_fts JOIN evidence_passages p ON p.number = evidence_fts.rowid "
    "WHERE evidence_fts MATCH :words AND p.owner = :owner AND p.collection = :collection{filters} "
    "ORDER BY cost, p.source, p.start_char, p.number LIMIT :k"
)
_COUNT = (
    "SELECT count(*) FROM evidence_passages p{join} WHERE p.owner = :owner AND p.collection IN "
    "(SELECT value FROM json_each(:collections)){match}"
)
_FORGET = text(
    "DELETE FROM evidence_documents WHERE owner = :owner AND NOT EXISTS (SELECT 1 FROM evidence_live l WHERE "
    "l.owner = evidence_documents.owner AND l.source = evidence_documents.source "
    "AND l.sha256 = evidence_documents.sha256) AND source || char(10) || sha256 NOT IN "
    "(SELECT value FROM json_each(:referenced))"
)


class SqliteIndex:
    """An Index in the tables of `tables_sqlite`; readers never wait for a writer when the file is in WAL mode."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

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
        with self._engine.connect() as connection:
            live = _live(connection, scope)
        gone = live.keys() - wanted.keys() if complete else set()
        fresh = {source for source, document in wanted.items() if live.get(source) != document.sha256}
        if not fresh and not gone:
            return IngestReport(collection=collection, unchanged=len(wanted))
        passages = {source: splitter(wanted[source]) for source in fresh}
        with self._engine.begin() as connection:
            connection.execute(_TOUCH, scope)
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
        with self._engine.connect() as connection:
            rows = connection.execute(text(_SEARCH.format(filters=condition)), given).all()
        return [_passage(row) for row in rows]

    def statistics(self, collections: Sequence[str], words: Sequence[str], *, owner: str) -> Statistics:
        """See `Index.statistics`."""
        scope = {"owner": owner, "collections": json.dumps(list(collections))}
        every = text(_COUNT.format(join="", match=""))
        holding = text(
            _COUNT.format(
                join=" JOIN evidence_fts ON p.number = evidence_fts.rowid", match=" AND evidence_fts MATCH :words"
            )
        )
        with self._engine.connect() as connection:
            total = connection.execute(every, scope).scalar_one()
            containing = {
                word: connection.execute(holding, {**scope, "words": _any_of(variants(word))}).scalar_one()
                for word in dict.fromkeys(words)
            }
        return Statistics(passages=total, containing=containing)

    def sources(self, collection: str, *, owner: str) -> list[Source]:
        """See `Index.sources`."""
        statement = text(
            "SELECT d.id, d.source, d.sha256, d.title, d.meta FROM evidence_live l JOIN evidence_documents d ON "
            "d.owner = l.owner AND d.source = l.source AND d.sha256 = l.sha256 "
            "WHERE l.owner = :owner AND l.collection = :collection ORDER BY l.source"
        )
        with self._engine.connect() as connection:
            rows = connection.execute(statement, {"owner": owner, "collection": collection}).all()
        return [
            Source(source=row.source, document=row.id, sha256=row.sha256, title=row.title, meta=json.loads(row.meta))
            for row in rows
        ]

    def keep(self, document: Document, *, owner: str) -> None:
        """See `Index.keep`."""
        with self._engine.begin() as connection:
            connection.execute(_KEEP, _document_row(owner, document))

    def document(self, id: str, *, owner: str) -> Document:
        """See `Index.document`."""
        statement = text("SELECT * FROM evidence_documents WHERE owner = :owner AND id = :id")
        with self._engine.connect() as connection:
            row = connection.execute(statement, {"owner": owner, "id": id}).first()
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
        statement = text(
            "SELECT text FROM evidence_documents WHERE owner = :owner AND source = :source AND sha256 = :sha256"
        )
        with self._engine.connect() as connection:
            return connection.execute(statement, {"owner": owner, "source": source, "sha256": sha256}).scalar()

    def collections(self, *, owner: str) -> list[CollectionInfo]:
        """See `Index.collections`."""
        statement = text(
            "SELECT c.name, c.generation, "
            "(SELECT count(*) FROM evidence_live l WHERE l.owner = c.owner AND l.collection = c.name) AS documents, "
            "(SELECT count(*) FROM evidence_passages p WHERE p.owner = c.owner AND p.collection = c.name) AS passages "
            "FROM evidence_collections c WHERE c.owner = :owner ORDER BY c.name"
        )
        with self._engine.connect() as connection:
            rows = connection.execute(statement, {"owner": owner}).mappings().all()
        return [CollectionInfo.model_validate(dict(row)) for row in rows]

    def delete(self, collection: str, *, owner: str, sources: Collection[str] | None = None) -> int:
        """See `Index.delete`."""
        scope = {"owner": owner, "collection": collection}
        with self._engine.begin() as connection:
            connection.execute(_TOUCH, scope)
            live = _live(connection, scope)
            gone = live.keys() if sources is None else live.keys() & set(sources)
            for source in gone:
                _remove(connection, scope, source)
            if sources is None:
                connection.execute(
                    text("DELETE FROM evidence_collections WHERE owner = :owner AND name = :collection"), scope
                )
        return len(gone)

    def forget(self, *, owner: str, referenced: Collection[tuple[str, str]] = ()) -> int:
        """See `Index.forget`."""
        kept = json.dumps([f"{source}\n{sha256}" for source, sha256 in referenced])
        with self._engine.begin() as connection:
            return connection.execute(_FORGET, {"owner": owner, "referenced": kept}).rowcount


def memory_index() -> SqliteIndex:
    """An index in memory, for one thread at a time; it goes with its last reference."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    ensure_schema(engine)
    return SqliteIndex(engine)


def _any_of(words: Sequence[str]) -> str:
    """An FTS5 query for any of some words; quoted, so that none is taken for an operator."""
    return " OR ".join(f'"{word}"' for word in words)


def _live(connection: Connection, scope: Mapping[str, str]) -> dict[str, str]:
    return {row.source: row.sha256 for row in connection.execute(_LIVE, scope)}


def _remove(connection: Connection, scope: Mapping[str, str], source: str) -> None:
    for statement in (_CUT, _HIDE):
        connection.execute(statement, {**scope, "source": source})


def _replace(
    connection: Connection, scope: Mapping[str, str], document: Document, passages: Sequence[Passage]
) -> None:
    connection.execute(_CUT, {**scope, "source": document.source})
    connection.execute(_KEEP, _document_row(scope["owner"], document))
    connection.execute(_SHOW, {**scope, "source": document.source, "sha256": document.sha256})
    if passages:
        connection.execute(_ADD, [_passage_row(scope, passage) for passage in passages])


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
