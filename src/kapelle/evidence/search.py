"""Search collections by words and by meaning, say how sure the hits are, and abstain when nothing is relevant."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict, Field

from kapelle.budget.model import Usage
from kapelle.evidence.by_words import why_by_words
from kapelle.evidence.confidence import RELEVANT, confidence_of, reason_of
from kapelle.evidence.diversify import diversify
from kapelle.evidence.expand import acronyms_in, by_feedback, by_rules
from kapelle.evidence.hops import FAN, go_on
from kapelle.evidence.index import Filters, Index, Statistics
from kapelle.evidence.kinds import visible
from kapelle.evidence.legs import Asked, Found, Key, ask
from kapelle.evidence.model import Passage
from kapelle.evidence.names import names_in
from kapelle.evidence.options import DEFAULT, SearchOptions
from kapelle.evidence.versions import silenced
from kapelle.evidence.weigh import asked_words, relevance, weigh
from kapelle.language.words import query_words, stems, words

_FILE_NAMED = 0.5
"""Added to the score of a passage whose file the query names (`policy_v1`)."""
_ACRONYM = re.compile(r"\b[A-Z][A-Z0-9]{1,9}\b")
_SPELLING = 20
"""Passages with an acronym that are looked through for what it stands for."""
_FEEDBACK = 5
"""Passages whose words a query is expanded with."""
_DIVERSE = 4
"""Candidates for each passage that is chosen for being different."""


class SearchResult(BaseModel):
    """The best passages for a query, and whether they bear on it."""

    model_config = ConfigDict(frozen=True)

    query: str
    collections: tuple[str, ...]
    hits: tuple[Passage, ...] = ()
    confidence: float = Field(default=0.0, ge=0, le=1)
    """How sure it is that the best hit speaks of what was asked; below 0.5 an answer should abstain."""
    answers_from: float | None = None
    """What the collections were calibrated to (`Statistics.answers_from`)."""
    recommend_fallback: bool = True
    fallback_reason: str = ""
    weights: dict[str, float] = Field(default_factory=dict)
    """Of each stem asked for: how much it tells."""
    expanded: tuple[str, ...] = ()
    """Words that were looked for beside the query's own."""
    queries: tuple[str, ...] = ()
    """What was searched for beside the query, where a helper asked for it."""
    usage: Usage = Field(default_factory=Usage)
    """What helpers took."""
    note: str = ""
    """What was not done as wanted, such as a collection searched by words only; empty when all was."""


@dataclass(slots=True)
class _Search:
    """One search under way."""

    index: Index
    filters: Mapping[str, Filters | None]
    query: str
    owner: str
    options: SearchOptions
    scores: dict[Key, float] = field(default_factory=dict)
    told: dict[Key, dict[str, float]] = field(default_factory=dict)
    """Of each passage: what its score is made of."""
    notes: list[str] = field(default_factory=list)

    def tell(self, name: str, scores: Mapping[Key, float]) -> None:
        for key, score in scores.items():
            self.told.setdefault(key, {})[name] = round(score, 4)


def search(
    index: Index,
    collections: Sequence[str],
    query: str,
    *,
    owner: str,
    k: int = 8,
    filters: Filters | None = None,
    options: SearchOptions = DEFAULT,
) -> SearchResult:
    """Find the `k` best passages of some collections, best first.

    A document that a newer one supersedes is left out, unless the query is about it. `scores` of a hit: `bm25` and
    `cosine` as the legs gave them, `words` and `vectors`, what these are worth (0..1: of the best BM25; of the way from
    `floor` to the best cosine), `named` and `hop` where these added to it, `score`, the one it is ranked by (BM25 where
    it was found by words alone), and `relevance` (0..1), how much of what was asked it covers.

    Raises:
        BadInput: a filter cannot be read.
        ModelUnavailable: the embedder cannot be reached, and vectors alone were wanted.
    """
    job = _Search(index, dict.fromkeys(collections, filters), query, owner, options)
    named = {name: index.named(name, names_in(query), owner=owner) for name in collections}
    files = {source for sources in named.values() for source, called in sources.items() if _by_file(source, called)}
    topic = asked_words(query, besides=[*collections, *(PurePosixPath(source).stem for source in files)])
    counted = index.statistics(collections, topic, owner=owner)
    weights = weigh(topic, counted)
    asked, added = _asked(job, files, counted)
    found = ask(index, job.filters, asked, options, owner=owner, most=max(options.pool, k))
    if options.expand == "feedback":
        asked = Asked(tuple(by_feedback(asked.words, _best_texts(job, found))), query)
        found = ask(index, job.filters, asked, options, owner=owner, most=max(options.pool, k))
    _score(job, found, named, files)
    if options.hops > 1:
        _second_hop(job, asked)
    hits = _chosen(job, k)
    hits = [hit.model_copy(update={"scores": {**hit.scores, "relevance": relevance(weights, hit)}}) for hit in hits]
    return _result(job, collections, hits, weights, added, counted.answers_from)


def _by_file(source: str, called: Collection[str]) -> bool:
    """Whether it is its file that names a source; one plain word names none."""
    stem = words(PurePosixPath(source).stem)
    return len(stem) > 1 and " ".join(stem) in called


def _asked(job: _Search, files: Collection[str], counted: Statistics) -> tuple[Asked, tuple[str, ...]]:
    named = {word for source in files for word in words(PurePosixPath(source).stem)}
    own = [word for word in query_words(job.query) if word not in named] or query_words(job.query)
    if job.options.expand != "rules":
        return Asked(tuple(own), job.query), ()
    added = tuple(by_rules(own, counted, _acronyms(job)))
    return Asked((*own, *added), job.query), added


