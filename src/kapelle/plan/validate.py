"""Find everything that is wrong with a plan (pure); changes nothing."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydantic import ValidationError

from kapelle.plan.arguments import argument_problems
from kapelle.plan.catalog import Catalog
from kapelle.plan.graph import graph_of
from kapelle.plan.model import (
    AgentStep,
    AnswerStep,
    ApprovalStep,
    Best,
    Container,
    Fallback,
    MapStep,
    Plan,
    Quorum,
    RepeatStep,
    SearchStep,
    Step,
    ToolStep,
    UnknownStep,
    VerdictStep,
    children,
)
from kapelle.plan.order import cycle_of, tangled_fallbacks
from kapelle.plan.outputs import outputs_of
from kapelle.plan.problem import Code, Problem
from kapelle.plan.reference import RESERVED, Condition, Ref, pointer, refs_in, refs_of
from kapelle.plan.schemas import ANYTHING, Schema, at, types_of
from kapelle.plan.secrets import secret_problems

MAP_ONLY = frozenset({"item", "index"})
REPEAT_ONLY = frozenset({"last", "round"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step stands: what it may refer to, and what surrounds it."""

    prefix: str
    visible: dict[str, Schema]
    """The ids that may be referred to, with the schema of their output."""
    names: frozenset[str]
    """The reserved ids that mean something here."""
    inside: frozenset[str] = frozenset()
    """The containers around: what is inside cannot wait for them."""
    spread: bool = False

    def path(self, step: Step) -> str:
        """The step's place in the plan."""
        return f"{self.prefix}{step.id}"


def validate(plan: Plan, catalog: Catalog) -> list[Problem]:
    """Every problem of a plan, in the order of its steps; none: it may be walked."""
    place = Place("", {}, frozenset({"task"}))
    problems = list(_body(plan.steps, plan.output, "", place, catalog))
    ids = [step.id for step in _all_steps(plan.steps)]
    for name, count in Counter(ids).items():
        if count > 1:
            problems.append(_problem("duplicate_id", name, "id", f"{count} steps have this id; each needs its own"))
    return [*problems, *secret_problems(plan)]


