"""Steps: write plan data with Python; every handle is a typed reference.

Nothing is called here: a strategy that uses `Steps` returns a plan that can be read, priced and validated first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, JsonValue, TypeAdapter

from kapelle.agents.spec import AgentSpec, agent
from kapelle.errors import BadInput
from kapelle.evidence.options import DEFAULT, SearchOptions
from kapelle.plan.model import (
    AgentStep,
    AnswerStep,
    ApprovalStep,
    Best,
    Fallback,
    Join,
    MapStep,
    OnError,
    Plan,
    Quorum,
    RepeatStep,
    SearchStep,
    Step,
    ToolStep,
    Undo,
    VerdictStep,
)
from kapelle.plan.reference import RESERVED, All, Any_, Comparison, Condition, Not, Ref
from kapelle.tools.model import Retry, Tool

Value: TypeAlias = Any
"""JSON, a Handle, a model, or lists and dictionaries of these."""
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)
_WORD = re.compile(r"[^a-z0-9]+")


class Test:
    """A condition under construction; combine with `&`, `|` and `~`."""

    __test__ = False  # pytest would else collect it

    def __init__(self, condition: Condition) -> None:
        self.condition = condition

    def __and__(self, other: Test) -> Test:
        return Test(All(all=(self.condition, other.condition)))

    def __or__(self, other: Test) -> Test:
        return Test(Any_(any=(self.condition, other.condition)))

    def __invert__(self) -> Test:
        return Test(Not.model_validate({"not": (self.condition,)}))

    def __bool__(self) -> bool:
        raise BadInput("a condition on a step is known only when the plan is walked: use `when=`, `&`, `|`, `~`")


class Handle:
    """A place in a step's output: `logs["hits"][0]`. Comparing it makes a condition."""

    __hash__ = None  # type: ignore[assignment]  # `==` makes a condition

    def __init__(self, ref: str, path: str = "") -> None:
        self.ref = ref
        self.path = path

    def __getitem__(self, key: str | int) -> Handle:
        segment = str(key).replace("~", "~0").replace("/", "~1")
        return Handle(self.ref, f"{self.path}/{segment}")

    def __iter__(self) -> Any:
        raise BadInput(f"`{self.ref}` is known only when the plan is walked: use `s.map(...)` to go over a list")

    def __eq__(self, other: object) -> Test:  # type: ignore[override]
        return self._test("eq", other)

    def __ne__(self, other: object) -> Test:  # type: ignore[override]
        return self._test("ne", other)

    def __lt__(self, other: object) -> Test:
        return self._test("lt", other)

    def __le__(self, other: object) -> Test:
        return self._test("le", other)

    def __gt__(self, other: object) -> Test:
        return self._test("gt", other)

    def __ge__(self, other: object) -> Test:
        return self._test("ge", other)

    def one_of(self, values: Sequence[JsonValue]) -> Test:
        """True when the value is among these."""
        return self._test("in", list(values))

    @property
    def exists(self) -> Test:
        """True when there is a value that is not null."""
        return self._test("exists", None)

    @property
    def truthy(self) -> Test:
        """True when the value is neither null, false, zero nor empty."""
        return self._test("truthy", None)

    def _test(self, op: str, to: object) -> Test:
        return Test(Comparison.model_validate({"value": self.as_ref(), "op": op, "to": to}))

    def as_ref(self) -> Ref:
        """The reference as a model."""
        return Ref.model_validate(self.as_json())

    def as_json(self) -> dict[str, JsonValue]:
        """The reference as plan data."""
        return {"$ref": self.ref, "path": self.path} if self.path else {"$ref": self.ref}


