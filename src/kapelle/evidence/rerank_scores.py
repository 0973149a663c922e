"""See that a reranker scored each text once."""

import math
from collections.abc import Iterable

from kapelle.errors import ModelUnavailable


def in_order(scored: Iterable[tuple[int, float]], count: int, name: str) -> tuple[float, ...]:
    """Scores in the order of the texts, of pairs of a text's place from 0 and its score.

    Raises:
        ModelUnavailable: a text has no score or two, a score is of no text, or is no number.
    """
    found: dict[int, float] = {}
    problem = ""
    for place, score in scored:
        if not 0 <= place < count:
            problem = f"there is no text {place}"
        elif place in found:
            problem = f"text {place} has two scores"
        elif not math.isfinite(score):
            problem = f"the score of text {place} is no number"
        found[place] = float(score)
    problem = problem or next((f"text {place} has no score" for place in range(count) if place not in found), "")
    if problem:
        raise ModelUnavailable(f"reranker `{name}`: {problem}; the scores cannot be used", retryable=False)
    return tuple(found[place] for place in range(count))
