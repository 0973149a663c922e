"""References and conditions: the whole language in which steps speak of each other's outputs.

A reference is data: `{"$ref": "a", "path": "/hits/0"}`. `path` is a JSON Pointer (RFC 6901); empty is the whole output.
Five ids are reserved: `task`; in a map's body `item` and `index`; in a repeat's body `last` and `round`.
`{"$json": ...}` is a literal that is not looked into.
"""

import re
from collections.abc import Callable, Iterator
from typing import Annotated, Literal, TypeAlias, Union

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag

RESERVED = frozenset({"task", "item", "index", "last", "round"})
_POSITION = re.compile(r"0|[1-9][0-9]{0,17}")


class Ref(BaseModel):
    """A place in a step's output."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    ref: str = Field(alias="$ref", min_length=1)
    """A step's id, or a reserved one."""
    path: str = Field("", pattern=r"(?s)^(/.*)?$")
    """JSON Pointer into the output."""


class Comparison(BaseModel):
    """`value op to`. Values of different types are not equal and not ordered; then `lt` and the like are false."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Ref
    op: Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "exists", "truthy"]
    to: JsonValue = None


class All(BaseModel):
    """True when every part is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    all: tuple["Condition", ...] = Field(min_length=1)


class Any_(BaseModel):
    """True when a part is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    any: tuple["Condition", ...] = Field(min_length=1)


class Not(BaseModel):
    """True when no part is."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    not_: tuple["Condition", ...] = Field(alias="not", min_length=1)


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return next((key for key in ("all", "any", "not") if key in value), "compare")
    if isinstance(value, All):
        return "all"
    if isinstance(value, Any_):
        return "any"
    return "not" if isinstance(value, Not) else "compare"


Condition: TypeAlias = Annotated[
    Union[
        Annotated[Comparison, Tag("compare")],
        Annotated[All, Tag("all")],
        Annotated[Any_, Tag("any")],
        Annotated[Not, Tag("not")],
    ],
    Discriminator(_kind),
]

for _model in (All, Any_, Not):
    _model.model_rebuild()


def is_ref(value: JsonValue) -> bool:
    """Whether a value of a plan is a reference."""
    return isinstance(value, dict) and "$ref" in value


def is_literal(value: JsonValue) -> bool:
    """Whether a value of a plan is a `$json` literal."""
    return isinstance(value, dict) and set(value) == {"$json"}


def refs_in(value: JsonValue) -> Iterator[dict[str, JsonValue]]:
    """Every reference inside a value, literals not looked into."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value
        elif not is_literal(value):
            for part in value.values():
                yield from refs_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from refs_in(part)


def refs_of(condition: Condition) -> Iterator[Ref]:
    """Every reference of a condition."""
    match condition:
        case Comparison(value=ref):
            yield ref
        case All(all=parts) | Any_(any=parts) | Not(not_=parts):
            for part in parts:
                yield from refs_of(part)


def pointer(path: str) -> list[str]:
    """The segments of a JSON Pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def is_position(segment: str) -> bool:
    """Whether a segment may name a place of a list: ASCII digits, no leading zero (RFC 6901)."""
    return _POSITION.fullmatch(segment) is not None


def follow(value: JsonValue, path: str) -> JsonValue:
    """The value at a JSON Pointer.

    Raises:
        KeyError: there is nothing at that place; the argument says at which segment.
    """
    for segment in pointer(path):
        if isinstance(value, dict) and segment in value:
            value = value[segment]
        elif isinstance(value, list) and is_position(segment) and int(segment) < len(value):
            value = value[int(segment)]
        else:
            raise KeyError(segment)
    return value


def holds(condition: Condition, read: Callable[[Ref], JsonValue]) -> bool:
    """Whether a condition is true, given how to read a reference; a place that is not there reads as null."""
    match condition:
        case All(all=parts):
            return all(holds(part, read) for part in parts)
        case Any_(any=parts):
            return any(holds(part, read) for part in parts)
        case Not(not_=parts):
            return not any(holds(part, read) for part in parts)
        case Comparison():
            return _compare(condition, read)


def _compare(condition: Comparison, read: Callable[[Ref], JsonValue]) -> bool:
    try:
        value = read(condition.value)
    except KeyError:
        if condition.op == "exists":
            return False
        value = None
    to = condition.to
    match condition.op:
        case "exists":
            return value is not None
        case "truthy":
            return bool(value)
        case "eq":
            return _equal(value, to)
        case "ne":
            return not _equal(value, to)
        case "in":
            return _contains(to, value)
        case "lt" | "le" | "gt" | "ge":
            return _ordered(value, condition.op, to)


def _equal(left: JsonValue, right: JsonValue) -> bool:
    # Python takes True for 1, at any depth.
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(_equal(*pair) for pair in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _contains(container: JsonValue, value: JsonValue) -> bool:
    if isinstance(container, list):
        return any(_equal(value, one) for one in container)
    if isinstance(container, str):
        return isinstance(value, str) and value in container
    return isinstance(container, dict) and isinstance(value, str) and value in container


def _ordered(left: JsonValue, op: str, right: JsonValue) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return False
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    if not numbers and not (isinstance(left, str) and isinstance(right, str)):
        return False
    sign = (left > right) - (left < right)  # type: ignore[operator]  # both are numbers, or both are text
    return {"lt": sign < 0, "le": sign <= 0, "gt": sign > 0, "ge": sign >= 0}[op]
