"""Find steps that would wait for themselves (pure)."""

from collections.abc import Mapping

from kapelle.plan.graph import Graph
from kapelle.plan.model import Fallback


def cycle_of(needs: Mapping[str, set[str]]) -> list[str]:
    """The steps of one cycle, in order; empty when there is none."""
    waits = {name: len(before) for name, before in needs.items()}
    dependents: dict[str, list[str]] = {name: [] for name in needs}
    for name, before in needs.items():
        for one in before:
            dependents[one].append(name)
    ready = [name for name, count in waits.items() if count == 0]
    while ready:
        for dependent in dependents[ready.pop()]:
            waits[dependent] -= 1
            if waits[dependent] == 0:
                ready.append(dependent)
    stuck = {name for name, count in waits.items() if count > 0}
    if not stuck:
        return []
    chain: list[str] = []
    name = min(stuck)
    while name not in chain:
        chain.append(name)
        name = min(one for one in needs[name] if one in stuck)
    return chain[chain.index(name) :]


def tangled_fallbacks(graph: Graph) -> list[str]:
    """Steps whose fallback would wait for ever, given that nothing else does; in the order of a cycle.

    A step has two moments: its own result, and its end, which of a failed step is what its fallback comes to. Needs
    are for ends. A fallback begins with the first failure it stands in for, and is done without when there is none.
    """
    waits: dict[str, set[str]] = {}
    blamed: dict[tuple[str, str], str] = {}
    for name, needs in graph.needs.items():
        waits[f"result {name}"] = {f"end {need}" for need in needs.all}
        waits[f"end {name}"] = {f"result {name}"}
    for stand_in, primaries in graph.stands_in_for.items():
        for primary in primaries:
            if primary == stand_in:
                continue
            instead = f"instead of {primary}"
            waits[instead] = {f"result {primary}", *(f"end {need}" for need in graph.needs[stand_in].all)}
            if isinstance(graph.steps[stand_in].on_error, Fallback):
                waits[instead].add(f"instead of {stand_in}")
                blamed[instead, f"instead of {stand_in}"] = primary
            for before, after in ((f"result {primary}", f"result {stand_in}"), (instead, f"end {primary}")):
                waits[after].add(before)
                blamed[after, before] = primary
    cycle = cycle_of({name: needs & waits.keys() for name, needs in waits.items()})
    links = zip(cycle, [*cycle[1:], *cycle[:1]], strict=True)
    return list(dict.fromkeys(blamed[link] for link in links if link in blamed))
