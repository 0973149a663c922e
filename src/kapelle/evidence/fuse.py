"""Make one ranking of what words found and what vectors found."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
_UNRELATED = 1.2816
"""Deviations below the mean: nine in ten passages, which are about something else, are nearer than that."""


def floor_of(mean: float, deviation: float) -> float:
    """The cosine that says nothing: it counts 0.

    A collection's own background, since each embedder, and each subject, has its own idea of what is far. Measured on
    four collections, the lowest cosine of the candidates, or -1, rank worse.
    """
    return mean - _UNRELATED * deviation


def scale_words(scores: Mapping[Key, float]) -> dict[Key, float]:
    """BM25 as shares of the best, 0..1: what matches no word counts 0."""
    best = max(scores.values(), default=0.0)
    return {key: score / best if best > 0 else 0.0 for key, score in scores.items()}


def scale_cosines(cosines: Mapping[Key, float], floors: Mapping[Key, float]) -> dict[Key, float]:
    """Cosines moved so that each one's floor is 0 and the best of all is 1."""
    best = max(cosines.values(), default=0.0)
    return {key: _share(cosine, floors[key], best) for key, cosine in cosines.items()}


def _share(cosine: float, floor: float, best: float) -> float:
    return max((cosine - floor) / (best - floor), 0.0) if best > floor else 0.0


def convex(words: Mapping[Key, float], vectors: Mapping[Key, float], share: float) -> dict[Key, float]:
    """The weighted sum of two scaled scores; what one leg did not score counts 0 there.

    Bruch, Gai and Ingber, An Analysis of Fusion Functions for Hybrid Retrieval, TOIS 2023.
    """
    keys = dict.fromkeys([*words, *vectors])
    return {key: (1 - share) * words.get(key, 0.0) + share * vectors.get(key, 0.0) for key in keys}


def reciprocal_ranks(rankings: Sequence[Sequence[Key]], *, k: int = 60) -> dict[Key, float]:
    """Merge rankings whose scores cannot be compared.

    score(p) = sum over rankings of (k + 1) / (k + rank), rank from 1, over their number; absent = 0. So 1 is first in
    all. Cormack, Clarke and Buettcher, SIGIR 2009, with their k = 60.

    Raises:
        ValueError: `k` is negative.
    """
    if k < 0:
        raise ValueError(f"`k` must not be negative, not {k}")
    scores: dict[Key, float] = {}
    for ranking in rankings:
        for rank, key in enumerate(ranking, 1):
            scores[key] = scores.get(key, 0.0) + (k + 1) / (k + rank) / len(rankings)
    return scores
