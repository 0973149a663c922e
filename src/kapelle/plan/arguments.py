"""Hold a call's arguments against the schema of what is called, references by the type of what they point at (pure)."""

from collections.abc import Iterator, Mapping

import jsonschema_rs
from pydantic import JsonValue

from kapelle.plan.problem import Problem
from kapelle.plan.reference import RESERVED, is_literal, is_ref, refs_in
from kapelle.plan.schemas import ANYTHING, Schema, at, fits, types_of
from kapelle.tools.model import Tool


def argument_problems(
    tool: Tool, inputs: Mapping[str, JsonValue], visible: Mapping[str, Schema], path: str, field: str
) -> Iterator[Problem]:
    """What is wrong with the arguments of a call: missing, unknown, or of another type."""
    schema = tool.input_schema
    properties = schema.get("properties", {})
    assert isinstance(properties, dict)
    required = schema.get("required", [])
    assert isinstance(required, list)
    for name in required:
        if name not in inputs:
            yield _problem(path, f"{field}.{name}", f"`{tool.name}` needs it")
    for name, value in inputs.items():
        if name not in properties:
            known = ", ".join(f"`{one}`" for one in properties) or "none"
            yield _problem(path, f"{field}.{name}", f"`{tool.name}` takes no such argument; it takes {known}")
            continue
        wanted: Schema = {**_object(properties[name]), **({"$defs": schema["$defs"]} if "$defs" in schema else {})}
        message = _mismatch(value, wanted, visible)
        if message:
            yield _problem(path, f"{field}.{name}", message)


def _object(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _mismatch(value: JsonValue, wanted: Schema, visible: Mapping[str, Schema]) -> str | None:
    if is_ref(value):
        assert isinstance(value, dict)
        return _ref_mismatch(value, wanted, visible)
    if is_literal(value):
        assert isinstance(value, dict)
        return _literal_mismatch(value["$json"], wanted)
    if any(True for _ in refs_in(value)):
        kinds = types_of(wanted)
        shape = "array" if isinstance(value, list) else "object"
        return f"expected {_words(kinds)}, got {shape}" if kinds and shape not in kinds else None
    return _literal_mismatch(value, wanted)


def _ref_mismatch(value: Mapping[str, JsonValue], wanted: Schema, visible: Mapping[str, Schema]) -> str | None:
    name, pointer = value.get("$ref"), value.get("path", "")
    if not isinstance(name, str) or name in RESERVED or name not in visible or not isinstance(pointer, str):
        return None
    given = at(visible[name], pointer)
    if given is None or fits(given or ANYTHING, wanted):
        return None
    return f"expected {_words(types_of(wanted))}, and `{name}{pointer}` gives {_words(types_of(given))}"


def _literal_mismatch(value: JsonValue, wanted: Schema) -> str | None:
    error = next(iter(jsonschema_rs.validator_for(dict(wanted)).iter_errors(value)), None)
    if error is None:
        return None
    # The value itself may be a secret: the message tells what was expected, not what was given.
    kinds = types_of(wanted)
    if "enum" in wanted:
        return f"expected one of {wanted['enum']}"
    place = "/".join(str(part) for part in error.instance_path)
    return f"does not fit its schema{f' at `{place}`' if place else ''}: expected {_words(kinds) or 'another value'}"


def _words(kinds: frozenset[str]) -> str:
    return " or ".join(sorted(kinds))


def _problem(path: str, field: str, message: str) -> Problem:
    return Problem(code="bad_arguments", step=path, field=field, message=message)
