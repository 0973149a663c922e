"""What the indexes of both databases change alike: documents and passages come, go, and are embedded."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from kapelle.errors import BadInput, NotFound
from kapelle.evidence import statements as sql
from kapelle.evidence.embedding.embedder import text_to_embed
from kapelle.evidence.index import IngestReport, Splitter
from kapelle.evidence.index_parts import Made, Place, Unembedded, VectorIndex
from kapelle.evidence.index_reads import IndexReads, Scope, place_of, some_of
from kapelle.evidence.model import Document
from kapelle.evidence.names import names_of
from kapelle.evidence.rows import Cut, FoundRow, cut_rows, digest_of, document_row, live_row, passage_of
from kapelle.evidence.split import split
from kapelle.store.faults import translated

_BATCH = 500
"""Passages written at once: between two batches a server sees that the transaction is not idle."""


class DatabaseIndex(IndexReads):
    """An Index over a database: by words, and by meaning where it is given vectors."""

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translated(self._engine), self._engine.begin() as connection:
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
        """See `Index.put`. Passages are cut, and embedded, before the write lock is taken."""
        wanted = {document.source: document for document in documents}
        scope = {"owner": owner, "collection": collection}
        with self._reading() as connection:
            place = place_of(connection, scope)
            live = _live(connection, scope, None if complete else list(wanted))
        gone = live.keys() - wanted.keys() if complete else set()
        fresh = {source for source, document in wanted.items() if live.get(source) != document.sha256}
        if not fresh and not gone:
            return IngestReport(collection=collection, unchanged=len(wanted))
        self._refuse_another(collection, place)
        passages = {source: cut_rows(splitter(wanted[source])) for source in sorted(fresh)}
        embedder = self._embedder_of(place)
        while True:
            made = self._embedded(row for rows in passages.values() for row in rows) if embedder else None
            with self._writing() as connection:
                touched = _touch(connection, scope, embedder)
                if touched.generation == 1:
                    self._words.make(connection, touched.id)
                if not self._kept(connection, made):
                    continue
                live = _live(connection, scope, None if complete else list(wanted))
                gone = live.keys() - wanted.keys() if complete else set()
                self._remove(connection, scope, touched.id, gone)
                documents = [wanted[source] for source in sorted(fresh)]
                self._replace(connection, scope, touched.id, documents, passages, live)
                if touched.embedder and self._vectors:
                    self._vectors.added(connection, touched.id)
            break
        return IngestReport(
            collection=collection,
            added=len(fresh - live.keys()),
            changed=len(fresh & live.keys()),
            unchanged=len(wanted) - len(fresh),
            removed=len(gone),
            passages=sum(len(cut) for cut in passages.values()),
        )

    def _embedded(self, rows: Iterable[Cut]) -> Made | None:
        """Have passages embedded."""
        if self._vectors is None:
            return None
        return self._vectors.embed({row.digest: row.embedded for row in rows}, self._reading, self._writing)

    def _kept(self, connection: Connection, made: Made | None) -> bool:
        """Store what was made; False where what was stored has been deleted since: it is to be embedded again."""
        if made is None or self._vectors is None:
            return True
        self._vectors.keep(connection, made.rest)
        return self._vectors.still(connection, made.stored)

    def _embedder_of(self, place: Place | None) -> str | None:
        """Whose vectors a collection has, or gets when it is made; one that was made without stays without."""
        if place is not None:
            return place.embedder
        return self._vectors.embedder if self._vectors else None

    def _refuse_another(self, collection: str, place: Place | None) -> None:
        if place is None or place.embedder is None or self._vectors is None:
            return
        if place.embedder != self._vectors.embedder:
            raise BadInput(
                f"corpus `{collection}` holds vectors of `{place.embedder}`, and this process embeds with "
                f"`{self._vectors.embedder}`; set KAPELLE_CORPUS__EMBEDDER to the former, or replace them all: "
                f"kapelle corpus reindex {collection}"
            )

    def _remove(self, connection: Connection, scope: Scope, place: int, sources: Collection[str]) -> None:
        if sources:
            self._cut(connection, place, sorted(sources))
            sql.HIDE.many(connection, [{**scope, "source": source} for source in sources])

    def _cut(self, connection: Connection, place: int, sources: Sequence[str]) -> None:
        self._words.cut(connection, place, sources)
        sql.UNNAME.many(connection, [{"place": place, "source": source} for source in sources])
        connection.execute(sql.CUTS, {"place": place})

    def _replace(
        self,
        connection: Connection,
        scope: Scope,
        place: int,
        documents: Sequence[Document],
        passages: Mapping[str, Sequence[Cut]],
        live: Mapping[str, str],
    ) -> None:
        if not documents:
            return
        stale = [document.source for document in documents if document.source in live]
        if stale:
            self._cut(connection, place, stale)
        sql.KEEP.many(connection, [document_row(scope["owner"], document) for document in documents])
        sql.SHOW.many(connection, [{**scope, **live_row(document)} for document in documents])
        names = [
            {"place": place, "name": name, "source": document.source}
            for document in documents
            for name in sorted(names_of(document.source, document.title))
        ]
        sql.NAME.many(connection, names)
        self._add(connection, place, [passage for document in documents for passage in passages[document.source]])

    def _add(self, connection: Connection, place: int, rows: Sequence[Cut]) -> None:
        metas = _keep_metas(connection, place, {row.about for row in rows})
        for first in range(0, len(rows), _BATCH):
            self._words.add(connection, place, rows[first : first + _BATCH], metas)

    def calibrate(self, collection: str, answers_from: float | None, *, owner: str) -> None:
        """See `Index.calibrate`."""
        scope = {"owner": owner, "collection": collection}
        with self._reading() as connection:
            place = place_of(connection, scope)
        if place is None:
            raise _unknown(collection)
        with self._writing() as connection:
            touched = _touch(connection, scope, place.embedder)
            statement = sql.UNCALIBRATE if answers_from is None else sql.ANSWER_FROM
            connection.execute(statement, {"place": touched.id, "answers_from": answers_from})

    def write_contexts_by(self, collection: str, model: str | None, *, owner: str) -> None:
        """See `Index.write_contexts_by`."""
        scope = {"owner": owner, "collection": collection}
        with self._reading() as connection:
            place = place_of(connection, scope)
        if place is None:
            raise _unknown(collection)
        with self._writing() as connection:
            connection.execute(sql.CONTEXTS_BY, {"place": place.id, "model": model})

    def check_contexts(self, collection: str, *, owner: str) -> None:
        """See `Index.check_contexts`."""
        with self._reading() as connection:
            place = place_of(connection, {"owner": owner, "collection": collection})
        if place is None:
            raise _unknown(collection)
        self._refuse_another(collection, place)
        if place.embedder and self._vectors is None:
            raise BadInput(
                f"corpus `{collection}` holds vectors of `{place.embedder}`, and this process has no embedder, so that "
                f"what is written anew would be found by words only; set KAPELLE_CORPUS__EMBEDDER to the former"
            )

    def put_contexts(
        self, collection: str, source: str, sha256: str, contexts: Mapping[str, str], *, owner: str
    ) -> bool:
        """See `Index.put_contexts`. What others wrote of the same source meanwhile stays."""
        scope = {"owner": owner, "collection": collection}
        while True:
            with self._reading() as connection:
                place = place_of(connection, scope)
                before = _of_version(connection, place, source, sha256)
            if place is None or not before:
                return False
            self._refuse_another(collection, place)
            passages = [passage_of(row, {}) for row in before]
            changed = [one.model_copy(update={"context": contexts.get(one.id, one.context)}) for one in passages]
            rows = cut_rows(changed)
            made = self._embedded(rows) if place.embedder else None
            with self._writing() as connection:
                touched = _touch(connection, scope, place.embedder)
                if not self._kept(connection, made):
                    continue
                now = _of_version(connection, touched, source, sha256)
                if [row.number for row in now] != [row.number for row in before]:
                    continue
                self._words.cut(connection, touched.id, [source])
                connection.execute(sql.CUTS, {"place": touched.id})
                self._add(connection, touched.id, rows)
                if touched.embedder and self._vectors:
                    self._vectors.added(connection, touched.id)
            return True

    def embed(
        self, collection: str, *, owner: str, anew: bool = False, on_progress: Callable[[int, int], None] | None = None
    ) -> int:
        """See `Index.embed`."""
        vectors, place, given = self._to_embed(collection, owner)
        with self._reading() as connection:
            pending = int(connection.execute(sql.PENDING, given).scalar_one())
        if not anew:
            self._refuse_another(collection, place)
        done = 0
        for batch in self._unembedded(given):
            made = vectors.embed({one.digest: one.text for one in batch}, self._reading, self._writing)
            with self._writing() as connection:
                vectors.keep(connection, made.rest)
            done += made.count
            if on_progress:
                on_progress(min(done, pending), pending)
        with self._writing() as connection:
            connection.execute(sql.EMBEDDED_BY, given)
            if place.embedder != vectors.embedder:
                vectors.replaced(connection, place.id)
            vectors.added(connection, place.id)
        # What was written meanwhile by a process without the embedder is done too.
        late = next(self._unembedded(given), None)
        return done + (self.embed(collection, owner=owner, on_progress=on_progress) if late else 0)

    def unembedded(self, collection: str, *, owner: str) -> Iterator[str]:
        """See `Index.unembedded`."""
        _, _, given = self._to_embed(collection, owner)
        return (one.text for batch in self._unembedded(given) for one in batch)

    def _to_embed(self, collection: str, owner: str) -> tuple[VectorIndex, Place, dict[str, Any]]:  # Any: id and name
        if self._vectors is None:
            raise BadInput(f"corpus `{collection}` cannot be embedded: {self.words_only or 'no embedder is wanted'}")
        with self._reading() as connection:
            place = place_of(connection, {"owner": owner, "collection": collection})
        if place is None:
            raise _unknown(collection)
        return self._vectors, place, {"place": place.id, "embedder": self._vectors.embedder}

    def _unembedded(self, given: Mapping[str, Any]) -> Iterator[list[Unembedded]]:  # Any: an id and a name
        after = 0
        while True:
            with self._reading() as connection:
                rows = connection.execute(sql.WITHOUT_VECTOR, {**given, "after": after, "most": _BATCH}).all()
            if not rows:
                return
            yield [Unembedded(row.number, bytes(row.digest), _text_of(row)) for row in rows]
            after = rows[-1].number

    def keep(self, document: Document, *, owner: str) -> None:
        """See `Index.keep`."""
        with self._writing() as connection:
            sql.KEEP.many(connection, [document_row(owner, document)])

    def delete(self, collection: str, *, owner: str, sources: Collection[str] | None = None) -> int:
        """See `Index.delete`."""
        scope = {"owner": owner, "collection": collection}
        with self._reading() as connection:
            place = place_of(connection, scope)
        if place is None:
            return 0
        with self._writing() as connection:
            touched = _touch(connection, scope, place.embedder)
            live = _live(connection, scope, None)
            gone = live.keys() if sources is None else live.keys() & set(sources)
            self._remove(connection, scope, touched.id, gone)
            connection.execute(sql.FORGET_METAS, {"place": touched.id})
        return len(gone)


def _text_of(row: FoundRow) -> str:
    return text_to_embed(row.header, row.section, row.body, context=row.context)


def _unknown(collection: str) -> NotFound:
    return NotFound(f"there is no corpus `{collection}`; `kapelle corpus list` lists what is there")


def _touch(connection: Connection, scope: Scope, embedder: str | None) -> Place:
    return Place(*connection.execute(sql.TOUCH, {**scope, "embedder": embedder}).one())


def _live(connection: Connection, scope: Scope, sources: Sequence[str] | None) -> dict[str, str]:
    """The live version of each source, or of some."""
    if sources is None:
        return {row.source: row.sha256 for row in connection.execute(sql.LIVE, scope)}
    return {
        row.source: row.sha256
        for some in some_of(sources)
        for row in connection.execute(sql.LIVE_OF, {**scope, "sources": some})
    }


def _of_version(connection: Connection, place: Place | None, source: str, sha256: str) -> Sequence[FoundRow]:
    given = {"place": place.id if place else 0, "source": source, "sha256": sha256}
    return connection.execute(sql.OF_VERSION, given).all()


def _keep_metas(connection: Connection, place: int, metas: Collection[str]) -> dict[str, int]:
    """The id of each meta, stored where it is new."""
    by_digest = {digest_of(meta): meta for meta in sorted(metas)}
    ids: dict[str, int] = {}
    for some in some_of(list(by_digest)):
        sql.META.many(connection, [{"place": place, "digest": one, "meta": by_digest[one]} for one in some])
        rows = connection.execute(sql.META_IDS, {"place": place, "digests": some})
        ids |= {by_digest[bytes(row.digest)]: row.id for row in rows}
    return ids
