"""Make a plan of a draft: ids, approvals before writes, a verdict after an answer, the catalog's hash, the estimate."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping

from pydantic import JsonValue

from kapelle.ids import escape_segment
from kapelle.plan.catalog import Catalog
from kapelle.plan.estimate import estimate
from kapelle.plan.model import (
    AnswerStep,
    ApprovalStep,
    MapStep,
    Plan,
    RepeatStep,
    Step,
    ToolStep,
    VerdictStep,
    walk_steps,
)
from kapelle.plan.validate import validate
from kapelle.task.model import Approve, Task


def complete(draft: Plan, task: Task, catalog: Catalog) -> Plan:
    """Add what a draft leaves out. Completing twice changes nothing more; problems are left to `validate`."""
    taken = {step.id for step in walk_steps(draft.steps)}
    steps = _guarded(draft.steps, task.approve, catalog, taken)
    output = draft.output
    last = next((step for step in steps if step.id == output), None)
    if isinstance(last, AnswerStep):
        verdict = VerdictStep(id=free_id("verdict", taken), inputs={"candidate": {"$ref": output}})
        steps, output = (*steps, verdict), verdict.id
    plan = draft.model_copy(
        update={
            "steps": steps,
            "output": output,
            "task_id": task.id,
            "planner": draft.planner or "user",
            "registry": catalog.hash,
        }
    )
    if not validate(plan, catalog):
        plan = plan.model_copy(update={"estimate": estimate(plan, catalog, task.model)})
    return plan.model_copy(update={"id": draft.id or plan_id(plan)})


def plan_id(plan: Plan) -> str:
    """The content's hash as an id: equal steps, equal id."""
    content = plan.model_dump(mode="json", by_alias=True, include={"steps", "output"})
    return "plan_" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _guarded(steps: tuple[Step, ...], approve: Approve, catalog: Catalog, taken: set[str]) -> tuple[Step, ...]:
    return tuple(one for step in steps for one in _with_approval(step, steps, approve, catalog, taken))


def _with_approval(
    step: Step, beside: tuple[Step, ...], approve: Approve, catalog: Catalog, taken: set[str]
) -> Iterator[Step]:
    if isinstance(step, MapStep | RepeatStep):
        yield step.model_copy(update={"body": _guarded(step.body, approve, catalog, taken)})
        return
    if not isinstance(step, ToolStep) or not _asks(step, approve, catalog) or _is_guarded(step, beside):
        yield step
        return
    tool = catalog.tools[step.tool]
    approval = ApprovalStep(
        id=free_id(f"approve_{step.id}", taken),
        title=f"Approve {step.title or step.tool}",
        action=f"Call `{step.tool}`: {tool.description}" if tool.description else f"Call `{step.tool}`",
        why="it changes something outside" if _changes(step, catalog) else "every call is approved",
        risk=_taken_back(step),
        inputs={"arguments": dict(step.inputs)},
        after=step.after,
        when=step.when,
        join=step.join,
        guards=step.tool,
    )
    yield approval
    inputs = decided_upon(approval.id, step.inputs)
    yield step.model_copy(update={"inputs": inputs, "after": (approval.id,), "join": "all"})


def decided_upon(approval: str, names: Iterable[str]) -> dict[str, JsonValue]:
    """The inputs of a guarded step: the arguments that were decided upon are the ones that are used, edited or not."""
    return {name: {"$ref": approval, "path": f"/arguments/{escape_segment(name)}"} for name in names}


def is_decided_upon(approval: str, inputs: Mapping[str, JsonValue]) -> bool:
    """Whether a step uses exactly the arguments that an approval was given."""
    return dict(inputs) == decided_upon(approval, inputs)


def _asks(step: ToolStep, approve: Approve, catalog: Catalog) -> bool:
    if step.tool not in catalog.tools:
        return False
    return approve == "always" or (approve == "writes" and _changes(step, catalog))


def _changes(step: ToolStep, catalog: Catalog) -> bool:
    """Whether a step writes, or would when it is taken back: nobody is asked again then."""
    called = [step.tool, *([step.undo.tool] if step.undo else [])]
    return any(name in catalog.tools and catalog.tools[name].effect == "write" for name in called)


def _taken_back(step: ToolStep) -> str:
    if step.undo is None:
        return ""
    given = json.dumps(step.undo.inputs, ensure_ascii=False)
    return f"when the run is cancelled later, `{step.undo.tool}` is called with {given}"


def _is_guarded(step: ToolStep, beside: tuple[Step, ...]) -> bool:
    """Whether an approval is for this step: it uses exactly the arguments decided upon, and is the first that does.

    One yes is for one call.
    """
    return any(
        isinstance(one, ApprovalStep) and next((user for user in beside if _uses(user, one)), None) is step
        for one in beside
    )


def _uses(step: Step, approval: ApprovalStep) -> bool:
    return (
        isinstance(step, ToolStep)
        and approval.guards == step.tool
        and approval.id in step.after
        and is_decided_upon(approval.id, step.inputs)
    )


def free_id(name: str, taken: set[str]) -> str:
    """An id like `name` that no step has yet; it is taken from now on."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found)
    return found
