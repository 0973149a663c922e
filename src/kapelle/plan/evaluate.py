"""Score a planner on pairs of query and plan: is it the wanted plan, is it valid, how long is its chain, how quick."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from kapelle.errors import KapelleError
from kapelle.plan.model import Plan, walk_steps
from kapelle.task.model import Task


class Pair(BaseModel):
    """A query, and what the plan for it must be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    shape: str
    """The kind of query: simple, knowledge, search, comparison, decision, incident, issue, text."""
    prompt: str
    corpus: bool = False
    """Whether a corpus is given with it."""
    kinds: dict[str, int] = Field(default_factory=dict)
    """How many steps of each kind, exactly; kinds left out may be any number."""
    uses: tuple[str, ...] = ()
    """Tools and agents that must be in it."""
    without: tuple[str, ...] = ()
    """Tools and agents that must not."""
    longest: int | None = None
    """Steps of its critical path, at most."""
    approvals: int | None = None


class PairResult(BaseModel):
    """How one pair went."""

    model_config = ConfigDict(frozen=True)

    id: str
    shape: str
    passed: bool
    reasons: tuple[str, ...] = ()
    milliseconds: float


class PlannerReport(BaseModel):
    """How a planner did."""

    model_config = ConfigDict(frozen=True)

    total: int
    passed: int
    pass_rate: float
    valid: int
    """Plans that validate."""
    by_shape: dict[str, str]
    median_ms: float
    worst_ms: float
    pairs: tuple[PairResult, ...]


def evaluation_set() -> tuple[Pair, ...]:
    """The committed pairs."""
    text = files("kapelle.plan").joinpath("evaluation.yaml").read_text(encoding="utf-8")
    return TypeAdapter(tuple[Pair, ...]).validate_python(yaml.safe_load(text))


async def evaluate(pairs: Sequence[Pair], planning: Callable[[Task, bool], Awaitable[Plan]]) -> PlannerReport:
    """Plan each query and hold the plan against what was wanted.

    Args:
        planning: makes the validated plan of a task, given whether a corpus is there; raises PlanError when it cannot.
    """
    results = [await _one(pair, planning) for pair in pairs]
    times = sorted(one.milliseconds for one in results)
    passed = sum(one.passed for one in results)
    shapes = Counter(one.shape for one in results)
    good = Counter(one.shape for one in results if one.passed)
    return PlannerReport(
        total=len(results),
        passed=passed,
        pass_rate=round(passed / len(results), 4) if results else 0.0,
        valid=sum(not any("valid" in reason for reason in one.reasons) for one in results),
        by_shape={shape: f"{good[shape]}/{count}" for shape, count in sorted(shapes.items())},
        median_ms=round(times[len(times) // 2], 3) if times else 0.0,
        worst_ms=round(times[-1], 3) if times else 0.0,
        pairs=tuple(results),
    )


async def _one(pair: Pair, planning: Callable[[Task, bool], Awaitable[Plan]]) -> PairResult:
    began = time.perf_counter()
    try:
        plan = await planning(Task(prompt=pair.prompt), pair.corpus)
        reasons = compare(pair, plan)
    except KapelleError as error:
        reasons = [f"no valid plan: {error}"]
    took = round((time.perf_counter() - began) * 1000, 3)
    return PairResult(id=pair.id, shape=pair.shape, passed=not reasons, reasons=tuple(reasons), milliseconds=took)


def compare(pair: Pair, plan: Plan) -> list[str]:
    """In what a plan is not the one that was wanted."""
    steps = list(walk_steps(plan.steps))
    kinds: Counter[str] = Counter(step.kind for step in steps)
    used = {getattr(step, "tool", None) or getattr(step, "agent", None) for step in steps}
    reasons = [
        f"{kinds[kind]} {kind} steps, {count} wanted" for kind, count in pair.kinds.items() if kinds[kind] != count
    ]
    reasons += [f"does not use `{name}`" for name in pair.uses if name not in used]
    reasons += [f"uses `{name}`" for name in pair.without if name in used]
    cost = plan.estimate
    if cost is None:
        return [*reasons, "not valid: it has no estimate"]
    if pair.longest is not None and cost.critical_path > pair.longest:
        reasons.append(f"critical path of {cost.critical_path} steps, at most {pair.longest} wanted")
    if pair.approvals is not None and cost.approvals != pair.approvals:
        reasons.append(f"{cost.approvals} approvals, {pair.approvals} wanted")
    return reasons
