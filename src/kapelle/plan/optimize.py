"""Remove needless sequencing (pure): the same data flow, never a longer critical path."""

from kapelle.plan.catalog import Catalog
from kapelle.plan.graph import Graph, graph_of
from kapelle.plan.model import AgentStep, ApprovalStep, MapStep, Plan, RepeatStep, Step, ToolStep, walk_steps


def optimize(plan: Plan, catalog: Catalog) -> Plan:
    """Drop each `after` that orders nothing, and `exclusive` from steps that only read.

    An `after` is needless when what it waits for is waited for anyway, or when both steps only read and the first is
    under no condition: reading in either order is the same.
    """
    return plan.model_copy(update={"steps": _body(plan.steps, catalog), "estimate": None})


def _body(steps: tuple[Step, ...], catalog: Catalog) -> tuple[Step, ...]:
    # Two passes: an order that holds only through an `after` dropped in the first would else be lost in the second.
    graph = graph_of(steps)
    eased = tuple(_ease(step, graph, catalog) for step in steps)
    graph = graph_of(eased)
    return tuple(_reduce(step, graph) for step in eased)


def _ease(step: Step, graph: Graph, catalog: Catalog) -> Step:
    """Drop orders between steps that only read."""
    update: dict[str, object] = {}
    if _only_reads(step, catalog):
        update["after"] = tuple(name for name in step.after if not _may_swap(graph.steps.get(name), catalog))
        update["exclusive"] = False
    if isinstance(step, MapStep | RepeatStep):
        update["body"] = _body(step.body, catalog)
    return step.model_copy(update=update) if update else step


def _may_swap(before: Step | None, catalog: Catalog) -> bool:
    return before is not None and before.when is None and _only_reads(before, catalog)


def _reduce(step: Step, graph: Graph) -> Step:
    """Drop orders that hold anyway, through another need."""
    needs = graph.needs[step.id]
    after = tuple(
        name
        for name in step.after
        if name not in needs.data and not _reaches(graph, [need for need in needs.all if need != name], name)
    )
    return step if after == step.after else step.model_copy(update={"after": after})


def _reaches(graph: Graph, begin: list[str], target: str) -> bool:
    """Whether a step is waited for, directly or not, by one of the given steps."""
    seen: set[str] = set()
    queue = [name for name in begin if name != target and name in graph.needs]
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        needs = graph.needs[name].all
        if target in needs:
            return True
        queue.extend(needs)
    return False


def _only_reads(step: Step, catalog: Catalog) -> bool:
    """Whether a step, with everything in its body, changes nothing and asks nobody."""
    for one in walk_steps((step,)):
        if isinstance(one, ApprovalStep):
            return False
        if isinstance(one, ToolStep):
            known = catalog.tools.get(one.tool)
            if known is None or known.effect != "read":
                return False
        if isinstance(one, AgentStep) and one.agent not in catalog.agents:
            return False
    return True
