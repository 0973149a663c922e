"""Search in more than one wording, and rank what was found by a reranker; what could not be done so is told."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from kapelle.errors import ModelUnavailable
from kapelle.evidence.fuse import reciprocal_ranks
from kapelle.evidence.model import Passage
from kapelle.evidence.rerank import Reranker
from kapelle.evidence.search import SearchResult

Find: TypeAlias = Callable[[str, int], SearchResult]
"""Searches for a query, for so many passages; may block."""
Wordings: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""Other wordings of a query, such as a model's."""
CANDIDATES = 30
"""Passages that are reranked or merged: more cost more and seldom rise to the top."""


async def retrieve(
    find: Find, query: str, *, k: int, reranker: Reranker | None = None, wordings: Wordings | None = None
) -> SearchResult:
    """Search for a query, for its other wordings too, and let a reranker choose the `k` best.

    Wordings are merged by rank, since their scores cannot be compared. Where the model cannot be reached the result is
    that of the query as it stands, and `note` says so.
    """
    most = max(k, CANDIDATES) if reranker or wordings else k
    notes: list[str] = []
    queries = [query, *(await _reworded(wordings, query, notes) if wordings else ())]
    results = await asyncio.gather(*(asyncio.to_thread(find, one, most) for one in queries))
    hits = list(results[0].hits) if len(results) == 1 else _merged([result.hits for result in results])
    if reranker and hits:
        hits = await _reranked(reranker, query, hits[:most], notes)
    note = "; ".join(part for part in (results[0].note, *notes) if part)
    return results[0].model_copy(update={"hits": tuple(hits[:k]), "note": note})


async def _reworded(wordings: Wordings, query: str, notes: list[str]) -> Sequence[str]:
    try:
        return await wordings(query)
    except ModelUnavailable as error:
        notes.append(f"searched in the query's own words only: {error}")
        return ()


def _merged(rankings: Sequence[Sequence[Passage]]) -> list[Passage]:
    by_id = {hit.id: hit for ranking in reversed(rankings) for hit in ranking}
    scores = reciprocal_ranks([[hit.id for hit in ranking] for ranking in rankings])
    return [_scored(by_id[id], "wordings", scores[id]) for id in sorted(scores, key=lambda id: (-scores[id], id))]


async def _reranked(reranker: Reranker, query: str, hits: Sequence[Passage], notes: list[str]) -> list[Passage]:
    texts = ["\n".join(part for part in (hit.header, hit.section, hit.text) if part) for hit in hits]
    try:
        scores = (await reranker.rerank(query, texts)).scores
    except ModelUnavailable as error:
        notes.append(f"not reranked by {reranker.name}: {error}")
        return list(hits)
    order = sorted(range(len(hits)), key=lambda place: (-scores[place], place))
    return [_scored(hits[place], "rerank", scores[place]) for place in order]


def _scored(hit: Passage, name: str, score: float) -> Passage:
    return hit.model_copy(update={"scores": {**hit.scores, name: round(score, 4), "score": score}})