def _all_steps(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from _all_steps(children(step))


def _problem(code: Code, step: str, field: str, message: str) -> Problem:
    return Problem(code=code, step=step, field=field, message=message)


def _body(steps: tuple[Step, ...], output: str, owner: str, place: Place, catalog: Catalog) -> Iterator[Problem]:
    known = {step.id for step in steps}
    if output not in known:
        yield _problem("bad_output", owner, "output", f"`{output}` is no step of it; name one of {_list(known)}")
    graph = graph_of(steps)
    cycle = cycle_of({name: set(needs.all) for name, needs in graph.needs.items()})
    if cycle:
        yield _problem(
            "cycle", place.prefix + cycle[0], "inputs", f"waits for itself: {' -> '.join([*cycle, cycle[0]])}"
        )
    for name in [] if cycle else tangled_fallbacks(graph):
        yield _problem("bad_fallback", place.prefix + name, "on_error", "waits for its fallback, which waits for it")
    entries = [step for step in steps if not graph.needs[step.id].all and step.id not in graph.stands_in_for]
    if not entries:
        yield _problem("no_entry", owner, "steps", "every step waits for another, so none can start")
    outputs = {} if cycle else outputs_of(steps, place.visible, catalog)
    inner = Place(
        place.prefix,
        {**place.visible, **{step.id: outputs.get(step.id, ANYTHING) for step in steps}},
        place.names,
        place.inside,
        place.spread,
    )
    for step in steps:
        yield from _step(step, known, inner, catalog)


def _step(step: Step, siblings: set[str], place: Place, catalog: Catalog) -> Iterator[Problem]:
    path = place.path(step)
    if step.id in RESERVED:
        yield _problem("reserved_id", path, "id", f"`{step.id}` has a meaning of its own; choose another id")
    yield from _references(step, place, path)
    yield from _order(step, siblings, path)
    yield from _policy(step, siblings, place, path)
    yield from _kind(step, place, path, catalog)


def _references(step: Step, around: Place, path: str) -> Iterator[Problem]:
    if isinstance(step, ToolStep) and step.undo is not None:
        # An undo may read what the step put out: that is how it knows what to take back.
        yield from _value_refs(dict(step.undo.inputs), "undo.inputs", around, path)
    place = replace(around, inside=around.inside | {step.id})
    yield from _value_refs(dict(step.inputs), "inputs", place, path)
    if isinstance(step, MapStep):
        yield from _value_refs({"over": step.over}, "over", place, path)
    if step.when is not None:
        yield from _condition(step.when, "when", place, path)


def _value_refs(value: dict[str, object], field: str, place: Place, path: str) -> Iterator[Problem]:
    for found in refs_in(value):  # type: ignore[arg-type]  # a JSON object
        try:
            ref = Ref.model_validate(found)
        except ValidationError:
            message = 'a reference is `{"$ref": "step", "path": "/place"}`; put other data under `{"$json": ...}`'
            yield _problem("bad_reference", path, field, message)
            continue
        yield from _reference(ref, field, place, path, "bad_reference")


def _reference(ref: Ref, field: str, place: Place, path: str, code: Code) -> Iterator[Problem]:
    if ref.ref in RESERVED:
        if ref.ref not in place.names:
            where = "a map's body" if ref.ref in MAP_ONLY else "a repeat's body"
            yield _problem(code, path, field, f"`{ref.ref}` has a value only in {where}")
        return
    if ref.ref in place.inside:
        yield _problem("cycle", path, field, f"reads `{ref.ref}`, which is not done before this is")
        return
    if ref.ref not in place.visible:
        near = _list(set(place.visible))
        yield _problem("unknown_step", path, field, f"refers to `{ref.ref}`, which is no step here; known: {near}")
    elif at(place.visible[ref.ref], ref.path) is None:
        last = pointer(ref.path)[-1]
        yield _problem(code, path, field, f"`{ref.ref}` puts out nothing at `{ref.path}` (no `{last}`)")


def _condition(condition: Condition, field: str, place: Place, path: str) -> Iterator[Problem]:
    for ref in refs_of(condition):
        yield from _reference(ref, field, place, path, "bad_condition")


def _order(step: Step, siblings: set[str], path: str) -> Iterator[Problem]:
    for name in step.after:
        if name == step.id:
            yield _problem("cycle", path, "after", "waits for itself")
        elif name not in siblings:
            message = f"waits for `{name}`, which is no step beside it; known: {_list(siblings)}"
            yield _problem("unknown_step", path, "after", message)


def _policy(step: Step, siblings: set[str], place: Place, path: str) -> Iterator[Problem]:
    if isinstance(step.on_error, Fallback):
        other = step.on_error.fallback
        if other not in siblings or other == step.id:
            message = f"`{other}` is no other step beside it; known: {_list(siblings - {step.id})}"
            yield _problem("bad_fallback", path, "on_error", message)
    if isinstance(step.join, Quorum) and not isinstance(step, MapStep):
        inputs = {ref.get("$ref") for ref in refs_in(dict(step.inputs))} - RESERVED
        if step.join.quorum > max(len(inputs), 0):
            message = f"wants {step.join.quorum} inputs and refers to {len(inputs)} steps"
            yield _problem("bad_join", path, "join", message)
    if place.spread and step.exclusive:
        yield _problem("exclusive_in_spread", path, "exclusive", "items of a spread map run in several processes")
    if isinstance(step, MapStep | RepeatStep) and (step.timeout is not None or step.retry is not None):
        yield _problem("bad_limit", path, "timeout", "set timeout and retry on the steps of the body")


def _kind(step: Step, place: Place, path: str, catalog: Catalog) -> Iterator[Problem]:
    match step:
        case ToolStep():
            yield from _tool(step, place, path, catalog)
        case AgentStep():
            spec = catalog.agents.get(step.agent)
            if spec is None:
                yield _problem("unknown_agent", path, "agent", _unknown("agent", step.agent, set(catalog.agents)))
            else:
                yield from argument_problems(spec, step.inputs, place.visible, path, "inputs")
        case SearchStep():
            for name in step.corpora:
                if name not in catalog.corpora:
                    yield _problem("unknown_corpus", path, "corpora", _unknown("corpus", name, set(catalog.corpora)))
            if "query" not in step.inputs:
                yield _problem("bad_arguments", path, "inputs.query", "a search needs a `query`")
        case VerdictStep():
            if "candidate" not in step.inputs:
                yield _problem("bad_arguments", path, "inputs.candidate", "a verdict needs a `candidate`")
        case ApprovalStep():
            if step.guards is not None and step.guards not in catalog.tools:
                yield _problem("unknown_tool", path, "guards", _unknown("tool", step.guards, set(catalog.tools)))
        case MapStep() | RepeatStep():
            yield from _container(step, place, path, catalog)
        case UnknownStep():
            yield _problem("unknown_kind", path, "kind", f"there is no kind of step `{step.of}` in this version")
        case AnswerStep():
            pass


def _tool(step: ToolStep, place: Place, path: str, catalog: Catalog) -> Iterator[Problem]:
    for name, inputs, field in (
        (step.tool, step.inputs, "inputs"),
        *([(step.undo.tool, step.undo.inputs, "undo.inputs")] if step.undo else []),
    ):
        tool = catalog.tools.get(name)
        if tool is None:
            yield _problem(
                "unknown_tool", path, field.replace("inputs", "tool"), _unknown("tool", name, set(catalog.tools))
            )
        else:
            yield from argument_problems(tool, inputs, place.visible, path, field)


def _container(step: Container, place: Place, path: str, catalog: Catalog) -> Iterator[Problem]:
    if isinstance(step, MapStep):
        names = place.names | MAP_ONLY
        yield from _over(step, place, path)
    else:
        names = place.names | REPEAT_ONLY
        inner = replace(place, names=names, inside=place.inside | {step.id})
        if step.until is not None:
            yield from _condition(step.until, "until", inner, path)
        if isinstance(step.keep, Best):
            yield from _reference(step.keep.best, "keep", inner, path, "bad_reference")
    spread = place.spread or (isinstance(step, MapStep) and step.spread)
    body = Place(f"{path}/", place.visible, names, place.inside | {step.id}, spread)
    yield from _body(step.body, step.output, path, body, catalog)


def _over(step: MapStep, place: Place, path: str) -> Iterator[Problem]:
    if isinstance(step.over, list):
        if len(step.over) > step.limit:
            yield _problem("unbounded", path, "over", f"{len(step.over)} items, and `limit` is {step.limit}")
        return
    found = next(iter(refs_in(step.over)), None)
    if found is None or not isinstance(step.over, dict) or "$ref" not in step.over:
        yield _problem("bad_arguments", path, "over", "must be a list or a reference to one")
        return
    schema = place.visible.get(str(found.get("$ref")), ANYTHING)
    kinds = types_of(at(schema, str(found.get("path", ""))) or ANYTHING)
    if kinds and "array" not in kinds:
        yield _problem(
            "bad_arguments", path, "over", f"must be a list, and `{found['$ref']}` gives {_list(set(kinds))}"
        )


def _unknown(what: str, name: str, known: set[str]) -> str:
    return f"there is no {what} `{name}`; known: {_list(known)}"


def _list(names: set[str]) -> str:
    shown = sorted(names)[:12]
    rest = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return (", ".join(f"`{name}`" for name in shown) or "none") + rest
