"""Measure a collection by words, by vectors, by both and in two hops, and hold other options against the defaults."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from kapelle.errors import BadInput
from kapelle.evidence.index import Index
from kapelle.evidence.measure.collection import TestCollection, whole
from kapelle.evidence.measure.rankings import DEPTH, Rankings, both_within, rank
from kapelle.evidence.measure.scores import Difference, Scores, compare, score
from kapelle.evidence.options import DEFAULT, NO_MODEL, SearchOptions
from kapelle.evidence.retrieve import Find
from kapelle.evidence.search import SearchResult, search

WORDS, VECTORS, BOTH = "words", "vectors", "both"
_WAYS = {
    WORDS: SearchOptions(legs="words"),
    VECTORS: SearchOptions(legs="vectors"),
    BOTH: DEFAULT,
}
_BY_CHANCE = 0.05
"""A difference that chance makes as often as this, or more often, is none."""
_TOGETHER = 64
"""Documents brought in at once."""

ByModel: TypeAlias = Callable[[Find, str, int, SearchOptions], Coroutine[Any, Any, SearchResult]]  # Any: never sent


class TwoHop(Scores):
    """In two hops, where every question has two relevant documents."""

    both5: float
    """The share of questions both of whose documents are among the first five."""


class Change(BaseModel):
    """Other options against the defaults."""

    model_config = ConfigDict(frozen=True)

    set: str
    scores: Scores
    difference: Difference
    said: str
    """What that means, in words."""


class Measured(BaseModel):
    """How good the search of a collection is."""

    model_config = ConfigDict(frozen=True)

    questions: int
    words: Scores
    vectors: Scores | None = None
    """None where the collection has no vectors here."""
    both: Scores | None = None
    two_hop: TwoHop | None = None
    changes: tuple[Change, ...] = ()
    note: str = ""
    """What could not be measured, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a test collection is in an index."""

    index: Index
    name: str
    owner: str
    collection: TestCollection
    passages: int = DEPTH
    """How many are asked for: more than documents are wanted where these have several."""
    on_question: Callable[[], None] = lambda: None
    by_model: ByModel | None = None
    """Searches with the help of a model, where options ask for one."""

    def telling(self, on_question: Callable[[], None]) -> "Place":
        """The same, which tells after each question."""
        return replace(self, on_question=on_question)

    def rank(self, options: SearchOptions) -> Rankings:
        """Ask every question."""
        return rank(partial(self.search, options), self.collection, on_progress=lambda _: self.on_question())

    def search(self, options: SearchOptions, question: str) -> SearchResult:
        """Ask one question.

        Raises:
            BadInput: the options ask for a model, and there is none.
        """

        def find(asked: str, most: int) -> SearchResult:
            return search(self.index, [self.name], asked, owner=self.owner, k=most, options=options)

        if not options.asks_a_model:
            return find(question, self.passages)
        if self.by_model is None:
            raise BadInput(NO_MODEL)
        return asyncio.run(self.by_model(find, question, self.passages, options))


def read_changes(given: list[str]) -> dict[str, SearchOptions]:
    """Options of their texts `field=value`, each on top of the defaults.

    Raises:
        BadInput: one is not `field=value`, or no field of SearchOptions, or its value cannot be used.
    """
    found: dict[str, SearchOptions] = {}
    for one in given:
        field, equals, value = (part.strip() for part in one.partition("="))
        if not equals or field not in SearchOptions.model_fields:
            raise BadInput(
                f"`--set`: expected field=value with one of {', '.join(SearchOptions.model_fields)}, not {one!r}"
            )
        try:
            chosen: object = int(value) if field == "hops" and value.isdecimal() else value  # a Literal is not lax
            found[f"{field}={value}"] = SearchOptions.model_validate({field: chosen})
        except ValidationError as error:
            raise BadInput(f"`--set {one}`: {error.errors()[0]['msg'].lower()}") from None
    return found


def passes(place: Place, changes: Mapping[str, SearchOptions]) -> int:
    """How many times `measure` asks every question."""
    vectors = _has_vectors(place)
    return (3 if vectors else 1) + place.collection.two_hop + len(changes)


def measure(place: Place, changes: Mapping[str, SearchOptions], others: Mapping[str, Place] = {}) -> Measured:
    """Measure a collection that is in an index.

    Args:
        others: the same collection as it is in the index another way, by how that is called.

    Raises:
        ModelUnavailable: the embedder cannot be reached.
    """
    collection = place.collection
    # What is loaded at the first search is no part of the time that one takes.
    warm = search(place.index, [place.name], collection.questions[0].text, owner=place.owner, k=1)
    ways = _WAYS if _has_vectors(place) else {WORDS: _WAYS[WORDS]}
    ranked = {way: place.rank(options) for way, options in ways.items()}
    scored = {way: score(rankings, collection) for way, rankings in ranked.items()}
    before = ranked.get(BOTH, ranked[WORDS])
    return Measured(
        questions=len(collection.questions),
        words=scored[WORDS],
        vectors=scored.get(VECTORS),
        both=scored.get(BOTH),
        two_hop=_two_hop(place) if collection.two_hop else None,
        changes=(
            *(_change(place, name, options, before, warm.note) for name, options in changes.items()),
            *(_change(other, name, DEFAULT, before, warm.note) for name, other in others.items()),
        ),
        note=warm.note,
    )


def _has_vectors(place: Place) -> bool:
    known = {one.name: one.embedder for one in place.index.collections(owner=place.owner)}
    return place.index.embedder is not None and known.get(place.name) == place.index.embedder


def _two_hop(place: Place) -> TwoHop:
    rankings = place.rank(SearchOptions(hops=2))
    both = round(both_within(rankings, place.collection, 5), 4)
    return TwoHop(**score(rankings, place.collection).model_dump(), both5=both)


def _change(place: Place, name: str, options: SearchOptions, before: Rankings, known: str) -> Change:
    """Other options against the defaults; `known` is what no search here can do, and is told once."""
    rankings = place.rank(options)
    difference = compare(before, rankings, place.collection)
    lacking = [note.removeprefix(f"{known}; ") for note in rankings.notes if note not in ("", known)]
    told = said(difference)
    if lacking:
        told += f"; not done as wanted for {len(lacking)} of {len(rankings.notes)} questions: {lacking[0]}"
    return Change(set=name, scores=score(rankings, place.collection), difference=difference, said=told)


def said(difference: Difference) -> str:
    """A difference in words."""
    if not difference.better and not difference.worse:
        return "ranks alike: the same nDCG@10 for every question"
    counts = f"p = {_short(difference.p)}; {difference.better} questions better, {difference.worse} worse"
    if difference.p >= _BY_CHANCE:
        return f"no difference that chance would not make, {counts}"
    word = "better" if difference.ndcg10 > 0 else "worse"
    return f"{word} by {_short(abs(difference.ndcg10))} nDCG@10, {counts}"


def _short(number: float) -> str:
    return f"{number:.2f}" if number >= 0.1 else f"{number:.4f}"


def missing(index: Index, name: str, collection: TestCollection, *, owner: str) -> list[str]:
    """The texts of the documents that `bring` would bring in: what an embedder would be asked for."""
    known = {one.source: one.sha256 for one in index.sources(name, owner=owner)}
    fresh = (document for document in collection.documents if known.get(document.source) != document.sha256)
    return [f"{passage.header}\n{passage.text}" for document in fresh for passage in whole(document)]


def bring(
    index: Index, name: str, collection: TestCollection, *, owner: str, on_documents: Callable[[int], None]
) -> None:
    """Have a collection's documents, each as one passage, and only these in the index, with vectors where it can.

    Raises:
        ModelUnavailable: the embedder cannot be reached; what is brought in stays.
    """
    known = {one.name: one.embedder for one in index.collections(owner=owner)}
    if index.embedder is not None and name in known and known[name] != index.embedder:
        index.embed(name, owner=owner, anew=True)
    gone = {one.source for one in index.sources(name, owner=owner)} - {one.source for one in collection.documents}
    if gone:
        index.delete(name, owner=owner, sources=gone)
    for first in range(0, len(collection.documents), _TOGETHER):
        some = collection.documents[first : first + _TOGETHER]
        index.put(name, some, owner=owner, splitter=whole)
        on_documents(len(some))
