"""What the indexes of both databases have in common: documents, which of them are live, and the passages' rows."""

import json
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.pool import StaticPool

from kapelle.errors import BadInput, NotFound
from kapelle.evidence import statements as sql
from kapelle.evidence.embedding.embedder import Seen, text_to_embed
from kapelle.evidence.filters import Fitting
from kapelle.evidence.index import (
    CollectionInfo,
    Filters,
    IngestReport,
    Match,
    Nearest,
    Source,
    Splitter,
    Statistics,
)
from kapelle.evidence.model import Document, Passage
from kapelle.evidence.names import names_of
from kapelle.evidence.rows import Cut, FoundRow, cut_rows, digest_of, document_row, live_row, passage_of
from kapelle.evidence.split import split
from kapelle.language.words import query_words, variants
from kapelle.store.faults import translated

_KNOWN = 64
"""Collections whose list of sources is kept in memory."""
_LARGE = 5_000
"""Passages from which the count of a word stays good enough while a collection grows by a twentieth."""
_COUNTED = 50_000
"""Words whose counts are kept in memory."""
_BATCH = 500
"""Passages written at once: between two batches a server sees that the transaction is not idle."""
_AT_ONCE = 500
"""Values of one `IN`."""
NO_EMBEDDER = "this process has no embedder"
Scope: TypeAlias = Mapping[str, str]
"""`owner` and `collection`."""
Opened: TypeAlias = Callable[[], AbstractContextManager[Connection]]
"""Opens a transaction."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """A collection as it stands."""

    id: int
    generation: int
    passages: int
    cuts: int
    """Raised when passages are taken away."""
    embedder: str | None


@dataclass(frozen=True, slots=True)
class Unembedded:
    """A passage without a vector."""

    number: int
    digest: bytes
    text: str


@dataclass(frozen=True, slots=True)
class Made:
    """What became of texts that were to be embedded."""

    count: int
    """Those that had no vector."""
    rest: Sequence[tuple[bytes, bytes]]
    """The last of them, by digest: still to be stored."""


class WordIndex(Protocol):
    """How one database keeps passages and their words; every call is a part of the caller's transaction."""

    def make(self, connection: Connection, place: int) -> None:
        """Make room for a new collection."""

    def add(self, connection: Connection, place: int, passages: Sequence[Cut], metas: Mapping[str, int]) -> None:
        """Write passages, and what they are found by; `metas` has the id of each `about`."""

    def cut(self, connection: Connection, place: int, sources: Sequence[str]) -> None:
        """Delete the passages of some sources, and their words."""

    def match(
        self, connection: Connection, place: int, words: Sequence[str], k: int, fitting: Fitting | None
    ) -> list[Match]:
        """The `k` best passages for some words, best first."""

    def holding(self, connection: Connection, place: int, words: Sequence[str]) -> int:
        """How many passages hold one of some words."""

    def fitting(self, filters: Filters) -> Fitting:
        """What a filter lets through."""


class VectorIndex(Protocol):
    """How one database keeps the vectors of one embedder, and finds the nearest."""

    @property
    def embedder(self) -> str:
        """The embedder's name."""

    def embed(self, texts: Mapping[bytes, str], read: Opened, write: Opened) -> Made:
        """Make the vectors of texts, by digest, that are not stored yet, and store what takes longer than a moment."""

    def keep(self, connection: Connection, made: Sequence[tuple[bytes, bytes]]) -> None:
        """Store vectors, by digest."""

    def added(self, connection: Connection, place: int) -> None:
        """Passages were written in this transaction, their vectors being stored."""

    def replaced(self, connection: Connection, place: int) -> None:
        """The collection's vectors are of another embedder from here on."""

    def nearest(
        self,
        connection: Connection,
        place: Place,
        text: str,
        k: int,
        fitting: Fitting | None,
        also: Collection[int],
    ) -> Nearest | None:
        """The `k` passages nearest to a text."""

    def look(
        self, question: str, passages: Sequence[Sequence[str]], weight: Callable[[str], float]
    ) -> list[list[Seen]]:
        """See `Index.look`."""

    def vectors(self, connection: Connection, place: Place, numbers: Sequence[int]) -> dict[int, Sequence[float]]:
        """The vectors of passages."""


