"""Read what is stored, whichever version wrote it: lifted to the present schema, unknown fields passed over.

A row is never written back from what was read here, so what a newer version put into it stays. An edit of a stored
plan is made in its JSON (`plan.edit`).
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from kapelle.errors import UnknownVersion
from kapelle.plan.model import SCHEMA_VERSION, STEP_KINDS, Plan
from kapelle.run.approvals.approval import ApprovalRequest
from kapelle.run.model import StepResult
from kapelle.task.model import Task

Kind: TypeAlias = Literal["plan", "task", "result", "recording", "approval"]
Data: TypeAlias = dict[str, JsonValue]
M = TypeVar("M", bound=BaseModel)

CURRENT: dict[Kind, int] = {"plan": SCHEMA_VERSION, "task": 1, "result": 1, "recording": 1, "approval": 1}
"""The version of the schema that this code reads and writes; where none is written, it is 1."""
LIFTS: dict[tuple[Kind, int], Callable[[Data], Data]] = {}
"""From a version to the next. A field never changes its meaning: a new meaning is a new field and a new version."""
_DATA: TypeAdapter[Data] = TypeAdapter(Data)


def lifted(kind: Kind, data: Mapping[str, JsonValue]) -> Data:
    """Stored data in the present schema.

    Raises:
        UnknownVersion: a newer version wrote it, or one from which there is no way any more.
    """
    found = dict(data)
    version = found.get("schema_version", 1)
    current = CURRENT[kind]
    if version == current and version is not True:
        return found
    if not isinstance(version, int) or isinstance(version, bool) or version > current:
        raise UnknownVersion(
            f"the {kind} has schema version {json.dumps(version)}, and this version of Kapelle reads up to {current}; "
            "upgrade Kapelle"
        )
    while version < current:
        lift = LIFTS.get((kind, version))
        if lift is None:
            raise UnknownVersion(f"the {kind} has schema version {version}, which this version reads no more")
        version += 1
        found = {**lift(found), "schema_version": version}
    return found


def read_plan(text: str) -> Plan:
    """A stored plan. A step of a kind that this version does not know stands in it as such.

    Raises:
        UnknownVersion: it cannot be read.
    """
    data = lifted("plan", _object("plan", text))
    if any(step.get("kind") not in STEP_KINDS for step in _every_step(data)):
        data = {**data, "steps": [_known(step) for step in _steps(data, "steps")]}
    return _model("plan", Plan, data)


def read_task(text: str) -> Task:
    """A stored task.

    Raises:
        UnknownVersion: it cannot be read.
    """
    return _model("task", Task, lifted("task", _object("task", text)))


def read_result(data: Mapping[str, JsonValue]) -> StepResult:
    """A stored result.

    Raises:
        UnknownVersion: it cannot be read.
    """
    return _model("result", StepResult, lifted("result", data))


def read_request(text: str) -> ApprovalRequest:
    """A stored question.

    Raises:
        UnknownVersion: it cannot be read.
    """
    return _model("approval", ApprovalRequest, lifted("approval", _object("approval", text)))


def stored_request(request: ApprovalRequest) -> str:
    """A question as it is stored."""
    return json.dumps({**request.model_dump(mode="json"), "schema_version": CURRENT["approval"]}, ensure_ascii=False)


def _object(kind: Kind, text: str) -> Data:
    try:
        return _DATA.validate_json(text)
    except ValidationError:
        raise UnknownVersion(f"the {kind} is no JSON object") from None


def _model(kind: Kind, model: type[M], data: Data) -> M:
    try:
        return model.model_validate(data, extra="ignore")
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in found["loc"])
        raise UnknownVersion(
            f"the {kind} cannot be read by this version of Kapelle: `{place}`: {found['msg']}"
        ) from None


def _steps(holder: Data, name: str) -> list[Data]:
    found = holder.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _every_step(plan: Data) -> list[Data]:
    found, todo = [], _steps(plan, "steps")
    while todo:
        step = todo.pop()
        found.append(step)
        todo += _steps(step, "body")
    return found


_COMMON = ("id", "title", "after", "when", "join", "on_error")


def _known(step: Data) -> Any:  # Any: a list holds JSON of any shape
    """A step as this version can read it: one of an unknown kind keeps its place, its needs and its name."""
    if step.get("kind") in STEP_KINDS:
        return {**step, "body": [_known(one) for one in _steps(step, "body")]} if "body" in step else step
    rest = {name: value for name, value in step.items() if name not in (*_COMMON, "kind")}
    # Its own fields may hold references: under `inputs` they are still what it waits for.
    return {
        **{name: step[name] for name in _COMMON if name in step},
        "kind": "unknown",
        "of": step.get("kind"),
        "inputs": rest,
    }
