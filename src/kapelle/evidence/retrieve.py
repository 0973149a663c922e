"""Search in more than one wording, go on for what is missing, rank by a reranker; what could not be done is told."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from kapelle.budget.model import Usage
from kapelle.errors import ModelUnavailable
from kapelle.evidence.confidence import RELEVANT, confidence_of, reason_of
from kapelle.evidence.fuse import reciprocal_ranks
from kapelle.evidence.model import Passage
from kapelle.evidence.rerank import Reranker
from kapelle.evidence.search import SearchResult
from kapelle.evidence.weigh import relevance

Find: TypeAlias = Callable[[str, int], SearchResult]
"""Searches for a query, for so many passages; may block."""
Wordings: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""Other wordings of a query, such as a model's."""
Missing: TypeAlias = Callable[[str, Sequence[Passage], Sequence[str]], Awaitable[Sequence[str]]]
"""What to search for next, of a query, the passages found, and what was searched for besides; empty: it is enough."""
CANDIDATES = 30
"""Passages that are reranked or merged: more cost more and seldom rise to the top."""


@dataclass(frozen=True, slots=True)
class Helpers:
    """What may help a search; each takes time, and where it is a model, money."""

    wordings: Wordings | None = None
    missing: Missing | None = None
    follow: int = 2
    """How many times `missing` is asked, at most."""
    reranker: Reranker | None = None

    @property
    def none(self) -> bool:
        """It is a plain search."""
        return not (self.wordings or self.missing or self.reranker)


ALONE = Helpers()


async def retrieve(find: Find, query: str, *, k: int, helpers: Helpers = ALONE) -> SearchResult:
    """Search for a query, for its other wordings, for what is then missing, and let a reranker choose the `k` best.

    What several searches find is merged by rank, since their scores cannot be compared. Where a helper cannot be
    reached the result is that of the others, and `note` says so.
    """
    job = _Retrieval(find, query, k if helpers.none else max(k, CANDIDATES))
    await job.search([query, *(await job.reworded(helpers.wordings) if helpers.wordings else ())])
    if helpers.missing:
        await job.follow(helpers.missing, helpers.follow)
    hits = job.merged()
    if helpers.reranker and hits:
        hits = [*await job.reranked(helpers.reranker, hits[:CANDIDATES]), *hits[CANDIDATES:]]
    return job.told(hits[:k])


@dataclass(slots=True)
class _Retrieval:
    """What was searched for so far, and what was found."""

    find: Find
    query: str
    most: int
    queries: list[str] = field(default_factory=list)
    """The query itself first."""
    results: list[SearchResult] = field(default_factory=list)
    """Of each query."""
    notes: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)

    async def search(self, queries: Sequence[str]) -> None:
        """Search for all at once."""
        self.results += await asyncio.gather(*(asyncio.to_thread(self.find, one, self.most) for one in queries))
        self.queries += queries

    async def reworded(self, wordings: Wordings) -> Sequence[str]:
        """Other wordings of the query."""
        try:
            return await wordings(self.query)
        except ModelUnavailable as error:
            self.notes.append(f"searched in the query's own words only: {error}")
            return ()

    async def follow(self, missing: Missing, hops: int) -> None:
        """Search for what is missing, until it is enough or the hops are used up."""
        for _ in range(hops):
            try:
                queries = await missing(self.query, self.merged(), self.queries[1:])
            except ModelUnavailable as error:
                self.notes.append(f"not searched on for what is missing: {error}")
                return
            if not queries:
                return
            await self.search(queries)

    def told(self, hits: Sequence[Passage]) -> SearchResult:
        """The result with these hits: how sure they are is held against the query itself, whoever found them."""
        first = self.results[0]
        if self.queries[1:]:
            own = {hit.id: {**hit.scores, "relevance": relevance(first.weights, hit)} for hit in hits}
            hits = [hit.model_copy(update={"scores": own[hit.id]}) for hit in hits]
        best = max((hit.scores["relevance"] for hit in hits), default=0.0)
        return first.model_copy(
            update={
                "hits": tuple(hits),
                "confidence": round(confidence_of(best), 4) if hits else 0.0,
                "recommend_fallback": best < RELEVANT,
                "fallback_reason": reason_of(True, best, True) if hits else first.fallback_reason,
                "note": "; ".join(part for part in (first.note, *self.notes) if part),
                "queries": tuple(self.queries[1:]),
                "usage": self.usage,
            }
        )

    def merged(self) -> list[Passage]:
        """What all searches found, best first."""
        rankings = [result.hits for result in self.results]
        return list(rankings[0]) if len(rankings) == 1 else _merged(rankings)

    async def reranked(self, reranker: Reranker, hits: Sequence[Passage]) -> list[Passage]:
        """The same, in the reranker's order."""
        texts = ["\n".join(part for part in (hit.header, hit.section, hit.context, hit.text) if part) for hit in hits]
        try:
            ranked = await reranker.rerank(self.query, texts)
        except ModelUnavailable as error:
            self.notes.append(f"not reranked by {reranker.name}: {error}")
            return list(hits)
        self.usage += ranked.usage
        order = sorted(range(len(hits)), key=lambda place: (-ranked.scores[place], place))
        return [_scored(hits[place], "rerank", ranked.scores[place]) for place in order]


def _merged(rankings: Sequence[Sequence[Passage]]) -> list[Passage]:
    by_id = {hit.id: hit for ranking in reversed(rankings) for hit in ranking}
    scores = reciprocal_ranks([[hit.id for hit in ranking] for ranking in rankings])
    # Of equal ones that comes first which the query itself found first.
    return [_scored(by_id[id], "merged", scores[id]) for id in sorted(scores, key=lambda id: -scores[id])]


def _scored(hit: Passage, name: str, score: float) -> Passage:
    return hit.model_copy(update={"scores": {**hit.scores, name: round(score, 4), "score": score}})
