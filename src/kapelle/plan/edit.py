"""Edit the inputs of one step of a stored plan (pure), so that what a person approved stays what is done."""

import copy
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from kapelle.plan.complete import decided_upon, is_decided_upon
from kapelle.plan.problem import Problem
from kapelle.plan.reference import is_position, pointer

Data = dict[str, JsonValue]


def edit_inputs(plan: Data, ids: Sequence[str], edits: Mapping[str, JsonValue]) -> tuple[Data, list[Problem]]:
    """A copy of a plan's JSON with values of one step set.

    The arguments of a step that is guarded by an approval stand in the approval: they are edited there, so that
    somebody is asked about exactly what will be done.

    Args:
        ids: the step's id, the ids of the containers around it before it.
        edits: by JSON Pointer (RFC 6901) into the step: below `/inputs`, or `/over` of a map.

    Returns:
        The plan, and what is wrong with the edits.
    """
    made = copy.deepcopy(plan)
    body = _list(made["steps"])
    for id in ids[:-1]:
        body = _list(_find(body, id)["body"])
    step = _find(body, ids[-1])
    place = "/".join(ids)
    guard = _guard_of(step, body)
    known: Data = {"inputs": _arguments(guard) if guard is not None else step.get("inputs", {})}
    if step.get("kind") == "map":
        known["over"] = step.get("over")
    problems = [found for path, value in edits.items() if (found := _set(known, path, value, place)) is not None]
    if guard is None:
        step.update(known)
    else:
        inputs = known["inputs"]
        _object(guard["inputs"])["arguments"] = inputs
        step["inputs"] = decided_upon(str(guard["id"]), _object(inputs))
    return made, problems


def guard_of(plan: Data, ids: Sequence[str]) -> str | None:
    """The id of the approval, beside a step, in which its arguments stand."""
    body = _list(plan["steps"])
    for id in ids[:-1]:
        body = _list(_find(body, id)["body"])
    guard = _guard_of(_find(body, ids[-1]), body)
    return None if guard is None else str(guard["id"])


def _guard_of(step: Data, body: Sequence[JsonValue]) -> Data | None:
    if "tool" not in step:
        return None
    after, inputs = _list(step.get("after", [])), _object(step.get("inputs", {}))
    for one in body:
        beside = _object(one)
        asks = beside.get("kind") == "approval" and beside.get("guards") == step["tool"] and beside["id"] in after
        if asks and isinstance(_arguments(beside), dict) and is_decided_upon(str(beside["id"]), inputs):
            return beside
    return None


def _arguments(approval: Data) -> JsonValue:
    return _object(approval.get("inputs", {})).get("arguments")


def _set(known: Data, path: str, value: JsonValue, place: str) -> Problem | None:
    segments = pointer(path) if path.startswith("/") else []
    if not segments or segments[0] not in known:
        allowed = " or ".join(f"`/{name}`" for name in known)
        return _problem(place, path, f"only what stands below {allowed} can be set, as a JSON Pointer")
    target: JsonValue = known
    for segment in segments[:-1]:
        if isinstance(target, dict) and segment in target:
            target = target[segment]
        elif isinstance(target, list) and is_position(segment) and int(segment) < len(target):
            target = target[int(segment)]
        else:
            return _problem(place, path, f"there is nothing at `{segment}`")
    last = segments[-1]
    if isinstance(target, dict):
        target[last] = value
    elif isinstance(target, list) and is_position(last) and int(last) < len(target):
        target[int(last)] = value
    elif isinstance(target, list) and last in ("-", str(len(target))):
        target.append(value)
    else:
        return _problem(place, path, f"`{last}` is no place in it")
    if segments == ["inputs"] and not isinstance(value, dict):
        return _problem(place, path, "inputs are an object")
    return None


def _problem(place: str, path: str, message: str) -> Problem:
    return Problem(code="bad_arguments", step=place, field=path, message=message)


def _find(body: Sequence[JsonValue], id: str) -> Data:
    return next(_object(one) for one in body if _object(one).get("id") == id)


def _object(value: JsonValue) -> Data:
    return value if isinstance(value, dict) else {}


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
