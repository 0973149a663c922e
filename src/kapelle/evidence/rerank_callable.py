"""A `Reranker` over a function of yours, such as a cross-encoder."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from kapelle.evidence.rerank import Reranked
from kapelle.evidence.rerank_scores import in_order

Score: TypeAlias = Callable[[str, Sequence[str]], Sequence[float]]
"""Scores texts for a query, as many as there are texts; higher is better."""


@dataclass(frozen=True, slots=True)
class CallableReranker:
    """Scores by a function, in a thread: it may take its time."""

    function: Score
    name: str

    async def rerank(self, query: str, texts: Sequence[str]) -> Reranked:
        """See `Reranker.rerank`; what the function raises is raised."""
        scores = await asyncio.to_thread(self.function, query, list(texts)) if texts else []
        return Reranked(in_order(enumerate(map(float, scores)), len(texts), self.name))
