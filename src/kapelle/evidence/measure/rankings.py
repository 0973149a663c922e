"""Ask a test collection's questions, and note what was found and how long it took."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kapelle.evidence.measure.collection import TestCollection
from kapelle.evidence.search import SearchResult

DEPTH = 100
"""Documents of a ranking."""


@dataclass(frozen=True, slots=True)
class Rankings:
    """Of each question: the documents found, best first, and the seconds it took."""

    found: dict[str, tuple[str, ...]]
    seconds: tuple[float, ...]
    notes: tuple[str, ...] = ()
    """What each search could not do as wanted; empty where it could."""


def rank(
    find: Callable[[str], SearchResult], collection: TestCollection, *, on_progress: Callable[[int], None] | None = None
) -> Rankings:
    """Ask every question of a collection. A document stands where its best passage does.

    Args:
        find: searches for more passages than `DEPTH` where documents have several.
    """
    found: dict[str, tuple[str, ...]] = {}
    seconds: list[float] = []
    notes: list[str] = []
    for number, question in enumerate(collection.questions, 1):
        began = time.perf_counter()
        result = find(question.text)
        seconds.append(time.perf_counter() - began)
        notes.append(result.note)
        found[question.id] = tuple(dict.fromkeys(hit.source for hit in result.hits))[:DEPTH]
        if on_progress:
            on_progress(number)
    return Rankings(found, tuple(seconds), tuple(notes))


def both_within(rankings: Rankings, collection: TestCollection, depth: int) -> float:
    """The share of questions all of whose relevant documents are among the first `depth`."""
    return sum(_held(rankings, collection, depth)) / len(collection.questions)


def _held(rankings: Rankings, collection: TestCollection, depth: int) -> Iterator[bool]:
    for question in collection.questions:
        yield question.relevant.keys() <= set(rankings.found[question.id][:depth])
