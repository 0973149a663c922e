"""Remove needless sequencing (pure): the same data flow, never a longer critical path."""

from collections.abc import Iterator

from kapelle.plan.catalog import Catalog
from kapelle.plan.graph import Graph, graph_of
from kapelle.plan.model import AgentStep, ApprovalStep, MapStep, Plan, RepeatStep, Step, ToolStep, walk_steps


def optimize(plan: Plan, catalog: Catalog) -> Plan:
    """Drop each `after` that orders nothing, and `exclusive` from steps that only read.

    An `after` is needless when what it waits for is waited for anyway, or when both steps only read and the first is
    under no condition: reading in either order is the same. What changes something keeps its place among all others.
    """
    return plan.model_copy(update={"steps": _body(plan.steps, catalog), "estimate": None})


def _body(steps: tuple[Step, ...], catalog: Catalog) -> tuple[Step, ...]:
    steps = tuple(_inside(step, catalog) for step in steps)
    reads = {step.id for step in steps if _only_reads(step, catalog)}
    # Where an input may fail without harm, one more step to wait for would be one more that must not.
    if all(step.join == "all" or step.id in reads for step in steps):
        behind = _Behind(graph_of(steps), reads)
        steps = tuple(_ease(step, behind) for step in steps)
    graph = graph_of(steps)
    return tuple(_reduce(step, graph) for step in steps)


def _inside(step: Step, catalog: Catalog) -> Step:
    return (
        step.model_copy(update={"body": _body(step.body, catalog)}) if isinstance(step, MapStep | RepeatStep) else step
    )


class _Behind:
    """What a step must follow when reads need no order among themselves."""

    def __init__(self, graph: Graph, reads: set[str]) -> None:
        self._graph = graph
        self.reads = reads

    def swaps(self, name: str) -> bool:
        """Whether a read may just as well come before this step."""
        return name in self.reads and self._graph.steps[name].when is None

    def of_read(self, step: Step) -> Iterator[str]:
        """The nearest steps that change something, or are under a condition, on every way back."""
        waiting, seen = [step.id], {step.id}
        while waiting:
            for need in self._graph.needs[waiting.pop()].all:
                if not self.swaps(need):
                    yield need
                elif need not in seen:
                    seen.add(need)
                    waiting.append(need)

    def of_write(self, step: Step) -> Iterator[str]:
        """Every step on every way back to the nearest that change something: they order the rest."""
        waiting = list(self._graph.needs[step.id].all)
        seen = set(waiting)
        while waiting:
            name = waiting.pop()
            yield name
            if name in self.reads:
                fresh = [need for need in self._graph.needs[name].all if need not in seen]
                seen.update(fresh)
                waiting.extend(fresh)


def _ease(step: Step, behind: _Behind) -> Step:
    """Wait for what must be waited for, directly: the orders between reads in between are dropped."""
    reads = step.id in behind.reads
    wanted = set(behind.of_read(step) if reads else behind.of_write(step))
    kept = [name for name in step.after if name in wanted]
    after = tuple(dict.fromkeys([*kept, *sorted(wanted)]))
    return step.model_copy(update={"after": after, "exclusive": step.exclusive and not reads})


def _reduce(step: Step, graph: Graph) -> Step:
    """Drop orders that hold anyway, through another need."""
    needs = graph.needs[step.id]
    after = tuple(
        name
        for name in step.after
        if name not in (*needs.data, *needs.when)
        and not _reaches(graph, [need for need in needs.all if need != name], name)
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
