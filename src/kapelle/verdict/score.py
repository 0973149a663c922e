"""Turn a judged checklist into a score and a verdict."""

from collections.abc import Mapping, Sequence

from kapelle.errors import BadInput
from kapelle.task.model import Checklist, ChecklistItem, Task
from kapelle.verdict.model import CHECKS, Scorer, Verdict

PASS_SCORE = 0.5
"""The score from which an answer passes, when nothing required failed."""
MAX_WEIGHT = 1_000_000


def ratio(items: Sequence[ChecklistItem]) -> float:
    """Passed / total; an item that was not judged has not passed. 1 when there are no items."""
    return sum(item.passed is True for item in items) / len(items) if items else 1.0


def weighted(items: Sequence[ChecklistItem]) -> float:
    """Sum of the weights passed / sum of the weights; the ratio where all weights are zero."""
    total = sum(item.weight for item in items)
    if total == 0:
        return ratio(items)
    return min(1.0, sum(item.weight for item in items if item.passed is True) / total)


def weights_of(task: Task) -> dict[str, float]:
    """The weights a task gives (`metadata.weights`), by the name of a check or the description of its own item.

    Each may also be in a list: one for each item of the task's own checklist, in order.

    Raises:
        BadInput: a weight is negative or no number, the list is of another length, or a name is of no item.
    """
    own = task.checklist.items if task.checklist else ()
    given = task.metadata.get("weights") or {}
    if isinstance(given, list):
        if len(given) != len(own):
            raise BadInput(f"`weights`: {len(given)} given for the {len(own)} items of the task's checklist")
        given = {item.description: weight for item, weight in zip(own, given, strict=True)}
    if not isinstance(given, dict):
        raise BadInput("`weights`: expected an object of names and numbers, or a list of numbers")
    known = [*CHECKS, *(name for item in own for name in (item.description, item.check) if name)]
    for name, weight in given.items():
        if name not in known:
            raise BadInput(f"`weights`: {name!r} is no item of the checklist; expected one of: {', '.join(known)}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= MAX_WEIGHT:
            raise BadInput(f"`weights`: {name!r} must be a number from 0 to {MAX_WEIGHT:,}")
    return {name: float(weight) for name, weight in given.items()}  # type: ignore[arg-type]  # checked above


def with_weights(checklist: Checklist, weights: Mapping[str, float]) -> Checklist:
    """Put weights on a checklist, by description or else by check; those of items it does not have are left out."""
    chosen = (weights.get(item.description, weights.get(item.check or "", item.weight)) for item in checklist.items)
    items = [item.model_copy(update={"weight": one}) for item, one in zip(checklist.items, chosen, strict=True)]
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
