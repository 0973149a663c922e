"""What each step of a body needs: read from its references, once per body."""

from collections.abc import Iterator
from dataclasses import dataclass

from kapelle.plan.model import ApprovalStep, Best, Fallback, MapStep, RepeatStep, Step, children
from kapelle.plan.reference import RESERVED, refs_in, refs_of


@dataclass(frozen=True, slots=True)
class Needs:
    """The steps of the same body that one step waits for."""

    data: tuple[str, ...]
    """Referenced in its inputs, or from within its own body."""
    when: tuple[str, ...]
    """Referenced in its condition."""
    after: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Each once, in order."""
        return tuple(dict.fromkeys((*self.data, *self.when, *self.after)))


@dataclass(frozen=True, slots=True)
class Graph:
    """The steps of one body and what they wait for."""

    steps: dict[str, Step]
    needs: dict[str, Needs]
    dependents: dict[str, tuple[str, ...]]
    stands_in_for: dict[str, tuple[str, ...]]
    """A fallback step: the steps it is performed instead of."""
    asks_for: dict[str, str]
    """An approval that only a fallback step waits for: that step. Nobody is asked before it is needed."""


def graph_of(steps: tuple[Step, ...]) -> Graph:
    """Read what each step needs. References to steps outside the body are the container's needs, not the step's."""
    by_id = {step.id: step for step in steps}
    needs = {step.id: _needs(step, by_id) for step in steps}
    dependents: dict[str, list[str]] = {step.id: [] for step in steps}
    stands_in_for: dict[str, list[str]] = {}
    for step in steps:
        for need in needs[step.id].all:
            dependents[need].append(step.id)
        if isinstance(step.on_error, Fallback) and step.on_error.fallback in by_id:
            stands_in_for.setdefault(step.on_error.fallback, []).append(step.id)
    asks_for = {
        need: stand_in
        for stand_in in stands_in_for
        for need in needs[stand_in].all
        if isinstance(by_id[need], ApprovalStep) and dependents[need] == [stand_in]
    }
    return Graph(
        by_id,
        needs,
        {key: tuple(value) for key, value in dependents.items()},
        {key: tuple(value) for key, value in stands_in_for.items()},
        asks_for,
    )


def _needs(step: Step, by_id: dict[str, Step]) -> Needs:
    def known(names: Iterator[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name in names if name in by_id and name != step.id))

    return Needs(
        data=known(data_refs(step)),
        when=known(ref.ref for ref in refs_of(step.when)) if step.when else (),
        after=known(iter(step.after)),
    )


def data_refs(step: Step) -> Iterator[str]:
    """The ids a step's inputs refer to, its body's outward references included."""
    yield from _input_refs(step)
    inside = children(step)
    inner = {child.id for child in inside}
    for child in inside:
        for name in _outward(child):
            if name not in inner:
                yield name


def _outward(step: Step) -> Iterator[str]:
    yield from data_refs(step)
    if step.when:
        yield from (ref.ref for ref in refs_of(step.when))


def _input_refs(step: Step) -> Iterator[str]:
    """The ids of a step's own well-formed references: inputs, the list of a map, the conditions of a repeat."""
    values = [dict(step.inputs)]
    if isinstance(step, MapStep):
        values.append({"over": step.over})
    for value in values:
        for found in refs_in(value):
            name, path = found.get("$ref"), found.get("path", "")
            if isinstance(name, str) and isinstance(path, str):
                yield name
    if isinstance(step, RepeatStep):
        # `until` and `keep` read the body's output as `last`; other references are needs like any.
        conditions = list(refs_of(step.until)) if step.until else []
        if isinstance(step.keep, Best):
            conditions.append(step.keep.best)
        yield from (ref.ref for ref in conditions if ref.ref not in RESERVED)
