"""Editing the inputs of one step of a plan."""

import json
from typing import Any

import pytest
from tests.builders import Ledger, each, plan_of, ref, step

from kapelle.plan.catalog import make_catalog
from kapelle.plan.complete import complete
from kapelle.plan.edit import edit_inputs, guard_of
from kapelle.plan.model import Plan
from kapelle.task.model import Task

CATALOG = make_catalog(Ledger().tools, (), ())


def data(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = plan.model_dump(mode="json", by_alias=True)
    return found


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("/inputs/name", "b", {"name": "b", "given": [{"$ref": "x"}, 2]}),
        ("/inputs/new", {"deep": 1}, {"name": "a", "given": [{"$ref": "x"}, 2], "new": {"deep": 1}}),
        ("/inputs/given/1", 3, {"name": "a", "given": [{"$ref": "x"}, 3]}),
        ("/inputs/given/-", 4, {"name": "a", "given": [{"$ref": "x"}, 2, 4]}),
        ("/inputs/given/0/path", "/y", {"name": "a", "given": [{"$ref": "x", "path": "/y"}, 2]}),
        ("/inputs", {"name": "c"}, {"name": "c"}),
    ],
)
def test_a_value_is_set_where_the_pointer_points(path: str, value: Any, expected: dict[str, Any]) -> None:
    plan = data(plan_of(step("x"), step("a", inputs={"given": [ref("x"), 2]})))
    before = json.dumps(plan)
    made, problems = edit_inputs(plan, ["a"], {path: value})
    assert problems == []
    assert made["steps"][1]["inputs"] == expected  # type: ignore[index, call-overload]
    assert json.dumps(plan) == before


@pytest.mark.parametrize(
    "path",
    ["", "/", "inputs/name", "/tool", "/id", "/when/value", "/inputs/no/where", "/inputs/given/9", "/inputs/name/x"],
)
def test_what_cannot_be_set_is_told_with_its_pointer(path: str) -> None:
    plan = data(plan_of(step("x"), step("a", inputs={"given": [1]})))
    _, problems = edit_inputs(plan, ["a"], {path: 1})
    assert [(one.step, one.field) for one in problems] == [("a", path)]


def test_inputs_that_are_no_object_are_refused() -> None:
    _, problems = edit_inputs(data(plan_of(step("a"))), ["a"], {"/inputs": [1]})
    assert len(problems) == 1


def test_the_list_of_a_map_and_a_step_within_it_can_be_edited() -> None:
    plan = data(plan_of(each("m", [1, 2], step("x"))))
    made, problems = edit_inputs(plan, ["m"], {"/over": [3]})
    assert (problems, made["steps"][0]["over"]) == ([], [3])  # type: ignore[index, call-overload]
    made, problems = edit_inputs(plan, ["m", "x"], {"/inputs/name": "y"})
    assert (problems, made["steps"][0]["body"][0]["inputs"]) == ([], {"name": "y"})  # type: ignore[index, call-overload]


def test_the_arguments_of_a_guarded_write_are_edited_where_they_are_approved() -> None:
    plan = complete(plan_of(step("w", uses="put")), Task(prompt="do it"), CATALOG)
    assert guard_of(data(plan), ["w"]) == "approve_w"
    made, problems = edit_inputs(data(plan), ["w"], {"/inputs/name": "v", "/inputs/given": [1]})
    assert problems == []
    edited = Plan.model_validate(made)
    assert edited.steps[0].inputs == {"arguments": {"name": "v", "given": [1]}}
    assert edited.steps[1].inputs == {
        "name": {"$ref": "approve_w", "path": "/arguments/name"},
        "given": {"$ref": "approve_w", "path": "/arguments/given"},
    }
    # Still guarded: completing it again adds no second question.
    assert complete(edited, Task(prompt="do it"), CATALOG).steps == edited.steps


def test_a_write_that_uses_something_else_than_was_approved_is_edited_as_it_stands() -> None:
    plan = data(complete(plan_of(step("w", uses="put")), Task(prompt="do it"), CATALOG))
    plan["steps"][1]["inputs"]["name"] = "mine"
    assert guard_of(plan, ["w"]) is None
    made, _ = edit_inputs(plan, ["w"], {"/inputs/name": "other"})
    assert made["steps"][1]["inputs"] == {"name": "other"}  # type: ignore[index, call-overload]
