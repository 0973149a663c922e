"""Turn a judged checklist into a score and a verdict."""

from collections.abc import Mapping, Sequence

from kapelle.errors import BadInput
from kapelle.task.model import Checklist, ChecklistItem
from kapelle.verdict.model import Scorer, Verdict

PASS_SCORE = 0.5
"""The score from which an answer passes, when nothing required failed."""


def ratio(items: Sequence[ChecklistItem]) -> float:
    """Passed / total; an item that was not judged has not passed. 1 when there are no items."""
    return sum(item.passed is True for item in items) / len(items) if items else 1.0


def weighted(items: Sequence[ChecklistItem]) -> float:
    """Sum of the weights passed / sum of the weights; the ratio where all weights are zero."""
    total = sum(item.weight for item in items)
    if total == 0:
        return ratio(items)
    return min(1.0, sum(item.weight for item in items if item.passed is True) / total)


def with_weights(checklist: Checklist, weights: Mapping[str, float] | Sequence[float]) -> Checklist:
    """Put a user's weights on a checklist: by description (or check name), or one for each item in order.

    Raises:
        BadInput: a weight is negative or no number, the list is of another length, or a name is of no item.
    """
    if not isinstance(weights, Mapping):
        if len(weights) != len(checklist.items):
            raise BadInput(f"`weights`: {len(weights)} given for {len(checklist.items)} checklist items")
        chosen = list(weights)
    else:
        known = {name for item in checklist.items for name in (item.description, item.check)}
        unknown = [name for name in weights if name not in known]
        if unknown:
            raise BadInput(f"`weights`: {unknown[0]!r} is no item of the checklist")
        chosen = [weights.get(item.description, weights.get(item.check or "", item.weight)) for item in checklist.items]
    if any(isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0 for weight in chosen):
        raise BadInput("`weights`: every weight must be a number of at least 0")
    items = [item.model_copy(update={"weight": float(w)}) for item, w in zip(checklist.items, chosen, strict=True)]
    return Checklist(items=tuple(items))


def verdict_of(checklist: Checklist, *, scorer: Scorer = "ratio", pass_score: float = PASS_SCORE) -> Verdict:
    """Judge by a judged checklist: passed when no required item failed and the score reaches `pass_score`."""
    items = checklist.items
    score = ratio(items) if scorer == "ratio" else weighted(items)
    failed = [item for item in items if item.passed is not True]
    passed = not any(item.required for item in failed) and score >= pass_score
    reasons = [_reason(item) for item in sorted(failed, key=lambda item: not item.required)]
    if not passed and not any(item.required for item in failed):
        reasons.insert(0, f"the score {score:.2f} is below {pass_score:.2f}")
    return Verdict(passed=passed, score=score, reasons=tuple(reasons), checklist=checklist, scorer=scorer)


def _reason(item: ChecklistItem) -> str:
    why = item.feedback or ("it was not judged" if item.passed is None else "it does not hold")
    return f"{item.description}: {why}"
