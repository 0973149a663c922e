"""The rules of one step: may it start, what does a map come to, what does a fallback give (pure)."""

from dataclasses import dataclass
from math import isnan

from pydantic import JsonValue

from kapelle.plan.model import ApprovalStep, MapStep, Quorum, Step, ToolStep
from kapelle.plan.reference import Ref, follow, holds
from kapelle.run.model import REJECTED, UPSTREAM_FAILED, StepFailure, StepResult
from kapelle.run.scope import Scope, blocked

FALLBACK = "fallback:"
"""How the route of a step begins that another one stood in for."""


@dataclass(frozen=True, slots=True)
class Skip:
    """The step is not performed."""

    why: str
    upstream: bool = False
    """Because something it needs failed."""


@dataclass(slots=True)
class MapState:
    """How far a map has come."""

    step: MapStep
    items: list[JsonValue]
    results: list[StepResult | None]
    scope: Scope
    """Where the map itself stands."""
    next: int = 0
    closed: int = 0
    failed: bool = False


def may_start(scope: Scope, step: Step) -> Skip | None:
    """Whether a step whose needs are all settled is performed; else why not."""
    needs = scope.graph.needs[step.id]
    done = scope.effective
    for name in needs.when:
        if blocked(done[name]) and not _rejected(done[name]):
            return Skip(_because(scope, name, done[name]), upstream=True)
    if step.when is not None and not holds(step.when, scope.read):
        return Skip("its condition is false")
    # A condition on an approval's decision means that the step knows of a rejection.
    aware = set(needs.when)
    for name in needs.after:
        if blocked(done[name]) and not (_rejected(done[name]) and name in aware):
            return Skip(_because(scope, name, done[name]), upstream=True)
    refused = _not_approved(scope, step)
    if refused is not None:
        return refused
    return _join(scope, step, tuple(n for n in needs.data if not (n in aware and _rejected(done[n]))))


def _not_approved(scope: Scope, step: Step) -> Skip | None:
    """A step whose tool an approval guards is performed when a person said yes to it, and in no other way.

    Whatever the plan makes of a no, or of a question that was never put: skipped, replaced by a fallback, known of by a
    condition.
    """
    if not isinstance(step, ToolStep):
        return None
    needs = scope.graph.needs[step.id]
    for name in (*needs.after, *needs.data):
        guard = scope.graph.steps[name]
        if not isinstance(guard, ApprovalStep) or guard.guards != step.tool:
            continue
        given = scope.effective[name]
        decision = given.output.get("decision") if isinstance(given.output, dict) else None
        if given.status != "succeeded" or given.route.startswith(FALLBACK) or decision != "approved":
            return Skip(f"`{scope.path(name)}` was not approved", upstream=blocked(given) and not _rejected(given))
    return None


def _join(scope: Scope, step: Step, names: tuple[str, ...]) -> Skip | None:
    done = scope.effective
    came = [name for name in names if done[name].status == "succeeded"]
    lost = [name for name in names if name not in came]
    if not lost:
        return None
    failed = [name for name in lost if blocked(done[name])]
    match step.join:
        case "any":
            wanted = 1
        case Quorum(quorum=number):
            wanted = number
        case _:
            name = failed[0] if failed else lost[0]
            return Skip(_because(scope, name, done[name]), upstream=bool(failed))
    if len(came) >= wanted:
        return None
    why = f"{len(came)} of {len(names)} inputs came, {wanted} needed: no {', '.join(scope.path(n) for n in lost)}"
    error = done[failed[0]].error if failed else None
    return Skip(f"{why}; the first: {error.message}" if error else why, upstream=bool(failed))


def _rejected(result: StepResult) -> bool:
    return result.error is not None and result.error.cls == REJECTED


def _because(scope: Scope, name: str, result: StepResult) -> str:
    if result.status == "skipped" and not blocked(result):
        return f"`{scope.path(name)}` was skipped"
    reason = f": {result.error.message}" if result.error else ""
    return f"`{scope.path(name)}` did not succeed{reason}"


def stood_in(primary: StepResult, name: str, stand_in: StepResult) -> StepResult:
    """What a failed step comes to when another was performed instead of it."""
    if stand_in.status != "succeeded":
        return primary
    update = {"status": "succeeded", "output": stand_in.output, "error": None, "route": f"{FALLBACK}{name}"}
    return primary.model_copy(update=update)


def softened(step: Step, result: StepResult) -> StepResult:
    """A failure that the step's policy lets pass: skipped, with the error kept."""
    if result.status != "failed" or step.on_error != "skip":
        return result
    error = result.error
    if error is not None and error.cls == UPSTREAM_FAILED:
        # Its own policy ends the chain: what follows is not blocked by a failure further up.
        error = error.model_copy(update={"cls": "StepError"})
    return result.model_copy(update={"status": "skipped", "error": error, "route": "error skipped", "output": None})


def tolerant(step: MapStep) -> bool:
    """Whether a map goes on when an item fails."""
    return step.on_error == "skip" or step.join != "all"


def map_result(path: str, state: MapState) -> StepResult:
    """What a map comes to when no item is open: its outputs in the order of its items, null where one failed."""
    step = state.step
    results = [result for result in state.results if result is not None]
    failed = [result for result in results if blocked(result)]
    output: list[JsonValue] = [
        result.output if result is not None and result.status == "succeeded" else None for result in state.results
    ]
    came = sum(result.status == "succeeded" for result in results)
    missing = tuple(result.path for result in failed)
    wanted = {"any": 1}.get(step.join, 0) if isinstance(step.join, str) else step.join.quorum
    if (failed and not tolerant(step)) or came < min(wanted, len(state.items)):
        first = failed[0] if failed else None
        reason = first.error.message if first and first.error else "too few items succeeded"
        message = f"{len(failed)} of {len(state.items)} items failed; the first: {reason}"
        error = StepFailure(cls=UPSTREAM_FAILED, message=message)
        return StepResult(path=path, status="failed", output=output, error=error, missing=missing)
    return StepResult(path=path, status="succeeded", output=output, missing=missing)


def read_last(ref: Ref, output: JsonValue, number: int, scope: Scope) -> JsonValue:
    """Read a reference of `until`: `last` is the round just ended."""
    if ref.ref == "last":
        return follow(output, ref.path)
    if ref.ref == "round":
        return number
    return scope.read(ref)


def score_of(ref: Ref, output: JsonValue) -> float:
    """The number by which rounds are compared; what is no number is lowest."""
    try:
        value = follow(output, ref.path)
    except KeyError:
        return float("-inf")
    # Whole numbers stay whole: one may be too large for a float. NaN is not even itself.
    return (
        value if isinstance(value, int | float) and not (isinstance(value, float) and isnan(value)) else float("-inf")
    )
