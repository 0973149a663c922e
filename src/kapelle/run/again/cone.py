"""Which steps are done again when one is: it, everything that depends on it, and the questions that guard it (pure)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from kapelle.errors import BadInput
from kapelle.ids import escape_segment, join_path
from kapelle.plan.catalog import Catalog
from kapelle.plan.graph import Graph, graph_of
from kapelle.plan.model import ApprovalStep, Fallback, Plan, RepeatStep, Step, ToolStep, VerdictStep, children

UNDO = "~undo"
"""Behind a step's path: the call that takes it back. No step's own path has it: `~` is escaped in ids."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A step of a plan within one body: the plan itself, an item of a map, a round of a repeat."""

    prefix: str
    body: tuple[Step, ...]
    step: Step
    number: int = 0
    """Of a container on the way to an inner step: which item or round."""

    @property
    def path(self) -> str:
        """The step's path in the run."""
        return join_path(self.prefix, self.step.id)


@dataclass(frozen=True, slots=True)
class Cone:
    """The paths of a run that are done again; ask with `in`."""

    steps: frozenset[str]
    bodies: frozenset[str]
    """Containers with everything below them."""
    rounds: tuple[tuple[str, int], ...] = ()
    """Repeats, and the round after which every round is done again."""

    def __contains__(self, path: object) -> bool:
        """Whether the step of a path, or the call that took it back, is done again."""
        if not isinstance(path, str):
            return False
        path = path.removesuffix(UNDO)
        if path in self.steps:
            return True
        parts = path.split("/")
        if any("/".join(parts[:number]) in self.bodies for number in range(1, len(parts))):
            return True
        return any(_round_of(path, repeat) > number for repeat, number in self.rounds)


def _round_of(path: str, repeat: str) -> int:
    if not path.startswith(f"{repeat}/"):
        return -1
    return int(path.removeprefix(f"{repeat}/").split("/", 1)[0])


def locate(plan: Plan, path: str) -> tuple[Frame, ...]:
    """The way to a step: itself last, the containers it stands in before it.

    Raises:
        BadInput: the plan has no step there; the message names those it has.
    """
    frames: list[Frame] = []
    prefix, body, rest = "", plan.steps, path.split("/")
    while True:
        step = next((one for one in body if escape_segment(one.id) == rest[0]), None)
        if step is None:
            raise BadInput(f"`{path}`: the plan has no such step; at that place it has {_names(body, prefix)}")
        if len(rest) == 1:
            return (*frames, Frame(prefix, body, step))
        if not children(step):
            raise BadInput(f"`{path}`: `{join_path(prefix, step.id)}` has no steps within it")
        if len(rest) == 2 or not rest[1].isdecimal():
            inner = join_path(prefix, step.id, 0)
            raise BadInput(f"`{path}`: name a step of an item or round, such as {_names(children(step), inner)}")
        frames.append(Frame(prefix, body, step, int(rest[1])))
        prefix, body, rest = join_path(prefix, step.id, int(rest[1])), children(step), rest[2:]


def _names(body: tuple[Step, ...], prefix: str) -> str:
    shown = ", ".join(f"`{join_path(prefix, one.id)}`" for one in body[:12])
    return shown + (f" and {len(body) - 12} more" if len(body) > 12 else "")


def cone_of(plan: Plan, starts: Iterable[str], catalog: Catalog) -> Cone:
    """What is done again when the steps at these paths are.

    A container of which a part is done again settles anew, and so does what depends on it; its other items stay.
    Rounds after a round that is done again are done again. A verdict knows of every step before it, so it judges anew
    unless it came before. An approval is asked again when what it guards is done again.

    Raises:
        BadInput: the plan has no step at one of the paths.
    """
    reach = _Reach(catalog)
    for start in starts:
        *around, frame = locate(plan, start)
        reach.enter(frame, {frame.step.id})
        for container in reversed(around):
            reach.leave(container)
    return Cone(frozenset(reach.steps), frozenset(reach.bodies), tuple(sorted(reach.rounds.items())))


@dataclass(slots=True)
class _Reach:
    """What is reached so far."""

    catalog: Catalog
    steps: set[str] = field(default_factory=set)
    bodies: set[str] = field(default_factory=set)
    rounds: dict[str, int] = field(default_factory=dict)

    def enter(self, frame: Frame, begin: set[str]) -> None:
        """Add steps of one body and what follows from them there."""
        graph = graph_of(frame.body)
        self._add(frame, graph, self._judged(frame, graph, self._closure(graph, begin, set())))

    def leave(self, container: Frame) -> None:
        """Go on behind a container of which a part is done again."""
        self.steps.add(container.path)
        if isinstance(container.step, RepeatStep):
            self.rounds[container.path] = min(container.number, self.rounds.get(container.path, container.number))
        graph = graph_of(container.body)
        partly = {container.step.id}
        found = self._closure(graph, set(_following(graph, container.step.id)), partly)
        self._add(container, graph, self._judged(container, graph, found, partly))

    def _add(self, frame: Frame, graph: Graph, names: set[str]) -> None:
        for name in names:
            path = join_path(frame.prefix, name)
            self.steps.add(path)
            if children(graph.steps[name]):
                self.bodies.add(path)

    def _judged(self, frame: Frame, graph: Graph, found: set[str], partly: set[str] | None = None) -> set[str]:
        """With the verdicts of this body that did not come before the step itself."""
        verdicts = {
            name
            for name, step in graph.steps.items()
            if isinstance(step, VerdictStep) and frame.step.id not in self._closure(graph, {name}, set())
        }
        return found if verdicts <= found else self._closure(graph, found | verdicts, partly or set())

    def _closure(self, graph: Graph, begin: set[str], partly: set[str]) -> set[str]:
        found: set[str] = set()
        todo = set(begin)
        while todo:
            found |= todo
            following = {after for name in todo for after in _following(graph, name)}
            todo = (following | self._guards(graph, found, found | partly)) - found
        return found

    def _guards(self, graph: Graph, found: set[str], again: set[str]) -> set[str]:
        """The approvals that must be asked again: of this very call, or with nothing else behind them."""
        guards: set[str] = set()
        for name in found:
            step = graph.steps[name]
            for need in graph.needs[name].all:
                approval = graph.steps[need]
                if not isinstance(approval, ApprovalStep):
                    continue
                own = isinstance(step, ToolStep) and approval.guards == step.tool
                if own or (writes(step, self.catalog) and set(graph.dependents[need]) <= again):
                    guards.add(need)
        return guards


def _following(graph: Graph, name: str) -> Iterator[str]:
    """What is settled anew because a step is: its dependents, its stand-in, and whom it stands in for."""
    yield from graph.dependents[name]
    on_error = graph.steps[name].on_error
    if isinstance(on_error, Fallback) and on_error.fallback in graph.steps:
        yield on_error.fallback
        yield from (asked for asked, by in graph.asks_for.items() if by == on_error.fallback)
    for primary in graph.stands_in_for.get(name, ()):
        yield from graph.dependents[primary]


def writes(step: Step, catalog: Catalog) -> bool:
    """Whether a step, or one within it, may change something outside; of a tool that is not known nobody can say no."""
    if isinstance(step, ToolStep):
        tool = catalog.tools.get(step.tool)
        return tool is None or tool.effect == "write"
    return any(writes(one, catalog) for one in children(step))
