"""Ask the index both ways at once, over some collections, and keep what each leg said of each passage."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeAlias

from kapelle.errors import ModelUnavailable
from kapelle.evidence.fuse import convex, floor_of, reciprocal_ranks, scale_cosines, scale_words
from kapelle.evidence.index import Filters, Index, Match, Nearest
from kapelle.evidence.options import SearchOptions

Key: TypeAlias = tuple[str, int]
"""A passage: its collection, and its number there."""
# One for the words while the caller's own thread asks for the vectors; more searches at once wait for nobody.
_POOL = ThreadPoolExecutor(max_workers=8, thread_name_prefix="kapelle-search")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for."""

    words: tuple[str, ...]
    """For the leg by words; repeated ones weigh more."""
    text: str
    """For the leg by meaning."""


@dataclass(slots=True)
class Found:
    """What both legs found."""

    words: dict[Key, float] = field(default_factory=dict)
    """BM25."""
    cosines: dict[Key, float] = field(default_factory=dict)
    floors: dict[str, float] = field(default_factory=dict)
    """Of each collection with vectors: the cosine that says nothing."""
    without_vectors: list[str] = field(default_factory=list)
    """Collections that were searched by words only although vectors were wanted."""
    away: str = ""
    """Why the embedder could not be asked; empty when it could."""

    def shares(self) -> tuple[dict[Key, float], dict[Key, float]]:
        """What BM25 and cosines are worth, 0..1."""
        floors = {key: self.floors[key[0]] for key in self.cosines}
        return scale_words(self.words), scale_cosines(self.cosines, floors)

    def fused(self, options: SearchOptions) -> dict[Key, float]:
        """One score for each passage, about 0..1."""
        words, vectors = self.shares()
        if not self.floors:
            return words
        # Where a collection has no vectors its words speak for both.
        vectors |= {key: share for key, share in words.items() if key[0] not in self.floors}
        if options.legs == "vectors":
            return vectors
        if options.fusion == "rrf":
            return reciprocal_ranks([_ranked(words), _ranked(vectors)])
        return convex(words, vectors, options.vector_share)


def ask(
    index: Index,
    filters: Mapping[str, Filters | None],
    asked: Asked,
    options: SearchOptions,
    *,
    owner: str,
    most: int,
    also: Mapping[str, Collection[int]] | None = None,
) -> Found:
    """Ask every collection in `filters` by words and by meaning, in parallel.

    Args:
        most: candidates of each leg and collection.
        also: passages that are wanted whatever the legs find: their cosines are told.

    Raises:
        ModelUnavailable: the embedder cannot be reached, and vectors alone were wanted; else `away` says so.
    """
    found = Found()
    names = list(filters)

    def by_words(name: str) -> list[Match]:
        return index.match(name, asked.words, owner=owner, k=most, filters=filters[name])

    def by_meaning(name: str) -> Nearest | None:
        wanted = (also or {}).get(name, ())
        try:
            return index.nearest(name, asked.text, owner=owner, k=most, filters=filters[name], also=wanted)
        except ModelUnavailable as error:
            if options.legs == "vectors":
                raise
            found.away = str(error)
            return None

    words, nearest = _both(
        by_words if options.legs != "vectors" else None,
        by_meaning if options.legs != "words" else None,
        names,
    )
    for name, matches in zip(names, words, strict=True):
        found.words |= {(name, number): score for number, score in matches or ()}
    for name, near in zip(names, nearest, strict=True):
        if near is not None:
            found.floors[name] = floor_of(near.mean, near.deviation)
            found.cosines |= {(name, number): cosine for number, cosine in near.matches}
        elif options.legs != "words":
            found.without_vectors.append(name)
    _fill_in(index, found, asked.text, owner)
    return found


def _both(
    by_words: Callable[[str], list[Match]] | None,
    by_meaning: Callable[[str], Nearest | None] | None,
    names: Sequence[str],
) -> tuple[list[list[Match] | None], list[Nearest | None]]:
    waiting = [_POOL.submit(by_words, name) for name in names] if by_words else []
    nearest = [by_meaning(name) if by_meaning else None for name in names]
    words: list[list[Match] | None] = [one.result() for one in waiting] if waiting else [None for _ in names]
    return words, nearest


def _fill_in(index: Index, found: Found, text: str, owner: str) -> None:
    """Ask for the cosines of what only words found: a fused score needs both."""
    for name in found.floors:
        lacking = [key[1] for key in found.words if key[0] == name and key not in found.cosines]
        near = index.nearest(name, text, owner=owner, k=0, also=lacking) if lacking else None
        found.cosines |= {(name, number): cosine for number, cosine in near.matches} if near else {}


def _ranked(scores: Mapping[Key, float]) -> list[Key]:
    return sorted(scores, key=lambda key: (-scores[key], key))
