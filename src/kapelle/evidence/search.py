"""Search collections, say how sure the hits are, and abstain when nothing is relevant."""

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict, Field

from kapelle.evidence.index import Filters, Index
from kapelle.evidence.model import Passage
from kapelle.evidence.versions import named_in, silenced
from kapelle.evidence.weigh import asked_words, relevance, weigh
from kapelle.language.related import related_words

RELEVANT = 0.5
"""A relevance from which a passage is taken to speak of what was asked."""
_STEEPNESS = 12.0
_POOL = 50
"""Candidates taken from each collection before they are ranked together."""


_NAMED_FACTOR = 2.0
"""Of the score of a passage whose document the query names (`policy_v1`)."""


class SearchResult(BaseModel):
    """The best passages for a query, and whether they bear on it."""

    model_config = ConfigDict(frozen=True)

    query: str
    collections: tuple[str, ...]
    hits: tuple[Passage, ...] = ()
    confidence: float = Field(default=0.0, ge=0, le=1)
    """How sure it is that the best hit speaks of what was asked; below 0.5 an answer should abstain."""
    recommend_fallback: bool = True
    fallback_reason: str = ""
    weights: dict[str, float] = Field(default_factory=dict)
    """Of each stem asked for: how much it tells."""


def search(
    index: Index,
    collections: Sequence[str],
    query: str,
    *,
    owner: str,
    k: int = 8,
    filters: Filters | None = None,
) -> SearchResult:
    """Find the `k` best passages of some collections, best first.

    A document that a newer one supersedes is left out, unless the query is about it. `scores` of a hit: `bm25`,
    `relevance` (0..1) and `score`, the one it is ranked by.
    """
    live = {name: index.sources(name, owner=owner) for name in collections}
    named = named_in(query, [source for sources in live.values() for source in sources])
    words = asked_words(query, besides=[*collections, *(PurePosixPath(source).stem for source in named)])
    counted = index.statistics(collections, words, owner=owner)
    weights = weigh(words, counted)
    # A word that the collections never use is looked for under its related words too.
    others = [other for word in words if not counted.containing[word] for other in related_words(word)]
    found: list[Passage] = []
    for name, sources in live.items():
        silent = silenced(query, sources)
        hits = index.search(name, " ".join([*words, *others]), owner=owner, k=_POOL, filters=filters)
        found.extend(_scored(hit, weights, named) for hit in hits if hit.source not in silent)
    return _result(query, collections, found, weights, k)


def _result(
    query: str, collections: Sequence[str], found: Sequence[Passage], weights: Mapping[str, float], k: int
) -> SearchResult:
    hits = sorted(found, key=lambda hit: (-hit.scores["score"], hit.source, hit.start))
    best = max((hit.scores["relevance"] for hit in hits[:k]), default=0.0)
    return SearchResult(
        query=query,
        collections=tuple(collections),
        hits=tuple(hits[: max(k, 0)]),
        confidence=round(confidence_of(best), 4) if hits else 0.0,
        recommend_fallback=best < RELEVANT,
        fallback_reason=_reason(hits, best, weights),
        weights={stem: round(weight, 4) for stem, weight in weights.items()},
    )


def confidence_of(best: float) -> float:
    """Turn the best hit's relevance into a confidence, 0..1, which is 0.5 at `RELEVANT`."""
    return 1 / (1 + math.exp(-_STEEPNESS * (best - RELEVANT)))


def _scored(hit: Passage, weights: Mapping[str, float], named: Collection[str]) -> Passage:
    score = hit.scores["bm25"] * (_NAMED_FACTOR if hit.source in named else 1.0)
    scores = {**hit.scores, "relevance": round(relevance(weights, hit), 4), "score": score}
    return hit.model_copy(update={"scores": scores})


def _reason(hits: Sequence[Passage], best: float, weights: Mapping[str, float]) -> str:
    if not hits:
        return "no passage holds any word of the query" if weights else "the query has no words"
    if best < RELEVANT:
        return f"the best passage covers {best:.0%} of what was asked; at least {RELEVANT:.0%} is needed"
    return ""
