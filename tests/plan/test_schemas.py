"""What a schema says of a place and of a type."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, TypeAdapter

from kapelle.plan.schemas import ANYTHING, at, fits, json_type, types_of


class Inner(BaseModel):
    model_config = {"extra": "forbid"}
    number: int
    maybe: str | None = None


class Outer(BaseModel):
    model_config = {"extra": "forbid"}
    one: Inner
    many: list[Inner]
    by_name: dict[str, float]
    either: Inner | list[int]
    free: Any
    word: Literal["a", "b"]


SCHEMA = TypeAdapter(Outer).json_schema(mode="serialization")


@pytest.mark.parametrize(
    ("path", "types"),
    [
        ("", {"object"}),
        ("/one/number", {"integer"}),
        ("/one/maybe", {"string", "null"}),
        ("/many", {"array"}),
        ("/many/7/number", {"integer"}),
        ("/by_name/any", {"number", "integer"}),
        ("/either", {"object", "array"}),
        ("/either/number", {"integer"}),
        ("/either/0", {"integer"}),
        ("/free/what/ever", set()),
        ("/word", {"string"}),
    ],
)
def test_the_type_of_a_place_is_told(path: str, types: set[str]) -> None:
    found = at(SCHEMA, path)
    assert found is not None
    assert types_of(found) >= types if types else types_of(found) == frozenset()


@pytest.mark.parametrize("path", ["/two", "/one/number/deeper", "/many/first", "/many/01", "/word/0", "/either/x/y"])
def test_a_place_that_cannot_be_is_none(path: str) -> None:
    assert at(SCHEMA, path) is None


def test_nothing_is_known_of_what_has_no_schema() -> None:
    assert at(ANYTHING, "/a/0/b") == ANYTHING


@pytest.mark.parametrize(
    ("given", "wanted", "expected"),
    [
        ({"type": "integer"}, {"type": "number"}, True),
        ({"type": "string"}, {"type": "number"}, False),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string"}, True),
        ({"enum": ["a", 1]}, {"type": "integer"}, True),
        ({"const": "a"}, {"type": "integer"}, False),
        ({}, {"type": "integer"}, True),
        ({"type": ["string", "null"]}, {"type": "boolean"}, False),
    ],
)
def test_types_fit_when_they_may_meet(given: dict[str, Any], wanted: dict[str, Any], expected: bool) -> None:
    assert fits(given, wanted) is expected


@pytest.mark.parametrize(
    ("value", "name"),
    [(None, "null"), (True, "boolean"), (1, "integer"), (1.5, "number"), ("", "string"), ([], "array"), ({}, "object")],
)
def test_a_value_has_its_json_type(value: Any, name: str) -> None:
    assert json_type(value) == name