def _acronyms(job: _Search) -> dict[str, str]:
    """What the collections say that the query's acronyms stand for."""
    if job.query.isupper():
        return {}
    found: dict[str, str] = {}
    for short in dict.fromkeys(_ACRONYM.findall(job.query)):
        for name in job.filters:
            matches = job.index.match(name, [short.lower()], owner=job.owner, k=_SPELLING)
            passages = job.index.passages(name, [number for number, _ in matches], owner=job.owner)
            for passage in passages.values():
                found = {**acronyms_in(passage.text), **found}
    return found


def _best_texts(job: _Search, found: Found) -> list[tuple[str, float]]:
    scores = found.fused(job.options)
    best = _in_order(scores)[:_FEEDBACK]
    passages = _passages(job, best)
    return [(f"{one.header} {visible(one.text, one.source)}", scores[key]) for key, one in passages.items()]


def _score(
    job: _Search, found: Found, named: Mapping[str, Mapping[str, Collection[str]]], files: Collection[str]
) -> None:
    job.scores = found.fused(job.options)
    words, vectors = found.shares()
    job.tell("bm25", found.words)
    job.tell("words", words)
    job.tell("cosine", found.cosines)
    job.tell("floor", {key: found.floors[key[0]] for key in found.cosines})
    job.tell("vectors", vectors)
    if not found.floors:
        # By words alone a score is BM25 itself, so that searches of different collections can be merged by it.
        best = max(found.words.values(), default=0.0)
        job.scores = {key: found.words.get(key, 0.0) for key in job.scores}
    else:
        best = 1.0
    if job.options.named:
        for name, sources in named.items():
            _name(job, name, sources, files, best)
    if found.away:
        job.notes.append(f"searched by words only: {found.away}")
    elif found.without_vectors and (note := why_by_words(job.index, found.without_vectors, owner=job.owner)):
        job.notes.append(note)


def _name(
    job: _Search, collection: str, sources: Mapping[str, Collection[str]], files: Collection[str], best: float
) -> None:
    """Raise what stands in a document that the query names."""
    for source in sources:
        bonus = (_FILE_NAMED if source in files else job.options.named) * best
        numbers = job.index.of_source(collection, source, owner=job.owner, most=job.options.pool)
        raised = {(collection, number): bonus for number in numbers if (collection, number) in job.scores}
        job.tell("named", raised)
        for key, added in raised.items():
            job.scores[key] += added


def _second_hop(job: _Search, asked: Asked) -> None:
    first = list(_passages(job, _in_order(job.scores)[:FAN]).items())
    after = go_on(job.index, job.filters, asked, first, job.scores, job.options, owner=job.owner)
    job.tell("hop", {key: score - job.scores.get(key, 0.0) for key, score in after.items()})
    job.scores = after


def _chosen(job: _Search, k: int) -> list[Passage]:
    """The best passages that may answer, best first."""
    ranked = [key for key in _in_order(job.scores) if job.scores[key] > 0]
    silent = {
        (name, source)
        for name in job.filters
        if job.index.superseding(name, owner=job.owner)
        for source in silenced(job.query, job.index.sources(name, owner=job.owner))
    }
    wanted = k * _DIVERSE if job.options.diversity else k
    chosen: dict[Key, Passage] = {}
    for first in range(0, len(ranked), max(wanted, 1)):
        some = _passages(job, ranked[first : first + wanted])
        chosen |= {key: one for key, one in some.items() if (key[0], one.source) not in silent}
        if len(chosen) >= wanted:
            break
    keys = list(chosen)[:wanted]
    if job.options.diversity:
        keys = _diverse(job, keys, chosen, k)
    return [_told(job, key, chosen[key]) for key in keys[: max(k, 0)]]


def _told(job: _Search, key: Key, passage: Passage) -> Passage:
    return passage.model_copy(update={"scores": {**job.told.get(key, {}), "score": job.scores[key]}})


def _diverse(job: _Search, keys: Sequence[Key], passages: Mapping[Key, Passage], k: int) -> list[Key]:
    best = max((job.scores[key] for key in keys), default=1.0)
    said = {key: set(stems(passages[key].text)) for key in keys}

    def alike(a: Key, b: Key) -> float:
        return len(said[a] & said[b]) / (len(said[a] | said[b]) or 1)

    ranked = [(key, job.scores[key] / best) for key in keys]
    return diversify(ranked, alike, diversity=job.options.diversity, k=k)


def _in_order(scores: Mapping[Key, float]) -> list[Key]:
    return sorted(scores, key=lambda key: (-scores[key], key))


def _passages(job: _Search, keys: Sequence[Key]) -> dict[Key, Passage]:
    """Passages by their keys, in that order."""
    found: dict[Key, Passage] = {}
    for name in job.filters:
        numbers = [number for collection, number in keys if collection == name]
        rows = job.index.passages(name, numbers, owner=job.owner) if numbers else {}
        found |= {(name, number): row for number, row in rows.items()}
    return {key: found[key] for key in keys if key in found}


def _result(
    job: _Search,
    collections: Sequence[str],
    hits: Sequence[Passage],
    weights: Mapping[str, float],
    added: tuple[str, ...],
    answers_from: float | None,
) -> SearchResult:
    best = max((hit.scores["relevance"] for hit in hits), default=0.0)
    return SearchResult(
        query=job.query,
        collections=tuple(collections),
        hits=tuple(hits),
        confidence=round(confidence_of(best), 4) if hits else 0.0,
        answers_from=answers_from,
        recommend_fallback=best < RELEVANT,
        fallback_reason=reason_of(
            bool(hits),
            best,
            bool(weights),
            filtered=any(job.filters.values()),
            by_meaning=job.options.legs == "vectors",
        ),
        weights={stem: round(weight, 4) for stem, weight in weights.items()},
        expanded=added,
        note="; ".join(job.notes),
    )
