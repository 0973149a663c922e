"""Decide what may start and what is settled without being performed (pure: no clock, no I/O).

A frontier is fed the results of performed steps, in any order, and answers with actions. What it decides depends on
the results alone and never on their order in time, so a run that is walked again from its stored results goes on
where it was. Every step is decided upon once: O(steps) for a whole run.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from kapelle.plan.graph import Graph, graph_of
from kapelle.plan.model import Best, Fallback, MapStep, Plan, RepeatStep, Step
from kapelle.plan.reference import holds
from kapelle.run.bind import BindError, bind
from kapelle.run.decide import MapState, Skip, map_result, may_start, read_last, score_of, softened, stood_in, tolerant
from kapelle.run.model import UPSTREAM_FAILED, StepFailure, StepResult
from kapelle.run.scope import Scope, blocked


@dataclass(frozen=True, slots=True)
class Start:
    """Perform this step."""

    path: str
    step: Step
    scope: Scope

    def inputs(self) -> dict[str, JsonValue]:
        """Its inputs with every reference replaced.

        Raises:
            BindError: a reference points at nothing.
        """
        value = bind(dict(self.step.inputs), self.scope.read)
        assert isinstance(value, dict)
        return value

    @property
    def missing(self) -> tuple[str, ...]:
        """The references that have nothing, as paths."""
        return self.scope.missing(self.scope.graph.needs[self.step.id].data)


@dataclass(frozen=True, slots=True)
class Settle:
    """This step is settled without being performed: skipped, or a map or repeat whose body is done."""

    result: StepResult


@dataclass(frozen=True, slots=True)
class Instead:
    """This failed step comes to what another, performed in its place, came to."""

    path: str
    by: str


@dataclass(frozen=True, slots=True)
class Spread:
    """This map's items are walked as parts of their own; `open_items` or `open_item` goes on with them here."""

    path: str
    items: int
    width: int


Action = Start | Settle | Instead | Spread