class DatabaseIndex:
    """An Index over a database: by words, and by meaning where it is given vectors."""

    def __init__(self, engine: Engine, words: WordIndex, vectors: VectorIndex | None = None) -> None:
        self._engine = engine
        self._words = words
        self._vectors = vectors
        self._known: dict[tuple[str, str], tuple[int, list[Source]]] = {}
        self._counted: dict[tuple[int, str], tuple[int, int, int]] = {}
        # One connection is shared by all threads there, so one transaction at a time.
        self._turn = threading.RLock() if isinstance(engine.pool, StaticPool) else nullcontext()
        self.words_only = "" if vectors else NO_EMBEDDER

    @property
    def embedder(self) -> str | None:
        """See `Index.embedder`."""
        return self._vectors.embedder if self._vectors else None

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
        """See `Index.put`. Passages are cut, and embedded, before the write lock is taken."""
        wanted = {document.source: document for document in documents}
        scope = {"owner": owner, "collection": collection}
        with self._reading() as connection:
            place = _place(connection, scope)
            live = _live(connection, scope, None if complete else list(wanted))
        gone = live.keys() - wanted.keys() if complete else set()
        fresh = {source for source, document in wanted.items() if live.get(source) != document.sha256}
        if not fresh and not gone:
            return IngestReport(collection=collection, unchanged=len(wanted))
        self._refuse_another(collection, place)
        passages = {source: cut_rows(splitter(wanted[source])) for source in sorted(fresh)}
        embedder = self._embedder_of(place)
        made = self._embedded(row for rows in passages.values() for row in rows) if embedder else ()
        with self._writing() as connection:
            touched = _touch(connection, scope, embedder)
            if made and self._vectors:
                self._vectors.keep(connection, made)
            if touched.generation == 1:
                self._words.make(connection, touched.id)
            live = _live(connection, scope, None if complete else list(wanted))
            gone = live.keys() - wanted.keys() if complete else set()
            self._remove(connection, scope, touched.id, gone)
            self._replace(connection, scope, touched.id, [wanted[source] for source in sorted(fresh)], passages, live)
            if touched.embedder and self._vectors:
                self._vectors.added(connection, touched.id)
        return IngestReport(
            collection=collection,
            added=len(fresh - live.keys()),
            changed=len(fresh & live.keys()),
            unchanged=len(wanted) - len(fresh),
            removed=len(gone),
            passages=sum(len(cut) for cut in passages.values()),
        )

    def _embedded(self, rows: Iterable[Cut]) -> Sequence[tuple[bytes, bytes]]:
        """Have passages embedded; the vectors that are still to be stored."""
        if self._vectors is None:
            return ()
        return self._vectors.embed({row.digest: row.embedded for row in rows}, self._reading, self._writing).rest

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
            connection.execute(sql.HIDE, [{**scope, "source": source} for source in sources])

    def _cut(self, connection: Connection, place: int, sources: Sequence[str]) -> None:
        self._words.cut(connection, place, sources)
        connection.execute(sql.UNNAME, [{"place": place, "source": source} for source in sources])
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
        connection.execute(sql.KEEP, [document_row(scope["owner"], document) for document in documents])
        connection.execute(sql.SHOW, [{**scope, **live_row(document)} for document in documents])
        names = [
            {"place": place, "name": name, "source": document.source}
            for document in documents
            for name in sorted(names_of(document.source, document.title))
        ]
        if names:
            connection.execute(sql.NAME, names)
        self._add(connection, place, [passage for document in documents for passage in passages[document.source]])

    def _add(self, connection: Connection, place: int, rows: Sequence[Cut]) -> None:
        metas = _keep_metas(connection, place, {row.about for row in rows})
        for first in range(0, len(rows), _BATCH):
            self._words.add(connection, place, rows[first : first + _BATCH], metas)

    def search(
        self, collection: str, query: str, *, owner: str, k: int = 10, filters: Filters | None = None
    ) -> list[Passage]:
        """See `Index.search`. Okapi BM25 over title, section and text together; repeated words weigh more."""
        matches = self.match(collection, query_words(query), owner=owner, k=k, filters=filters)
        scores = dict(matches)
        found = self._rows(collection, list(scores), owner)
        return [passage_of(row, {"bm25": scores[row.number], "score": scores[row.number]}) for row in found]

    def match(
        self, collection: str, words: Sequence[str], *, owner: str, k: int, filters: Filters | None = None
    ) -> list[Match]:
        """See `Index.match`."""
        forms = [form for word in words for form in variants(word)]
        if not forms or k < 1:
            return []
        fitting = self._words.fitting(filters) if filters else None
        with self._reading() as connection:
            place = _place(connection, {"owner": owner, "collection": collection})
            if place is None:
                return []
            return self._words.match(connection, place.id, forms, k, self._narrowed(connection, place, fitting))

    def nearest(
        self,
        collection: str,
        text: str,
        *,
        owner: str,
        k: int,
        filters: Filters | None = None,
        also: Collection[int] = (),
    ) -> Nearest | None:
        """See `Index.nearest`."""
        if self._vectors is None:
            return None
        fitting = self._words.fitting(filters) if filters else None
        with self._reading() as connection:
            place = _place(connection, {"owner": owner, "collection": collection})
            if place is None or place.embedder != self._vectors.embedder:
                return None
            narrowed = self._narrowed(connection, place, fitting)
            return self._vectors.nearest(connection, place, text, k, narrowed, also)

    def _narrowed(self, connection: Connection, place: Place, fitting: Fitting | None) -> Fitting | None:
        """The same, in the words that are quickest to search with."""
        return fitting

    def passages(self, collection: str, numbers: Sequence[int], *, owner: str) -> dict[int, Passage]:
        """See `Index.passages`."""
        return {row.number: passage_of(row, {}) for row in self._rows(collection, numbers, owner)}

    def _rows(self, collection: str, numbers: Sequence[int], owner: str) -> list[FoundRow]:
        found: dict[int, FoundRow] = {}
        with self._reading() as connection:
            place = _place(connection, {"owner": owner, "collection": collection})
            if place is None:
                return []
            for some in _some(numbers):
                rows = connection.execute(sql.PASSAGES, {"place": place.id, "numbers": some})
                found |= {row.number: row for row in rows}
        return [found[number] for number in numbers if number in found]

    def vectors(self, collection: str, numbers: Sequence[int], *, owner: str) -> dict[int, Sequence[float]]:
        """See `Index.vectors`."""
        if self._vectors is None:
            return {}
        with self._reading() as connection:
            place = _place(connection, {"owner": owner, "collection": collection})
            if place is None or place.embedder != self._vectors.embedder:
                return {}
            return self._vectors.vectors(connection, place, numbers)

    def look(
        self, question: str, passages: Sequence[Sequence[str]], weight: Callable[[str], float]
    ) -> list[list[Seen]] | None:
        """See `Index.look`."""
        return self._vectors.look(question, passages, weight) if self._vectors else None

    def named(self, collection: str, names: Collection[str], *, owner: str) -> dict[str, frozenset[str]]:
        """See `Index.named`."""
        found: dict[str, set[str]] = {}
        with self._reading() as connection:
            place = _place(connection, {"owner": owner, "collection": collection})
            for some in _some(sorted(names)) if place else ():
                for row in connection.execute(sql.NAMED, {"place": place.id if place else 0, "names": some}):
                    found.setdefault(row.source, set()).add(row.name)
        return {source: frozenset(called) for source, called in found.items()}

    def of_source(self, collection: str, source: str, *, owner: str, most: int) -> list[int]:
        """See `Index.of_source`."""
        with self._reading() as connection:
            place = _place(connection, {"owner": owner, "collection": collection})
            if place is None:
                return []
            given = {"place": place.id, "source": source, "most": most}
            return [int(number) for number in connection.execute(sql.OF_SOURCE, given).scalars()]

    def statistics(self, collections: Sequence[str], words: Sequence[str], *, owner: str) -> Statistics:
        """See `Index.statistics`."""
        total, containing = 0, dict.fromkeys(words, 0)
        with self._reading() as connection:
            for name in collections:
                place = _place(connection, {"owner": owner, "collection": name})
                if place is None:
                    continue
                total += place.passages
                for word in containing:
                    containing[word] += self._holding(connection, place, word)
            given = {"owner": owner, "names": list(collections)}
            answers_from = connection.execute(sql.THRESHOLD, given).scalar() if collections else None
        return Statistics(passages=total, containing=containing, answers_from=answers_from)

    def calibrate(self, collection: str, answers_from: float | None, *, owner: str) -> None:
        """See `Index.calibrate`."""
        scope = {"owner": owner, "collection": collection}
        with self._reading() as connection:
            place = _place(connection, scope)
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
            place = _place(connection, scope)
        if place is None:
            raise _unknown(collection)
        with self._writing() as connection:
            connection.execute(sql.CONTEXTS_BY, {"place": place.id, "model": model})

    def without_context(self, collection: str, *, owner: str) -> list[str]:
        """See `Index.without_context`."""
        with self._reading() as connection:
            place = _place(connection, {"owner": owner, "collection": collection})
            return list(connection.execute(sql.WITHOUT_CONTEXT, {"place": place.id}).scalars()) if place else []

    def put_contexts(
        self, collection: str, source: str, sha256: str, contexts: Mapping[str, str], *, owner: str
    ) -> bool:
        """See `Index.put_contexts`. What others wrote of the same source meanwhile stays."""
        scope = {"owner": owner, "collection": collection}
        while True:
            with self._reading() as connection:
                place = _place(connection, scope)
                before = _of_version(connection, place, source, sha256)
            if place is None or not before:
                return False
            self._refuse_another(collection, place)
            passages = [passage_of(row, {}) for row in before]
            changed = [one.model_copy(update={"context": contexts.get(one.id, one.context)}) for one in passages]
            rows = cut_rows(changed)
            made = self._embedded(rows) if place.embedder else ()
            with self._writing() as connection:
                touched = _touch(connection, scope, place.embedder)
                if made and self._vectors:
                    self._vectors.keep(connection, made)
                now = _of_version(connection, touched, source, sha256)
                if [row.number for row in now] != [row.number for row in before]:
                    continue
                self._words.cut(connection, touched.id, [source])
                connection.execute(sql.CUTS, {"place": touched.id})
                self._add(connection, touched.id, rows)
                if touched.embedder and self._vectors:
                    self._vectors.added(connection, touched.id)
            return True

    def _holding(self, connection: Connection, place: Place, word: str) -> int:
        """How many passages hold a word; of a large collection as it was while it was about as large."""
        key = (place.id, word)
        generation, passages, count = self._counted.get(key, (0, 0, 0))
        as_large = place.passages >= _LARGE and abs(passages - place.passages) <= passages // 20
        if generation == place.generation or as_large:
            return count
        count = self._words.holding(connection, place.id, variants(word))
        if len(self._counted) >= _COUNTED:
            self._counted.clear()
        self._counted[key] = (place.generation, place.passages, count)
        return count

    def sources(self, collection: str, *, owner: str) -> list[Source]:
        """See `Index.sources`. Kept until the collection's generation changes."""
        scope = {"owner": owner, "collection": collection}
        with self._reading() as connection:
            place = _place(connection, scope)
            generation = place.generation if place else 0
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

    def superseding(self, collection: str, *, owner: str) -> bool:
        """See `Index.superseding`."""
        with self._reading() as connection:
            return bool(connection.execute(sql.SUPERSEDING, {"owner": owner, "collection": collection}).scalar())

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
            place = _place(connection, {"owner": owner, "collection": collection})
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
            yield [Unembedded(row.number, bytes(row.digest), _to_embed(row)) for row in rows]
            after = rows[-1].number

    def keep(self, document: Document, *, owner: str) -> None:
        """See `Index.keep`."""
        with self._writing() as connection:
            connection.execute(sql.KEEP, document_row(owner, document))

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
        with self._reading() as connection:
            place = _place(connection, scope)
        if place is None:
            return 0
        with self._writing() as connection:
            touched = _touch(connection, scope, place.embedder)
            live = _live(connection, scope, None)
            gone = live.keys() if sources is None else live.keys() & set(sources)
            self._remove(connection, scope, touched.id, gone)
            connection.execute(sql.FORGET_METAS, {"place": touched.id})
        return len(gone)

    def forget(self, *, owner: str, referenced: Collection[tuple[str, str]] = ()) -> int:
        """See `Index.forget`. Vectors that no passage has any more go too."""
        with self._reading() as connection:
            stored = {(row.source, row.sha256) for row in connection.execute(sql.STORED, {"owner": owner})}
        with self._writing() as connection:
            # What became live meanwhile is not deleted: each statement looks for itself.
            gone = [
                connection.execute(sql.FORGET, {"owner": owner, "source": source, "sha256": sha256}).rowcount
                for source, sha256 in sorted(stored - set(referenced))
            ]
            connection.execute(sql.FORGET_VECTORS)
        return sum(gone)


