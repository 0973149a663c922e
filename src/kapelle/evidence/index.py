"""The `Index` port: what every store of documents and passages must do."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from kapelle.evidence.model import Document, Passage
from kapelle.evidence.split import split

Splitter = Callable[[Document], Sequence[Passage]]
Filters = Mapping[str, JsonValue]
"""Conditions on a passage's `meta` (or `source`), all of which must hold.

A plain value must be equal; of a list, one of its members; of an object, the bounds `ge`, `gt`, `le`, `lt`. Where the
meta value is itself a list, one member must fit. A passage without the field does not fit.
"""


class IngestReport(BaseModel):
    """What a `put` changed, in documents; `passages` counts those written."""

    model_config = ConfigDict(frozen=True)

    collection: str
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    passages: int = 0


class Source(BaseModel):
    """The live version of a source in a collection."""

    model_config = ConfigDict(frozen=True)

    source: str
    document: str
    """The document's id."""
    sha256: str
    title: str = ""
    meta: dict[str, JsonValue] = Field(default_factory=dict)


class CollectionInfo(BaseModel):
    """A collection and its size."""

    model_config = ConfigDict(frozen=True)

    name: str
    documents: int
    passages: int
    generation: int
    """Raised by every change; what was cached of another generation is stale."""


class Statistics(BaseModel):
    """How common words are in some collections; a word counts in all its inflections."""

    model_config = ConfigDict(frozen=True)

    passages: int
    containing: dict[str, int]
    """Of each word asked for: the passages that hold it."""


class Index(Protocol):
    """Documents of an owner in named collections, searchable by words. No call sees another owner's rows."""

    def put(
        self,
        collection: str,
        documents: Sequence[Document],
        *,
        owner: str,
        complete: bool = False,
        splitter: Splitter = split,
    ) -> IngestReport:
        """Bring documents into a collection in one transaction.

        A source whose text is unchanged is skipped, a changed one replaced; with `complete`, sources that are not
        among `documents` are removed. Texts of earlier versions stay readable.
        """

    def search(
        self, collection: str, query: str, *, owner: str, k: int = 10, filters: Filters | None = None
    ) -> list[Passage]:
        """The `k` best passages for a query's words, best first, ties in document order; `scores["bm25"]` is set.

        An empty query finds nothing. An unknown collection is an empty one.
        """

    def statistics(self, collections: Sequence[str], words: Sequence[str], *, owner: str) -> Statistics:
        """Count the passages of some collections, and those that hold each word."""

    def sources(self, collection: str, *, owner: str) -> list[Source]:
        """The live sources of a collection, by name."""

    def keep(self, document: Document, *, owner: str) -> None:
        """Store a document that may be cited, without making it searchable."""

    def document(self, id: str, *, owner: str) -> Document:
        """A stored version of a document.

        Raises:
            NotFound: this owner has no such document.
        """

    def text_of(self, source: str, sha256: str, *, owner: str) -> str | None:
        """The text of one version of a source, or None when it is not stored."""

    def collections(self, *, owner: str) -> list[CollectionInfo]:
        """Every collection of an owner that holds documents, by name."""

    def delete(self, collection: str, *, owner: str, sources: Collection[str] | None = None) -> int:
        """Take sources (all, when none are named) out of a collection; how many went. Texts stay readable."""

    def forget(self, *, owner: str, referenced: Collection[tuple[str, str]] = ()) -> int:
        """Drop stored versions that are in no collection and not `referenced` as (source, sha256); how many went."""
