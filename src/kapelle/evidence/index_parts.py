"""What an index of a database is put together of: how it keeps words, how it keeps vectors, and what both are told."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from sqlalchemy import Connection

from kapelle.evidence.embedding.embedder import Seen
from kapelle.evidence.filters import Fitting
from kapelle.evidence.index import Filters, Match, Nearest
from kapelle.evidence.rows import Cut

Opened: TypeAlias = Callable[[], AbstractContextManager[Connection]]
"""Opens a transaction."""


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
    stored: Sequence[bytes] = ()
    """Digests whose vectors are stored: those that had one, and those that were stored meanwhile."""


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

    def still(self, connection: Connection, digests: Sequence[bytes]) -> bool:
        """Whether vectors are stored still; nothing deletes them before this transaction is over."""

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