class Steps:
    """Writes the steps of one body.

    Options of a step: `id, title, after, when, join, on_error, retry, timeout, exclusive`.

    A tool or agent whose own argument has an option's name takes its arguments as `inputs={...}`.
    """

    def __init__(self, known: dict[str, AgentSpec] | None = None, taken: set[str] | None = None) -> None:
        self.steps: list[Step] = []
        self.agents: dict[str, AgentSpec] = {} if known is None else known
        """Functions that were used as agents and must be registered for the plan to be walked."""
        # Ids are unique in the whole plan, so that a body may refer to any step around it.
        self._taken = set(RESERVED) if taken is None else taken
        self.last: Handle | None = None

    @property
    def task(self) -> Handle:
        """The task: `s.task["context"]["service"]`."""
        return Handle("task")

    def tool(
        self, tool: Tool | str, *, undo: tuple[Tool | str, Mapping[str, Value]] | None = None, **given: Value
    ) -> Handle:
        """Call a tool with these arguments."""
        name = tool if isinstance(tool, str) else tool.name
        takes = frozenset() if isinstance(tool, str) else frozenset(tool.inputs.model_fields)
        back = None
        if undo is not None:
            back = Undo(tool=undo[0] if isinstance(undo[0], str) else undo[0].name, inputs=_inputs(undo[1]))
        options, inputs = _split(given, takes)
        return self._add(ToolStep(id=self._id(options, name), tool=name, undo=back, inputs=inputs, **options))

    def agent(self, spec: AgentSpec | Callable[..., Any] | str, **given: Value) -> Handle:
        """Call an agent: a spec, any typed function, or the name of a registered one."""
        if not isinstance(spec, str):
            spec = spec if isinstance(spec, Tool) else agent(spec)
            self.agents[spec.name] = spec
        name = spec if isinstance(spec, str) else spec.name
        takes = frozenset() if isinstance(spec, str) else frozenset(spec.inputs.model_fields)
        options, inputs = _split(given, takes)
        return self._add(AgentStep(id=self._id(options, name), agent=name, inputs=inputs, **options))

    def search(self, *corpora: str, query: Value, options: SearchOptions = DEFAULT, **given: Value) -> Handle:
        """Search corpora; `options` say how, `k` and `filters` are inputs."""
        common, inputs = _split({"query": query, **given}, frozenset())
        return self._add(
            SearchStep(id=self._id(common, "search"), corpora=corpora, inputs=inputs, options=options, **common)
        )

    def answer(self, *sources: Value, **given: Value) -> Handle:
        """Compose the answer from what these steps found or claimed."""
        options, inputs = _split(given, frozenset())
        if sources:
            inputs["sources"] = _json(list(sources))
        return self._add(AnswerStep(id=self._id(options, "answer"), inputs=inputs, **options))

    def verdict(self, candidate: Handle, *, checks: Sequence[str] = (), **given: Value) -> Handle:
        """Judge an answer."""
        options, inputs = _split({"candidate": candidate, **given}, frozenset())
        return self._add(VerdictStep(id=self._id(options, "verdict"), checks=tuple(checks), inputs=inputs, **options))

    def approval(
        self,
        action: str,
        *,
        why: str = "",
        risk: str = "",
        guards: str | Tool | None = None,
        expires_in: float | None = None,
        levels: Sequence[str] = (),
        on_expiry: Literal["reject", "escalate"] | None = None,
        **given: Value,
    ) -> Handle:
        """Ask a person; `evidence`, `arguments` and `suggestion` are shown.

        Args:
            guards: the tool whose arguments are decided upon; edited ones must fit its schema.
            expires_in: seconds each level has; None: the setting.
            levels: the roles that may decide, in the order in which they are asked.
            on_expiry: what becomes of it when nobody decides; None: the next level is asked where there is one.
        """
        options, inputs = _split(given, frozenset())
        step = ApprovalStep(
            id=self._id(options, "approval"),
            action=action,
            why=why,
            risk=risk,
            guards=guards.name if isinstance(guards, Tool) else guards,
            expires_in=expires_in,
            levels=tuple(levels),
            on_expiry=on_expiry,
            inputs=inputs,
            **options,
        )
        return self._add(step)

    def map(
        self,
        over: Value,
        body: Callable[[Handle, Steps], Handle],
        *,
        width: int = 8,
        limit: int = 1_000,
        spread: bool = False,
        **given: Value,
    ) -> Handle:
        """Perform a body for each item of a list; `body(item, steps)` returns the handle of the item's output."""
        options, inputs = _split(given, frozenset())
        name = self._id(options, "map")
        inner = Steps(self.agents, self._taken)
        output = body(Handle("item"), inner)
        step = MapStep(
            id=name,
            over=_json(over),
            body=tuple(inner.steps),
            output=_output_of(output, inner, name),
            width=width,
            limit=limit,
            spread=spread,
            inputs=inputs,
            **options,
        )
        return self._add(step)

    def repeat(
        self,
        body: Callable[[Handle, Steps], Handle],
        *,
        rounds: int,
        until: Callable[[Handle], Test] | None = None,
        best: str | None = None,
        **given: Value,
    ) -> Handle:
        """Perform a body up to `rounds` times; `body(last, steps)` returns the handle of the round's output.

        Args:
            until: given the round's output, the condition that ends it.
            best: JSON Pointer to the number by which the best round is kept; None: the last round.
        """
        options, inputs = _split(given, frozenset())
        name = self._id(options, "repeat")
        inner = Steps(self.agents, self._taken)
        output = body(Handle("last"), inner)
        step = RepeatStep(
            id=name,
            body=tuple(inner.steps),
            output=_output_of(output, inner, name),
            rounds=rounds,
            until=until(Handle("last")).condition if until else None,
            keep=Best(best=Handle("last", best).as_ref()) if best is not None else "last",
            inputs=inputs,
            **options,
        )
        return self._add(step)

    def draft(self, output: Handle | None = None, *, why: str = "", planner: str = "") -> Plan:
        """The steps as a draft plan; its output is the last step unless another is named.

        Raises:
            BadInput: there are no steps.
        """
        output = output or self.last
        if output is None:
            raise BadInput("the strategy wrote no steps; call s.tool, s.search, s.answer ...")
        return Plan(steps=tuple(self.steps), output=output.ref, why=why, planner=planner)

    def _id(self, options: dict[str, Any], name: str) -> str:
        wanted = options.pop("id", None)
        if wanted is not None:
            self._taken.add(wanted)
            return str(wanted)
        base = _WORD.sub("_", name.lower()).strip("_") or "step"
        number, found = 1, base
        while found in self._taken:
            number += 1
            found = f"{base}_{number}"
        self._taken.add(found)
        return found

    def _add(self, step: Step) -> Handle:
        self.steps.append(step)
        self.last = Handle(step.id)
        return self.last


