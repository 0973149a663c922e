"""The `Index` port: what every store of documents and passages must do."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from kapelle.errors import BadInput
from kapelle.evidence.embedding.embedder import Seen
from kapelle.evidence.model import Document, Passage
from kapelle.evidence.split import split

Splitter = Callable[[Document], Sequence[Passage]]
Filters = Mapping[str, JsonValue]
"""Conditions on a passage's `meta` (or `source`), all of which must hold.

A plain value must be equal; of a list, one of its members; of an object, the bounds `ge`, `gt`, `le`, `lt`. Where the
meta value is itself a list, one member must fit. A passage without the field does not fit.
"""

MAX_NAME = 200
"""Characters of a collection's name."""


def check_collection(name: str) -> None:
    """See that something can be named so.

    Raises:
        BadInput: it cannot.
    """
    if not 0 < len(name) <= MAX_NAME or "/" in name or not name.isprintable() or name != name.strip():
        raise BadInput(
            f"corpus {name[:60]!r}: a name has 1 to {MAX_NAME} characters, no slash, no line break, and no blank at "
            "its beginning or end; give it one by --name"
        )


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
    embedder: str | None = None
    """Whose vectors its passages have; None: they are found by words only."""
    contexts_by: str | None = None
    """The model that writes where its passages stand; None: nobody does."""
    answers_from: float | None = None
    """The confidence, 0..1, from which its questions are answered (`calibrate`); None: from 0.5."""


class Statistics(BaseModel):
    """How common words are in some collections; a word counts in all its inflections."""

    model_config = ConfigDict(frozen=True)

    passages: int
    containing: dict[str, int]
    """Of each word asked for: the passages that hold it."""
    answers_from: float | None = None
    """The highest that one of the collections was calibrated to; None where none was."""


class Match(NamedTuple):
    """A passage by its number in the index, and what one leg of a search makes of it; higher is better."""

    number: int
    score: float


@dataclass(frozen=True, slots=True)
class Nearest:
    """The passages whose vectors are nearest to a query's, and how near the rest of the collection is."""

    matches: tuple[Match, ...]
    """Best first; the score is the cosine, -1..1. Those asked for by number stand among them, wherever they rank."""
    mean: float
    """Of the cosines of all passages, or of a sample of them: what a passage about something else has."""
    deviation: float


class Index(Protocol):
    """Documents of an owner in named collections, found by words and by meaning. No call sees another owner's rows."""

    @property
    def embedder(self) -> str | None:
        """The name of the embedder that this index has here; None: it finds by words only."""

    @property
    def words_only(self) -> str:
        """Why it has no embedder, and what to do; empty when it has one, or none is wanted."""

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
        among `documents` are removed. Texts of earlier versions stay readable. Where the collection has vectors (a new
        one has, where there is an embedder), they are made and stored before, some at a time: what an interrupted `put`
        has embedded is not embedded again.

        Raises:
            BadInput: the collection has vectors of another embedder than this index's.
            ModelUnavailable: the embedder cannot be reached; nothing was brought in.
        """

    def search(
        self, collection: str, query: str, *, owner: str, k: int = 10, filters: Filters | None = None
    ) -> list[Passage]:
        """The `k` best passages for a query's words, best first, ties in the order of writing; `scores["bm25"]` is set.

        An empty query finds nothing. An unknown collection is an empty one.
        """

    def match(
        self, collection: str, words: Sequence[str], *, owner: str, k: int, filters: Filters | None = None
    ) -> list[Match]:
        """The leg by words of a search: as `search`, of words as they are, by number."""

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
        """The leg by meaning: the `k` passages nearest to a text, and the cosines of those in `also`.

        With `k` 0 only those: mean and deviation are not looked for. None where the collection has no vectors, or this
        index not the embedder that made them.
        """

    def passages(self, collection: str, numbers: Sequence[int], *, owner: str) -> dict[int, Passage]:
        """Passages by their numbers, in the order given; those that are gone meanwhile are left out."""

    def vectors(self, collection: str, numbers: Sequence[int], *, owner: str) -> dict[int, Sequence[float]]:
        """The vectors of passages, of length 1; those without one are left out."""

    def look(
        self, question: str, passages: Sequence[Sequence[str]], weight: Callable[[str], float]
    ) -> list[list[Seen]] | None:
        """How this index's embedder sees the sentences of some passages beside a question; None without one."""

    def named(self, collection: str, names: Collection[str], *, owner: str) -> dict[str, frozenset[str]]:
        """Which sources some names mean: source -> those of `names` that are its file's or its title (`names.py`)."""

    def of_source(self, collection: str, source: str, *, owner: str, most: int) -> list[int]:
        """The numbers of a source's first passages."""

    def statistics(self, collections: Sequence[str], words: Sequence[str], *, owner: str) -> Statistics:
        """Count the passages of some collections, and those that hold each word."""

    def calibrate(self, collection: str, answers_from: float | None, *, owner: str) -> None:
        """Answer a collection's questions from a confidence on; None: as one that was never calibrated.

        Raises:
            NotFound: there is no such collection.
        """

    def write_contexts_by(self, collection: str, model: str | None, *, owner: str) -> None:
        """Name the model that writes where a collection's passages stand; None: nobody does from here on.

        Raises:
            NotFound: there is no such collection.
        """

    def check_contexts(self, collection: str, *, owner: str) -> None:
        """Whether contexts can be put into a collection, before anything is paid for them.

        Raises:
            NotFound: there is no such collection.
            BadInput: it has vectors, and this index not their embedder: passages would be found by words only.
        """

    def without_context(self, collection: str, *, owner: str) -> list[str]:
        """The sources of a collection that have passages without a context."""

    def put_contexts(
        self, collection: str, source: str, sha256: str, contexts: Mapping[str, str], *, owner: str
    ) -> bool:
        """Find passages of one version of a source by what is written of where they stand, too.

        Args:
            contexts: by the passage's id; empty: it has none any more.

        Returns:
            False where another version is live by now: nothing was written.

        Raises:
            BadInput, ModelUnavailable: as `put`, for the passages are embedded anew.
        """

    def sources(self, collection: str, *, owner: str) -> list[Source]:
        """The live sources of a collection, by name."""

    def superseding(self, collection: str, *, owner: str) -> bool:
        """Whether a source of the collection says that it replaces another."""

    def embed(
        self, collection: str, *, owner: str, anew: bool = False, on_progress: Callable[[int, int], None] | None = None
    ) -> int:
        """Give every passage of a collection its vector by this index's embedder; how many were embedded.

        Interrupted, it goes on where it was. Until it is done the collection is searched as before.

        Args:
            anew: replace vectors of another embedder; without it they are refused.
            on_progress: is told how many are done, and how many there are to do.

        Raises:
            NotFound: there is no such collection.
            BadInput: this index has no embedder, or the collection another one.
        """

    def unembedded(self, collection: str, *, owner: str) -> Iterator[str]:
        """The texts that `embed` would embed.

        Raises:
            As `embed`.
        """

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
        """Take sources (all, when none are named) out of a collection; how many went.

        Texts stay readable for the runs that read them; those that none did, and vectors, go with a purge.
        """
