"""What a JSON Schema says of a place: does it exist, and does its type fit another (pure)."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from pydantic import JsonValue

from kapelle.plan.reference import is_position, pointer

Schema: TypeAlias = Mapping[str, Any]
"""A JSON Schema, as pydantic writes it. Any: its keywords hold values of every type."""
ANYTHING: Schema = {}


def at(schema: Schema, path: str) -> Schema | None:
    """The schema of a place inside a value; `ANYTHING` where it is not known, None where there can be no such place."""
    here = _resolved(schema, schema)
    for segment in pointer(path):
        here_next = _step_into(here, segment, schema)
        if here_next is None:
            return None
        here = here_next
    return {**here, "$defs": schema["$defs"]} if "$defs" in schema and here else here


def _step_into(here: Schema, segment: str, root: Schema) -> Schema | None:
    if not here:
        return ANYTHING
    options = list(_options(here, root))
    if len(options) != 1 or options[0] is not here:
        found = [one for one in (_step_into(option, segment, root) for option in options) if one is not None]
        # Several alternatives: what lies behind them is known only when they agree.
        return found[0] if len(found) == 1 else (ANYTHING if found else None)
    kinds = types_of(here, root)
    if segment in here.get("properties", {}):
        return _resolved(here["properties"][segment], root)
    if "array" in kinds and is_position(segment):
        return _resolved(here.get("items", ANYTHING), root)
    if "object" in kinds and here.get("additionalProperties") is not False:
        extra = here.get("additionalProperties", True)
        return _resolved(extra, root) if isinstance(extra, Mapping) else ANYTHING
    return ANYTHING if not kinds else None


def _resolved(schema: Schema, root: Schema) -> Schema:
    ref = schema.get("$ref")
    if isinstance(ref, str) and ref.startswith("#/$defs/"):
        return _resolved(root.get("$defs", {}).get(ref.removeprefix("#/$defs/"), ANYTHING), root)
    return schema


def _options(schema: Schema, root: Schema) -> Iterator[Schema]:
    alternatives = schema.get("anyOf") or schema.get("oneOf")
    if not alternatives:
        yield schema
        return
    for option in alternatives:
        yield from _options(_resolved(option, root), root)


def types_of(schema: Schema, root: Schema | None = None) -> frozenset[str]:
    """The JSON types a schema allows; empty: not known."""
    root = schema if root is None else root
    found: set[str] = set()
    for option in _options(_resolved(schema, root), root):
        kind = option.get("type")
        if isinstance(kind, str):
            found.add(kind)
        elif isinstance(kind, list):
            found.update(kind)
        elif "enum" in option or "const" in option:
            values = option.get("enum", [option.get("const")])
            found.update(json_type(value) for value in values)
        else:
            return frozenset()
    if "number" in found:
        found.add("integer")
    return frozenset(found)


def fits(given: Schema, wanted: Schema) -> bool:
    """Whether a value of one schema may be one of another, judged by their JSON types; unknown fits everything."""
    left, right = types_of(given), types_of(wanted)
    if not left or not right:
        return True
    return bool(left & right) or ("integer" in left and "number" in right)


def json_type(value: JsonValue) -> str:
    """The JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]
