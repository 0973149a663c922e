"""Bring your own reranker: a function that scores texts for a query, such as a cross-encoder's `predict`."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from kapelle.evidence.rerank import Reranker
from kapelle.evidence.rerank_callable import CallableReranker

TEXTS = [
    "Invoices are sent at the end of the month.",
    "Letters are kept for two years, invoices are kept for ten.",
    "The cat sat on the mat.",
]


def score(query: str, texts: Sequence[str]) -> list[float]:
    """Share of the query's pairs of words that a text holds; with a cross-encoder:

    `return encoder.predict([(query, text) for text in texts]).tolist()`
    """
    asked = pairs(query)
    return [len(asked & pairs(text)) / len(asked) for text in texts]


def pairs(text: str) -> set[tuple[str, str]]:
    """The words that stand beside each other."""
    words = text.lower().replace(",", "").replace(".", "").replace("?", "").split()
    return set(pairwise(words))


async def main() -> None:
    """Put some texts into the order of a question; the function runs in a thread and may take its time."""
    reranker: Reranker = CallableReranker(score, name="pairs-of-words")
    reranked = await reranker.rerank("How long are invoices kept? Invoices are kept for", TEXTS)
    for points, text in sorted(zip(reranked.scores, TEXTS, strict=True), reverse=True):
        print(f"{points:.2f}  {text}")


if __name__ == "__main__":
    asyncio.run(main())
