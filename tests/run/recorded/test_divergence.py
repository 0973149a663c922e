"""Where two values differ, and whether an output fits a tool that has changed."""

from typing import Any

import pytest
from pydantic import BaseModel, JsonValue

from kapelle.run.recorded.divergence import differing, misfit, short
from kapelle.telemetry.redact import remember
from kapelle.tools.decorator import tool


@pytest.mark.parametrize(
    ("recorded", "now", "at", "before", "after"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "/a/1/b", "2", "3"),
        ({"a": 1}, {"a": 1, "b": 2}, "/b", "nothing", "2"),
        ({"a": 1, "b": 2}, {"a": 1}, "/b", "2", "nothing"),
        ([1, 2], [1], "", "2 items", "1 items"),
        ({"a/b~": 1}, {"a/b~": 2}, "/a~1b~0", "1", "2"),
        (1, True, "", "1", "true"),
        (None, "", "", "null", '""'),
    ],
)
def test_the_first_difference_is_told_with_its_place(
    recorded: JsonValue, now: JsonValue, at: str, before: str, after: str
) -> None:
    found = differing("s", "output", recorded, now, "why")
    assert found is not None
    assert (found.at, found.recorded, found.present) == (at, before, after)
    assert before in str(found)


@pytest.mark.parametrize("value", [None, 1, 1.5, "x", [], {}, {"a": [1, {"b": None}]}])
def test_equal_values_do_not_differ(value: JsonValue) -> None:
    assert differing("s", "output", value, value, "why") is None


def test_a_long_value_is_cut_and_holds_no_secret() -> None:
    remember(["swordfish-9"])
    assert len(short("x" * 10_000)) < 200
    assert "swordfish" not in short({"word": "swordfish-9"})


class Row(BaseModel):
    id: int
    name: str


class Named(BaseModel):
    model_config = {"extra": "forbid"}
    name: str


@pytest.mark.parametrize(
    ("kind", "output", "fits"),
    [
        (list[Row], [{"id": 1}], True),
        (list[Row], [{"id": 1, "name": "a", "more": 2}], True),
        (Row | None, {"name": "a"}, True),
        (Named, {"name": "a", "gone": 1}, True),
        (list[Row], [{"id": "one", "name": "a"}], False),
        (list[Row], {"id": 1}, False),
        (int, "1", False),
        (dict[str, int], {"a": "b"}, False),
        (Any, {"what": ["ever"]}, True),
    ],
)
def test_a_field_that_came_or_went_fits_and_another_type_does_not(kind: Any, output: JsonValue, fits: bool) -> None:
    async def look() -> kind:
        """Look."""

    assert (misfit(tool(look), output) is None) == fits
