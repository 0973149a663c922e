"""What the indexes of both databases read alike: documents, which of them are live, passages, how common words are."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias, TypeVar

from sqlalchemy import Connection, Engine

from kapelle.errors import NotFound
from kapelle.evidence import statements as sql
from kapelle.evidence.embedding.embedder import Seen
from kapelle.evidence.filters import Fitting
from kapelle.evidence.index import CollectionInfo, Filters, Match, Nearest, Source, Statistics
from kapelle.evidence.index_parts import Place, VectorIndex, WordIndex
from kapelle.evidence.model import Document, Passage
from kapelle.evidence.rows import FoundRow, passage_of
from kapelle.language.words import query_words, variants
from kapelle.store.faults import translated

_KNOWN = 64
"""Collections whose list of sources is kept in memory."""
_LARGE = 5_000
"""Passages from which the count of a word stays good enough while a collection grows by a twentieth."""
_COUNTED = 50_000
"""Words whose counts are kept in memory."""
_AT_ONCE = 500
"""Values of one `IN`."""
NO_EMBEDDER = "this process has no embedder"
Scope: TypeAlias = Mapping[str, str]
"""`owner` and `collection`."""
T = TypeVar("T")


class IndexReads:
    """The reading half of an Index over a database: by words, and by meaning where it is given vectors."""

    def __init__(self, engine: Engine, words: WordIndex, vectors: VectorIndex | None = None) -> None:
        self._engine = engine
        self._words = words
        self._vectors = vectors
        self._known: dict[tuple[str, str], tuple[int, list[Source]]] = {}
        self._counted: dict[tuple[int, str], tuple[int, int, int]] = {}
        self.words_only = "" if vectors else NO_EMBEDDER

    @property
    def embedder(self) -> str | None:
        """See `Index.embedder`."""
        return self._vectors.embedder if self._vectors else None

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated(self._engine), self._engine.connect() as connection:
            yield connection

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
            place = place_of(connection, {"owner": owner, "collection": collection})
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
            place = place_of(connection, {"owner": owner, "collection": collection})
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
            place = place_of(connection, {"owner": owner, "collection": collection})
            if place is None:
                return []
            for some in some_of(numbers):
                rows = connection.execute(sql.PASSAGES, {"place": place.id, "numbers": some})
                found |= {row.number: row for row in rows}
        return [found[number] for number in numbers if number in found]

    def vectors(self, collection: str, numbers: Sequence[int], *, owner: str) -> dict[int, Sequence[float]]:
        """See `Index.vectors`."""
        if self._vectors is None:
            return {}
        with self._reading() as connection:
            place = place_of(connection, {"owner": owner, "collection": collection})
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
            place = place_of(connection, {"owner": owner, "collection": collection})
            for some in some_of(sorted(names)) if place else ():
                for row in connection.execute(sql.NAMED, {"place": place.id if place else 0, "names": some}):
                    found.setdefault(row.source, set()).add(row.name)
        return {source: frozenset(called) for source, called in found.items()}

    def of_source(self, collection: str, source: str, *, owner: str, most: int) -> list[int]:
        """See `Index.of_source`."""
        with self._reading() as connection:
            place = place_of(connection, {"owner": owner, "collection": collection})
            if place is None:
                return []
            given = {"place": place.id, "source": source, "most": most}
            return [int(number) for number in connection.execute(sql.OF_SOURCE, given).scalars()]

    def statistics(self, collections: Sequence[str], words: Sequence[str], *, owner: str) -> Statistics:
        """See `Index.statistics`."""
        total, containing = 0, dict.fromkeys(words, 0)
        with self._reading() as connection:
            for name in collections:
                place = place_of(connection, {"owner": owner, "collection": name})
                if place is None:
                    continue
                total += place.passages
                for word in containing:
                    containing[word] += self._holding(connection, place, word)
            given = {"owner": owner, "names": list(collections)}
            answers_from = connection.execute(sql.THRESHOLD, given).scalar() if collections else None
        return Statistics(passages=total, containing=containing, answers_from=answers_from)

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
            place = place_of(connection, scope)
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

    def without_context(self, collection: str, *, owner: str) -> list[str]:
        """See `Index.without_context`."""
        with self._reading() as connection:
            place = place_of(connection, {"owner": owner, "collection": collection})
            return list(connection.execute(sql.WITHOUT_CONTEXT, {"place": place.id}).scalars()) if place else []


def place_of(connection: Connection, scope: Scope) -> Place | None:
    """A collection as it stands; None where there is none."""
    row = connection.execute(sql.PLACE, scope).first()
    return Place(*row) if row else None


def some_of(values: Sequence[T]) -> Iterable[list[T]]:
    """The same, so many at a time."""
    return (list(values[first : first + _AT_ONCE]) for first in range(0, len(values), _AT_ONCE))