class Frontier:
    """The state of one run's walk through its plan."""

    def __init__(self, plan: Plan, task: JsonValue, *, within: str = "") -> None:
        """Args:
        within: a part, such as `m/3`: maps inside it are not spread any further.
        """
        self._plan = plan
        self._within = within
        self._graphs: dict[int, Graph] = {}
        self._root = Scope("", self._graph(plan.steps), plan.output, bindings={"task": task})
        self._places: dict[str, tuple[Scope, str]] = {}
        self._maps: dict[str, MapState] = {}
        self._bests: dict[str, tuple[float, JsonValue, int]] = {}
        self._out: list[Action] = []
        # A cascade of skips may be as long as the plan, and as deep: a queue, not recursion.
        self._queue: deque[tuple[Scope, str, StepResult]] = deque()

    def begin(self) -> list[Action]:
        """What may start at once."""
        self._open(self._root)
        self._drain()
        return self._take()

    def settle(self, result: StepResult) -> list[Action]:
        """What follows from the result of a performed step.

        Raises:
            KeyError: no such step was started.
        """
        scope, name = self._places.pop(result.path)
        self._queue.append((scope, name, result))
        self._drain()
        return self._take()

    @property
    def finished(self) -> bool:
        """Every step of the plan is settled."""
        return self._root.finished

    @property
    def output(self) -> StepResult | None:
        """What came of the plan's output step, once it is settled."""
        return self._root.effective.get(self._plan.output)

    def _take(self) -> list[Action]:
        actions, self._out = self._out, []
        return actions

    def _graph(self, steps: tuple[Step, ...]) -> Graph:
        # One graph per body, not per item: a body of a thousand items is read once.
        graph = self._graphs.get(id(steps))
        if graph is None:
            graph = self._graphs[id(steps)] = graph_of(steps)
        return graph

    def _open(self, scope: Scope) -> None:
        for name in scope.graph.steps:
            if scope.waits[name] == 0 and self._wanted(scope, name):
                self._queue.extend(self._decide(scope, name))

    def _drain(self) -> None:
        while self._queue:
            self._queue.extend(self._settle_one(*self._queue.popleft()))

    def _settle_one(self, scope: Scope, name: str, result: StepResult) -> Iterator[tuple[Scope, str, StepResult]]:
        # A failed step that another stands in for is settled twice: by its failure, and by what the other came to.
        if name not in scope.results:
            scope.results[name] = result
            on_error = scope.graph.steps[name].on_error
            if result.status == "failed" and isinstance(on_error, Fallback):
                yield from self._fall_back(scope, name, on_error.fallback)
                return
        yield from self._take_effect(scope, name, result)

    def _take_effect(self, scope: Scope, name: str, result: StepResult) -> Iterator[tuple[Scope, str, StepResult]]:
        scope.effective[name] = result
        for dependent in scope.graph.dependents[name]:
            scope.waits[dependent] -= 1
            if scope.waits[dependent] == 0 and self._wanted(scope, dependent):
                yield from self._decide(scope, dependent)
        yield from self._release_stand_in(scope, name)
        for primary in scope.graph.stands_in_for.get(name, ()):
            if primary in scope.results and primary not in scope.effective:
                yield self._stand_in(scope, primary, name)
        if scope.finished and scope.parent is not None:
            yield from self._close(scope)

    def _stand_in(self, scope: Scope, primary: str, name: str) -> tuple[Scope, str, StepResult]:
        result = stood_in(scope.results[primary], name, scope.effective[name])
        if result.status == "succeeded":
            self._out.append(Instead(scope.path(primary), scope.path(name)))
        return scope, primary, result

    def _wanted(self, scope: Scope, name: str) -> bool:
        """A fallback step, and what only it waits a person for, begins once a step it stands in for has failed."""
        primaries = scope.graph.stands_in_for.get(scope.graph.asks_for.get(name, name))
        if primaries is None:
            return True
        return any(p in scope.results and p not in scope.effective for p in primaries)

    def _fall_back(self, scope: Scope, name: str, stand_in: str) -> Iterator[tuple[Scope, str, StepResult]]:
        if stand_in in scope.effective:
            yield self._stand_in(scope, name, stand_in)
            return
        for begun in (*self._asked_by(scope, stand_in), stand_in):
            if scope.waits[begun] == 0:
                yield from self._decide(scope, begun)

    def _asked_by(self, scope: Scope, stand_in: str) -> list[str]:
        return [name for name, wanted_by in scope.graph.asks_for.items() if wanted_by == stand_in]

    def _release_stand_in(self, scope: Scope, name: str) -> Iterator[tuple[Scope, str, StepResult]]:
        """Skip a fallback step that nobody can need any more."""
        on_error = scope.graph.steps[name].on_error
        if not isinstance(on_error, Fallback) or on_error.fallback in scope.decided:
            return
        primaries = scope.graph.stands_in_for.get(on_error.fallback, ())
        if all(primary in scope.effective for primary in primaries):
            for unneeded in (*self._asked_by(scope, on_error.fallback), on_error.fallback):
                yield self._skip(scope, unneeded, "not needed")

    def _decide(self, scope: Scope, name: str) -> Iterator[tuple[Scope, str, StepResult]]:
        if name in scope.decided:
            return
        step = scope.graph.steps[name]
        verdict = may_start(scope, step)
        if isinstance(verdict, Skip):
            yield self._skip(scope, name, verdict.why, upstream=verdict.upstream)
        elif isinstance(step, MapStep):
            yield from self._begin_map(scope, step)
        elif isinstance(step, RepeatStep):
            yield from self._begin_round(scope, step, 0, None)
        else:
            scope.decided.add(name)
            path = scope.path(name)
            self._places[path] = (scope, name)
            self._out.append(Start(path, step, scope))

    def _skip(self, scope: Scope, name: str, why: str, *, upstream: bool = False) -> tuple[Scope, str, StepResult]:
        error = StepFailure(cls=UPSTREAM_FAILED, message=why) if upstream else None
        route = "" if upstream else f"skipped: {why}"
        return self._record(scope, name, StepResult(path=scope.path(name), status="skipped", error=error, route=route))

    def _record(self, scope: Scope, name: str, result: StepResult) -> tuple[Scope, str, StepResult]:
        scope.decided.add(name)
        step = scope.graph.steps[name]
        result = softened(step, result.model_copy(update={"kind": step.kind}))
        self._out.append(Settle(result))
        return scope, name, result

    def _begin_map(self, scope: Scope, step: MapStep) -> Iterator[tuple[Scope, str, StepResult]]:
        scope.decided.add(step.id)
        path = scope.path(step.id)
        try:
            items = bind(step.over, scope.read)
        except BindError as error:
            yield self._record(scope, step.id, _failed(path, "BindError", f"`over`: {error}"))
            return
        if not isinstance(items, list):
            problem = f"`over` must be a list, not {type(items).__name__}"
            yield self._record(scope, step.id, _failed(path, "ToolInputError", problem))
        elif len(items) > step.limit:
            problem = f"`over` has {len(items)} items and `limit` is {step.limit}; raise it or pass fewer"
            yield self._record(scope, step.id, _failed(path, "ToolInputError", problem))
        elif not items:
            yield self._record(scope, step.id, StepResult(path=path, status="succeeded", output=[]))
        else:
            self._maps[path] = MapState(step, items, [None] * len(items), scope)
            if step.spread and not (self._within and path.startswith(self._within + "/")):
                self._out.append(Spread(path, len(items), step.width))
            else:
                self._open_items(path)

    def open_items(self, path: str) -> list[Action]:
        """Begin a spread map's items here, as those of any other map."""
        self._open_items(path)
        self._drain()
        return self._take()

    def open_item(self, path: str, index: int) -> list[Action]:
        """Begin one item of a spread map, and no other."""
        state = self._maps[path]
        state.next = index
        self._next_item(state.scope, path)
        state.next = len(state.items)
        self._drain()
        return self._take()

    def item_result(self, path: str, index: int) -> StepResult | None:
        """What an item came to, once it is settled."""
        state = self._maps.get(path)
        return state.results[index] if state else None

    def fails_map(self, path: str, result: StepResult) -> bool:
        """Whether an item that came to this fails its map."""
        return blocked(result) and not tolerant(self._maps[path].step)

    def _open_items(self, path: str) -> None:
        state = self._maps[path]
        for _ in range(min(state.step.width, len(state.items))):
            self._next_item(state.scope, path)

    def _next_item(self, scope: Scope, path: str) -> None:
        state = self._maps[path]
        index = state.next
        state.next += 1
        bindings: dict[str, JsonValue] = {"item": state.items[index], "index": index}
        body = Scope(
            f"{path}/{index}",
            self._graph(state.step.body),
            state.step.output,
            parent=scope,
            container=state.step.id,
            number=index,
            bindings=bindings,
        )
        self._open(body)

    def _begin_round(
        self, scope: Scope, step: RepeatStep, number: int, last: JsonValue
    ) -> Iterator[tuple[Scope, str, StepResult]]:
        scope.decided.add(step.id)
        body = Scope(
            f"{scope.path(step.id)}/{number}",
            self._graph(step.body),
            step.output,
            parent=scope,
            container=step.id,
            number=number,
            bindings={"last": last, "round": number},
        )
        self._open(body)
        yield from ()

    def _close(self, body: Scope) -> Iterator[tuple[Scope, str, StepResult]]:
        scope = body.parent
        assert scope is not None
        step = scope.graph.steps[body.container]
        result = body.effective[body.output]
        if isinstance(step, MapStep):
            yield from self._close_item(scope, step, body.number, result)
        elif isinstance(step, RepeatStep):
            yield from self._close_round(scope, step, body, result)

    def _close_item(
        self, scope: Scope, step: MapStep, index: int, result: StepResult
    ) -> Iterator[tuple[Scope, str, StepResult]]:
        path = scope.path(step.id)
        state = self._maps[path]
        state.results[index] = result
        state.closed += 1
        state.failed = state.failed or blocked(result)
        # After a failure that fails the map nothing new is begun; what runs ends on its own.
        more = state.next < len(state.items) and not (state.failed and not tolerant(step))
        if more:
            self._next_item(scope, path)
        elif state.closed == state.next:
            yield self._record(scope, step.id, map_result(path, state))

    def _close_round(
        self, scope: Scope, step: RepeatStep, body: Scope, result: StepResult
    ) -> Iterator[tuple[Scope, str, StepResult]]:
        path = scope.path(step.id)
        if blocked(result):
            message = f"round {body.number}: {result.error.message if result.error else 'no output'}"
            yield self._record(scope, step.id, _failed(path, UPSTREAM_FAILED, message))
            return
        kept = self._keep(step, path, result.output, body.number)
        done = body.number + 1 >= step.rounds
        if not done and step.until is not None:
            done = holds(step.until, lambda ref: read_last(ref, result.output, body.number, scope))
        if done:
            output, number = kept
            route = f"round {number} of {body.number + 1}"
            yield self._record(scope, step.id, StepResult(path=path, status="succeeded", output=output, route=route))
        else:
            yield from self._begin_round(scope, step, body.number + 1, result.output)

    def _keep(self, step: RepeatStep, path: str, output: JsonValue, number: int) -> tuple[JsonValue, int]:
        if not isinstance(step.keep, Best):
            return output, number
        best = self._bests.get(path)
        score = score_of(step.keep.best, output)
        if best is None or score > best[0]:
            best = (score, output, number)
            self._bests[path] = best
        return best[1], best[2]


def _failed(path: str, cls: str, message: str) -> StepResult:
    return StepResult(path=path, status="failed", error=StepFailure(cls=cls, message=message))
