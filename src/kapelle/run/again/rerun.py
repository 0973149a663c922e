"""What a rerun or a fork would do: which finished steps are done again, which are kept, which effects repeat (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue, ValidationError

from kapelle import clock
from kapelle.errors import BadInput, PlanError, UnknownVersion
from kapelle.ids import new_id
from kapelle.plan.catalog import Catalog
from kapelle.plan.complete import plan_id
from kapelle.plan.edit import edit_inputs, guard_of
from kapelle.plan.estimate import estimate
from kapelle.plan.model import Plan, RepeatStep, Step, ToolStep
from kapelle.plan.validate import validate
from kapelle.run.again.cone import UNDO, Cone, Frame, cone_of, locate, writes
from kapelle.run.kept.retention import refuse_purged
from kapelle.run.model import RunRecord, StepResult
from kapelle.run.stuck import stuck_reason


@dataclass(frozen=True, slots=True)
class Effect:
    """Something outside that was changed before and would be changed again."""

    path: str
    tool: str
    status: str
    """What came of it before: a step's status, or `begun` when its process died within it."""

    def __str__(self) -> str:
        return f"`{self.tool}` at `{self.path}` ({self.status} before)"


@dataclass(frozen=True, slots=True)
class Edit:
    """New values for the inputs of one step of a plan."""

    ids: tuple[str, ...]
    """The step's id, behind those of the containers around it."""
    values: Mapping[str, JsonValue]
    """By JSON Pointer into the step."""
    plan: Plan
    """The plan with them."""

    def into(self, stored: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """The same edit in the plan as it is stored: fields that this version does not know stay."""
        made, _ = edit_inputs(stored, self.ids, self.values)
        known = self.plan.model_dump(mode="json", by_alias=True, include={"id", "registry", "estimate"})
        return {**made, **known}


@dataclass(frozen=True, slots=True)
class Rerun:
    """What is done again from a step on, and what is kept."""

    record: RunRecord
    """The run as it was looked at; when it has moved on since, nothing is done."""
    start: str
    cone: Cone
    again: tuple[str, ...]
    """Paths that have a result which counts no more, in the order in which they were recorded."""
    kept: tuple[StepResult, ...]
    """Finished steps whose result stays."""
    effects: tuple[Effect, ...] = ()
    edit: Edit | None = None
    by: str = ""
    told: Mapping[str, JsonValue] = field(default_factory=dict)

    def stuck(self, catalog: Catalog) -> str | None:
        """Why the run could not go on afterwards, or None when it could."""
        begun = self.record.model_copy(update={"plan": self.plan, "status": "queued"})
        return stuck_reason(begun, {one.path: one for one in self.kept}, catalog)

    @property
    def plan(self) -> Plan:
        """What is walked afterwards."""
        plan = self.edit.plan if self.edit is not None else self.record.plan
        assert plan is not None
        return plan


def look_ahead(
    record: RunRecord,
    results: Sequence[StepResult],
    start: str,
    catalog: Catalog,
    *,
    edits: Mapping[str, JsonValue] | None = None,
    entered: Iterable[str] = (),
    changes: Iterable[tuple[str, str]] = (),
    by: str = "",
) -> Rerun:
    """Say what is done again when a run is done again from a step on.

    Args:
        results: what came of its steps, in the order in which they were recorded.
        edits: new values for the step's inputs, by JSON Pointer; of a step within a map or repeat they hold for every
            item or round, so each is done again.
        entered: paths of steps that were begun, ended or not.
        changes: path and tool of the writes that steps made in a loop of their own.

    Raises:
        BadInput: the plan has no such step.
        PlanError: the edited plan would not be valid; `problems` says everything.
        Purged: the retention took what would be kept.
    """
    plan = record.plan
    if record.unreadable:
        raise UnknownVersion(f"run `{record.id}`: {record.unreadable}")
    if plan is None:
        raise BadInput(f"run `{record.id}` has no plan yet; resume it")
    refuse_purged(record, "be done again or forked", ("text", "events"))
    frames = locate(plan, start)
    _refuse_unbegun(start, frames, results)
    edit = _edit(record, plan, frames, edits, catalog) if edits else None
    taken_back = {one.path.removesuffix(UNDO) for one in results if one.path.endswith(UNDO)}
    starts = [*_starts(plan, frames, results, edited=edit is not None), *sorted(taken_back)]
    cone = cone_of(plan, starts, catalog)
    again = tuple(one.path for one in results if one.path in cone)
    return Rerun(
        record=record,
        start=start,
        cone=cone,
        again=again,
        kept=tuple(one for one in results if one.final and one.path not in cone),
        effects=(*_effects(plan, cone, results, entered, catalog), *_inside(cone, changes, results)),
        edit=edit,
        by=by,
        told={"from": start, "again": list(again), "by": by, **({"set": dict(edits)} if edits else {})},
    )


def _refuse_unbegun(start: str, frames: Sequence[Frame], results: Sequence[StepResult]) -> None:
    """An item or round is known by what was done in it: one that was never begun cannot be told from a typing error."""
    for frame in frames[:-1]:
        inside = f"{frame.path}/{frame.number}/"
        if not any(one.path.startswith(inside) for one in results):
            what = "round" if isinstance(frame.step, RepeatStep) else "item"
            raise BadInput(f"`{start}`: {what} {frame.number} of `{frame.path}` was never begun")


def _starts(plan: Plan, frames: Sequence[Frame], results: Sequence[StepResult], *, edited: bool) -> list[str]:
    start = frames[-1].path
    if not edited:
        return [start]
    ids = [frame.step.id for frame in frames]
    within = [one.path for one in results if not one.path.endswith(UNDO) and _ids(plan, one.path) == ids]
    found = sorted({start, *within})
    guard = guard_of(plan.model_dump(mode="json", by_alias=True), ids)
    if guard is None:
        return found
    return [*found, *(path[: len(path) - len(path.rsplit("/", 1)[-1])] + guard for path in found)]


def _ids(plan: Plan, path: str) -> list[str]:
    return [frame.step.id for frame in locate(plan, path)]


def _edit(
    record: RunRecord, plan: Plan, frames: Sequence[Frame], edits: Mapping[str, JsonValue], catalog: Catalog
) -> Edit:
    run = record.id
    ids = tuple(frame.step.id for frame in frames)
    data, problems = edit_inputs(plan.model_dump(mode="json", by_alias=True), ids, edits)
    if not problems:
        try:
            made = Plan.model_validate(data)
        except ValidationError as error:
            found = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in found["loc"])
            raise PlanError(f"run `{run}` was left as it is: `{place}`: {found['msg']}") from None
        before = validate(plan, catalog)
        problems = [one for one in validate(made, catalog) if one not in before]
    if problems:
        listed = "; ".join(str(one) for one in problems)
        raise PlanError(f"run `{run}` was left as it is, the plan would not be valid: {listed}", problems)
    made = made.model_copy(update={"registry": catalog.hash, "id": plan_id(made)})
    # What was valid before may name tools that are gone now: a plan of which no estimate can be made keeps its own.
    cost = plan.estimate if before else estimate(made, catalog, record.task.model)
    return Edit(ids, dict(edits), made.model_copy(update={"estimate": cost}))