_OPTIONS = frozenset({"id", "title", "after", "when", "join", "on_error", "retry", "timeout", "exclusive"})


def _split(given: Mapping[str, Value], takes: frozenset[str]) -> tuple[dict[str, Any], dict[str, JsonValue]]:
    """Tell a step's options from its inputs; an option's name that the tool takes itself must be said in `inputs`."""
    rest = dict(given)
    inputs = _inputs(rest.pop("inputs", {}) if "inputs" not in takes else {})
    options: dict[str, Any] = {}
    for name, value in rest.items():
        if name in _OPTIONS and name not in takes:
            options[name] = _option(name, value)
        else:
            inputs[name] = _json(value)
    return options, inputs


def _option(name: str, value: Value) -> Any:
    if name == "when":
        return value.condition if isinstance(value, Test) else value
    if name == "after":
        many = value if isinstance(value, list | tuple) else [value]
        return tuple(one.ref if isinstance(one, Handle) else str(one) for one in many)
    return value


def _inputs(values: Mapping[str, Value]) -> dict[str, JsonValue]:
    return {name: _json(value) for name, value in values.items()}


def _json(value: Value) -> JsonValue:
    if isinstance(value, Handle):
        return value.as_json()
    if isinstance(value, Test):
        raise BadInput("a condition is no value: use it as `when=`")
    if isinstance(value, BaseModel):
        return _json(value.model_dump(mode="json"))
    if isinstance(value, Mapping):
        return {str(key): _json(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json(part) for part in value]
    return _JSON.validate_python(value)


def _output_of(output: Handle, inner: Steps, name: str) -> str:
    if not isinstance(output, Handle) or output.path or output.ref not in {step.id for step in inner.steps}:
        raise BadInput(f"`{name}`: its body must return the handle of one of its own steps")
    return output.ref


def fallback(handle: Handle) -> OnError:
    """`on_error=fallback(other)`: perform that step instead when this one fails."""
    return Fallback(fallback=handle.ref)


def quorum(number: int) -> Join:
    """`join=quorum(2)`: go on when two of the inputs came."""
    return Quorum(quorum=number)


__all__ = ["Handle", "Retry", "Steps", "Test", "fallback", "quorum"]
