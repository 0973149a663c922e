"""What a plan costs at most, and how long its longest chain is (pure)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from math import ceil

from kapelle.budget.model import Usage
from kapelle.evidence.options import SearchOptions
from kapelle.plan.catalog import Catalog
from kapelle.plan.graph import graph_of
from kapelle.plan.model import (
    AgentStep,
    AnswerStep,
    ApprovalStep,
    Estimate,
    Fallback,
    MapStep,
    Plan,
    RepeatStep,
    SearchStep,
    Step,
    ToolStep,
)
from kapelle.plan.reference import refs_in


@dataclass(frozen=True, slots=True)
class _Cost:
    calls: int = 0
    approvals: int = 0
    length: int = 0
    seconds: float = 0.0
    usage: Usage = field(default_factory=Usage)


def estimate(plan: Plan, catalog: Catalog, model: str | None = None) -> Estimate:
    """The worst case: every step performed once, every item up to `limit` (or the list's length), every round.

    Retries are not counted. Needs a valid plan.

    Args:
        model: the task's, which writes answers to what was searched for, and helps searches whose options ask it.
    """
    total = _body(plan.steps, _Known(catalog, model))
    return Estimate(
        usd=total.usage.usd,
        requests=total.usage.requests,
        calls=total.calls,
        approvals=total.approvals,
        critical_path=total.length,
        seconds=round(total.seconds, 3),
    )


@dataclass(frozen=True, slots=True)
class _Known:
    catalog: Catalog
    model: str | None

    def most(self, options: SearchOptions | None) -> Usage:
        """What the task's model may take for a search, or an answer; nothing where there is none."""
        if self.model is None or self.catalog.most is None:
            return Usage()
        return self.catalog.most(self.model, options)


def _body(steps: tuple[Step, ...], known: _Known) -> _Cost:
    costs = {step.id: _step(step, steps, known) for step in steps}
    longest = longest_chain(steps, lambda step: costs[step.id].length)
    slowest = longest_chain(steps, lambda step: costs[step.id].seconds)
    return _Cost(
        calls=sum(cost.calls for cost in costs.values()),
        approvals=sum(cost.approvals for cost in costs.values()),
        length=int(longest),
        seconds=slowest,
        usage=sum((cost.usage for cost in costs.values()), Usage()),
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


def _step(step: Step, beside: tuple[Step, ...], known: _Known) -> _Cost:
    match step:
        case MapStep():
            inner = _body(step.body, known)
            items = _items(step)
            waves = ceil(items / step.width)
            usage = inner.usage * items
            return _Cost(
                inner.calls * items, inner.approvals * items, inner.length * waves, inner.seconds * waves, usage
            )
        case RepeatStep():
            inner = _body(step.body, known)
            return reduce(_then, [inner] * step.rounds, _Cost())
        case ApprovalStep():
            return _Cost(1, 1, 1, 0.0)  # a person's time is not the plan's
        case ToolStep() | AgentStep():
            return _Cost(1, 0, 1, step.timeout or _limit(step, known.catalog))
        case SearchStep():
            usage = known.most(step.options) if step.options.asks_a_model else Usage()
            return _Cost(1, 0, 1, step.timeout or 0.0, usage)
        case AnswerStep():
            searches = _searches(step, beside)
            return _Cost(1, 0, 1, step.timeout or 0.0, known.most(None) * searches if searches else Usage())
        case _:
            return _Cost(1, 0, 1, step.timeout or 0.0)


def _then(first: _Cost, second: _Cost) -> _Cost:
    return _Cost(
        first.calls + second.calls,
        first.approvals + second.approvals,
        first.length + second.length,
        first.seconds + second.seconds,
        first.usage + second.usage,
    )


def _items(step: MapStep) -> int:
    return len(step.over) if isinstance(step.over, list) else step.limit


def _searches(step: AnswerStep, beside: tuple[Step, ...]) -> int:
    """How many searches an answer may be written from; a model writes one for each."""
    read = {ref["$ref"] for ref in refs_in(step.inputs)}
    return sum(_found_by(one) for one in beside if one.id in read)


def _found_by(step: Step) -> int:
    match step:
        case SearchStep():
            return 1
        case MapStep():
            return _items(step) * sum(_found_by(one) for one in step.body if one.id == step.output)
        case RepeatStep():
            return sum(_found_by(one) for one in step.body if one.id == step.output)
        case _:
            return 0


def _limit(step: ToolStep | AgentStep, catalog: Catalog) -> float:
    known = catalog.tools.get(step.tool) if isinstance(step, ToolStep) else catalog.agents.get(step.agent)
    return known.timeout if known is not None and known.timeout is not None else catalog.tool_timeout
