"""What a plan costs at most, and how long its longest chain is (pure)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from math import ceil

from kapelle.plan.catalog import Catalog
from kapelle.plan.graph import graph_of
from kapelle.plan.model import AgentStep, ApprovalStep, Estimate, Fallback, MapStep, Plan, RepeatStep, Step, ToolStep


@dataclass(frozen=True, slots=True)
class _Cost:
    calls: int = 0
    approvals: int = 0
    length: int = 0
    seconds: float = 0.0


def estimate(plan: Plan, catalog: Catalog) -> Estimate:
    """The worst case: every step performed once, every item up to `limit` (or the list's length), every round.

    Money is 0: no step of this plan calls a model. Retries are not counted. Needs a valid plan.
    """
    total = _body(plan.steps, catalog)
    return Estimate(
        calls=total.calls,
        approvals=total.approvals,
        critical_path=total.length,
        seconds=round(total.seconds, 3),
    )


def _body(steps: tuple[Step, ...], catalog: Catalog) -> _Cost:
    costs = {step.id: _step(step, catalog) for step in steps}
    longest = longest_chain(steps, lambda step: costs[step.id].length)
    slowest = longest_chain(steps, lambda step: costs[step.id].seconds)
    return _Cost(
        calls=sum(cost.calls for cost in costs.values()),
        approvals=sum(cost.approvals for cost in costs.values()),
        length=int(longest),
        seconds=slowest,
    )


def longest_chain(steps: tuple[Step, ...], weigh: Callable[[Step], float]) -> float:
    """The weight of the heaviest chain of steps that wait for each other; O(steps + references)."""
    graph = graph_of(steps)
    waits = {name: len(needs.all) for name, needs in graph.needs.items()}
    # A fallback step follows the step it stands in for.
    follows = {name: list(dependents) for name, dependents in graph.dependents.items()}
    for step in steps:
        if isinstance(step.on_error, Fallback) and step.on_error.fallback in waits:
            follows[step.id].append(step.on_error.fallback)
            waits[step.on_error.fallback] += 1
    before = dict.fromkeys(waits, 0.0)
    ready = [name for name, count in waits.items() if count == 0]
    heaviest = 0.0
    while ready:
        name = ready.pop()
        here = before[name] + weigh(graph.steps[name])
        heaviest = max(heaviest, here)
        for dependent in follows[name]:
            before[dependent] = max(before[dependent], here)
            waits[dependent] -= 1
            if waits[dependent] == 0:
                ready.append(dependent)
    return heaviest


def _step(step: Step, catalog: Catalog) -> _Cost:
    match step:
        case MapStep():
            inner = _body(step.body, catalog)
            items = len(step.over) if isinstance(step.over, list) else step.limit
            waves = ceil(items / step.width)
            return _Cost(inner.calls * items, inner.approvals * items, inner.length * waves, inner.seconds * waves)
        case RepeatStep():
            inner = _body(step.body, catalog)
            return reduce(_then, [inner] * step.rounds, _Cost())
        case ApprovalStep():
            return _Cost(1, 1, 1, 0.0)  # a person's time is not the plan's
        case ToolStep() | AgentStep():
            return _Cost(1, 0, 1, step.timeout or _limit(step, catalog))
        case _:
            return _Cost(1, 0, 1, step.timeout or 0.0)


def _then(first: _Cost, second: _Cost) -> _Cost:
    return _Cost(
        first.calls + second.calls,
        first.approvals + second.approvals,
        first.length + second.length,
        first.seconds + second.seconds,
    )


def _limit(step: ToolStep | AgentStep, catalog: Catalog) -> float:
    known = catalog.tools.get(step.tool) if isinstance(step, ToolStep) else catalog.agents.get(step.agent)
    return known.timeout if known is not None and known.timeout is not None else catalog.tool_timeout