def _to_embed(row: FoundRow) -> str:
    return text_to_embed(row.header, row.section, row.body, context=row.context)


def _unknown(collection: str) -> NotFound:
    return NotFound(f"there is no corpus `{collection}`; `kapelle corpus list` lists what is there")


def _place(connection: Connection, scope: Scope) -> Place | None:
    row = connection.execute(sql.PLACE, scope).first()
    return Place(*row) if row else None


def _touch(connection: Connection, scope: Scope, embedder: str | None) -> Place:
    return Place(*connection.execute(sql.TOUCH, {**scope, "embedder": embedder}).one())


def _live(connection: Connection, scope: Scope, sources: Sequence[str] | None) -> dict[str, str]:
    """The live version of each source, or of some."""
    if sources is None:
        return {row.source: row.sha256 for row in connection.execute(sql.LIVE, scope)}
    return {
        row.source: row.sha256
        for some in _some(sources)
        for row in connection.execute(sql.LIVE_OF, {**scope, "sources": some})
    }


def _of_version(connection: Connection, place: Place | None, source: str, sha256: str) -> Sequence[FoundRow]:
    given = {"place": place.id if place else 0, "source": source, "sha256": sha256}
    return connection.execute(sql.OF_VERSION, given).all()


def _keep_metas(connection: Connection, place: int, metas: Collection[str]) -> dict[str, int]:
    """The id of each meta, stored where it is new."""
    by_digest = {digest_of(meta): meta for meta in sorted(metas)}
    ids: dict[str, int] = {}
    for some in _some(list(by_digest)):
        connection.execute(sql.META, [{"place": place, "digest": one, "meta": by_digest[one]} for one in some])
        rows = connection.execute(sql.META_IDS, {"place": place, "digests": some})
        ids |= {by_digest[bytes(row.digest)]: row.id for row in rows}
    return ids


def _some(values: Sequence[T]) -> Iterable[list[T]]:
    return (list(values[first : first + _AT_ONCE]) for first in range(0, len(values), _AT_ONCE))
