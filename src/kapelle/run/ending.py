"""What a run ends as: its status, output and reason, from what came of its steps (pure)."""

from collections.abc import Iterable, Mapping, Sequence

from kapelle.budget.model import Usage
from kapelle.run.checkpoint import RunChange
from kapelle.run.model import StepFailure, StepResult

CANCELLED = "cancelled"
"""The halt of a run that somebody cancelled."""


def final_change(
    halt: str | None,
    output: StepResult | None,
    results: Mapping[str, StepResult],
    made_good: Iterable[str],
    left: Sequence[str] = (),
) -> RunChange:
    """The last change of a run.

    Args:
        halt: why nothing new was started, if so.
        output: what came of the plan's output step, if it was settled.
        made_good: paths of failed steps whose fallback stood in for them.
        left: what a halted run leaves changed outside, or may: writes under way, and what was to be taken back.
    """
    spent = sum((one.usage for one in results.values() if one.usage), Usage())
    if halt == CANCELLED:
        remains = StepFailure(cls="NotTakenBack", message="; ".join(left)) if left else None
        return RunChange(status="cancelled", error=remains, spent=spent)
    if halt is not None and left:
        halt = "; ".join([halt, *left])
    value = output.output if output is not None and output.status == "succeeded" else None
    error = _why_not(halt, output)
    if error is not None:
        return RunChange(status="failed", output=value, error=error, spent=spent)
    good = frozenset(made_good)
    troubled = halt is not None or any(_troubled(one, good) for one in results.values())
    halted = StepFailure(cls="Halted", message=halt) if halt else None
    return RunChange(status="partial" if troubled else "succeeded", output=value, error=halted, spent=spent)


def _why_not(halt: str | None, output: StepResult | None) -> StepFailure | None:
    """Why a run has not succeeded, or None when its output came and passed."""
    if output is None:
        return StepFailure(cls="Halted", message=halt or "the run ended before its output")
    if output.status != "succeeded":
        reason = output.error.message if output.error else output.route or output.status
        return output.error or StepFailure(cls="NoOutput", message=f"`{output.path}`: {reason}")
    verdict = output.output.get("verdict") if isinstance(output.output, dict) else None
    if isinstance(verdict, dict) and verdict.get("passed") is False:
        reasons = verdict.get("reasons")
        listed = "; ".join(str(reason) for reason in reasons) if isinstance(reasons, list) else ""
        return StepFailure(cls="NotPassed", message=f"the answer did not pass: {listed or 'no reason given'}")
    return None


def _troubled(result: StepResult, made_good: frozenset[str]) -> bool:
    """Whether something went wrong in a step that no fallback, of it or of what it is a part of, made good."""
    if result.error is None:
        return False
    parts = result.path.split("/")
    return made_good.isdisjoint("/".join(parts[:number]) for number in range(1, len(parts) + 1))
