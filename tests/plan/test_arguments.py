"""Arguments are held against a tool's schema, references by the type of what they point at."""

from typing import Annotated

import pytest
from pydantic import BaseModel, Field, JsonValue

from kapelle.plan.arguments import argument_problems
from kapelle.plan.schemas import Schema
from kapelle.tools.decorator import tool


class Point(BaseModel):
    x: int
    y: int = 0


@tool
def draw(
    at: Point,
    label: str,
    size: Annotated[int, Field(ge=1, le=9)] = 3,
    path: list[Point] | None = None,
) -> str:
    """Draw."""
    return label


VISIBLE: dict[str, Schema] = {
    "text": {"type": "string"},
    "count": {"type": "integer"},
    "point": {"type": "object", "properties": {"x": {"type": "integer"}}, "additionalProperties": False},
    "unknown": {},
}
GOOD: dict[str, JsonValue] = {"at": {"x": 1}, "label": "here"}


def problems(**changed: JsonValue) -> list[tuple[str, str]]:
    found = argument_problems(draw, {**GOOD, **changed}, VISIBLE, "step", "inputs")
    return [(one.field, one.message) for one in found]


@pytest.mark.parametrize(
    "good",
    [
        {},
        {"label": {"$ref": "text"}},
        {"label": {"$ref": "unknown", "path": "/anything"}},
        {"at": {"$ref": "point"}},
        {"size": {"$ref": "point", "path": "/x"}},
        {"at": {"x": {"$ref": "count"}, "y": 2}},
        {"path": [{"$ref": "point"}, {"x": 3}]},
        {"path": None},
        {"at": {"$json": {"x": 4}}},
        {"label": {"$ref": "item"}},
    ],
)
def test_what_may_fit_is_no_problem(good: dict[str, JsonValue]) -> None:
    assert problems(**good) == []


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"label": {"$ref": "count"}}, "inputs.label", "expected string, and `count` gives integer"),
        ({"size": {"$ref": "text"}}, "inputs.size", "expected integer"),
        ({"at": {"x": "one"}}, "inputs.at", "at `x`"),
        ({"at": [{"$ref": "point"}]}, "inputs.at", "expected object, got array"),
        ({"size": 10}, "inputs.size", "does not fit"),
        ({"at": {"$json": {"$ref": "point"}}}, "inputs.at", "does not fit"),
        ({"path": [{"y": 1}]}, "inputs.path", "does not fit"),
        ({"colour": "red"}, "inputs.colour", "it takes `at`, `label`, `size`, `path`"),
    ],
)
def test_what_cannot_fit_is_told_with_its_place(wrong: dict[str, JsonValue], field: str, words: str) -> None:
    ((where, message),) = problems(**wrong)
    assert where == field
    assert words in message


def test_each_missing_argument_is_told() -> None:
    found = argument_problems(draw, {}, VISIBLE, "step", "inputs")
    assert [one.field for one in found] == ["inputs.at", "inputs.label"]


def test_the_message_tells_what_was_expected_and_not_what_was_given() -> None:
    ((_, message),) = problems(label={"secret": "hunter22"})
    assert "hunter22" not in message