def _effects(
    plan: Plan, cone: Cone, results: Sequence[StepResult], entered: Iterable[str], catalog: Catalog
) -> Iterable[Effect]:
    known = {one.path: one for one in results}
    for path in dict.fromkeys([*known, *entered]):
        if path.endswith(UNDO) or path not in cone:
            continue
        step = _step_at(plan, path)
        if not isinstance(step, ToolStep) or not writes(step, catalog):
            continue
        result = known.get(path)
        if result is None or result.attempts or result.status == "succeeded":
            yield Effect(path, step.tool, result.status if result is not None else "begun")


def _inside(cone: Cone, changes: Iterable[tuple[str, str]], results: Sequence[StepResult]) -> Iterable[Effect]:
    known = {one.path: one.status for one in results}
    return (Effect(path, tool, known.get(path, "begun")) for path, tool in changes if path in cone)


def _step_at(plan: Plan, path: str) -> Step | None:
    try:
        return locate(plan, path)[-1].step
    except BadInput:
        return None


def fork_of(again: Rerun) -> RunRecord:
    """The record of a new run that begins with what another keeps."""
    of = again.record
    return RunRecord(
        id=new_id("run"),
        owner=of.owner,
        task=of.task,
        plan=again.plan,
        app=of.app,
        queue=of.queue,
        priority=of.priority,
        forked_from=of.id,
        created=clock.now(),
    )
