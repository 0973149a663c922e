"""Turn how relevant the best passage is into how sure an answer may be."""

import math

RELEVANT = 0.5
"""A relevance from which a passage is taken to speak of what was asked."""
_STEEPNESS = 12.0


def confidence_of(best: float) -> float:
    """Turn the best hit's relevance into a confidence, 0..1, which is 0.5 at `RELEVANT`."""
    return 1 / (1 + math.exp(-_STEEPNESS * (best - RELEVANT)))


def reason_of(found: bool, best: float, asked: bool, *, filtered: bool = False, by_meaning: bool = False) -> str:
    """Why an answer should abstain; empty when it should not.

    Args:
        filtered: only passages that a filter lets through were looked at.
        by_meaning: words were not looked at.
    """
    if not found:
        which = "no passage that the filter lets through" if filtered else "no passage"
        if by_meaning:
            return f"{which} has a vector that can be searched"
        return f"{which} holds any word of the query" if asked else "the query has no words"
    if best < RELEVANT:
        return f"the best passage covers {best:.0%} of what was asked; at least {RELEVANT:.0%} is needed"
    return ""
