"""References and conditions: every operator, JSON Pointer's escapes, literals."""

from typing import Any

import pytest
from pydantic import JsonValue, TypeAdapter, ValidationError
from tests.builders import ref

from kapelle.plan.reference import Condition, Ref, follow, holds, is_literal, refs_in, refs_of

CONDITION: TypeAdapter[Condition] = TypeAdapter(Condition)
OUTPUT: dict[str, JsonValue] = {
    "n": 3,
    "half": 0.5,
    "text": "beta",
    "yes": True,
    "no": False,
    "nothing": None,
    "empty": [],
    "list": [1, "two"],
    "object": {"key": 1},
}


def true(condition: dict[str, Any]) -> bool:
    return holds(CONDITION.validate_python(condition), lambda one: follow(OUTPUT, one.path))


def compares(path: str, op: str, to: JsonValue = None) -> bool:
    return true({"value": ref("a", path), "op": op, "to": to})


@pytest.mark.parametrize(
    ("path", "op", "to", "expected"),
    [
        ("/n", "eq", 3, True),
        ("/n", "eq", 3.0, True),
        ("/n", "eq", "3", False),
        ("/n", "ne", 4, True),
        ("/n", "ne", 3, False),
        ("/n", "lt", 4, True),
        ("/n", "lt", 3, False),
        ("/n", "le", 3, True),
        ("/n", "gt", 2.5, True),
        ("/n", "ge", 3, True),
        ("/n", "ge", 3.1, False),
        ("/text", "lt", "gamma", True),
        ("/text", "gt", "alpha", True),
        ("/text", "in", ["alpha", "beta"], True),
        ("/text", "in", "alphabetagamma", True),
        ("/text", "in", {"beta": 1}, True),
        ("/text", "in", ["gamma"], False),
        ("/n", "in", "123", False),
        ("/nothing", "exists", None, False),
        ("/no", "exists", None, True),
        ("/absent", "exists", None, False),
        ("/yes", "truthy", None, True),
        ("/empty", "truthy", None, False),
        ("/absent", "truthy", None, False),
        ("/list", "eq", [1, "two"], True),
        ("/object", "eq", {"key": 1}, True),
    ],
)
def test_an_operator_compares(path: str, op: str, to: JsonValue, expected: bool) -> None:
    assert compares(path, op, to) is expected


@pytest.mark.parametrize("op", ["lt", "le", "gt", "ge"])
@pytest.mark.parametrize(("path", "to"), [("/text", 3), ("/n", "3"), ("/yes", 0), ("/n", True), ("/list", [1])])
def test_values_of_different_types_are_not_ordered(path: str, op: str, to: JsonValue) -> None:
    assert not compares(path, op, to)


@pytest.mark.parametrize(
    ("path", "to"), [("/yes", 1), ("/no", 0), ("/list", [True, "two"]), ("/object", {"key": True})]
)
def test_true_is_not_one_wherever_it_stands(path: str, to: JsonValue) -> None:
    assert not compares(path, "eq", to)
    assert compares(path, "ne", to)


def test_true_is_not_among_ones() -> None:
    assert not compares("/yes", "in", [1])


def test_an_absent_place_reads_as_null() -> None:
    assert compares("/absent", "eq", None)
    assert compares("/absent", "ne", 3)
    assert not compares("/absent", "lt", 3)


def test_conditions_nest() -> None:
    big, small = {"value": ref("a", "/n"), "op": "gt", "to": 2}, {"value": ref("a", "/n"), "op": "lt", "to": 2}
    assert true({"any": [small, {"all": [big, {"not": [small]}]}]})
    assert not true({"all": [big, small]})
    assert not true({"not": [small, big]})


@pytest.mark.parametrize(
    "wrong",
    [
        {"all": []},
        {"any": []},
        {"not": []},
        {"value": ref("a"), "op": "like", "to": 1},
        {"value": {"$ref": ""}, "op": "eq"},
        {"value": ref("a"), "op": "eq", "too": 1},
        {"all": [{"value": ref("a"), "op": "eq"}], "any": []},
        "a > 3",
    ],
)
def test_a_malformed_condition_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        CONDITION.validate_python(wrong)


def test_a_condition_survives_json() -> None:
    data = {"all": [{"not": [{"value": {"$ref": "a", "path": "/x"}, "op": "in", "to": [1]}]}]}
    made = CONDITION.validate_python(data)
    assert CONDITION.validate_json(CONDITION.dump_json(made, by_alias=True)) == made


def test_every_reference_of_a_condition_is_found() -> None:
    made = CONDITION.validate_python(
        {"any": [{"value": ref("a"), "op": "truthy"}, {"not": [{"value": ref("b", "/c"), "op": "truthy"}]}]}
    )
    assert [(one.ref, one.path) for one in refs_of(made)] == [("a", ""), ("b", "/c")]


@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [
        ({"a/b": 1}, "/a~1b", 1),
        ({"a~b": 1}, "/a~0b", 1),
        ({"~1": 1}, "/~01", 1),
        ({"": {"": 1}}, "//", 1),
        ({"a": [{"b": 2}]}, "/a/0/b", 2),
        ({"0": "key"}, "/0", "key"),
        ({"a\nb": 1}, "/a\nb", 1),
        ([1, 2], "", [1, 2]),
    ],
)
def test_a_pointer_is_followed(value: JsonValue, path: str, expected: JsonValue) -> None:
    made = Ref.model_validate({"$ref": "a", "path": path})
    assert follow(value, made.path) == expected


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([1], "/1"),
        ([1], "/-1"),
        ([1], "/-"),
        ([1, 2], "/01"),
        ([1, 2, 3], "/²"),
        ([1, 2, 3], "/١"),
        ({"a": 1}, "/b"),
        ({"a": 1}, "/a/b"),
        ("text", "/0"),
        (None, "/a"),
    ],
)
def test_a_place_that_is_not_there_is_named(value: JsonValue, path: str) -> None:
    with pytest.raises(KeyError):
        follow(value, path)


@pytest.mark.parametrize("path", ["hits", "hits/0", "$.hits"])
def test_a_path_begins_with_a_slash(path: str) -> None:
    with pytest.raises(ValidationError):
        Ref.model_validate({"$ref": "a", "path": path})


def test_references_are_found_at_any_depth_but_not_in_literals() -> None:
    value: JsonValue = {
        "one": [ref("a"), {"two": ref("b")}],
        "literal": {"$json": ref("c")},
        "not quite": {"$json": 1, "x": ref("d")},
    }
    assert [found["$ref"] for found in refs_in(value)] == ["a", "b", "d"]
    assert is_literal({"$json": 1})
    assert not is_literal({"$json": 1, "x": 2})
