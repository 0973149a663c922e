"""What a draft leaves out is added; twice is once."""

from typing import Any

import pytest

from kapelle.plan.catalog import Catalog, make_catalog
from kapelle.plan.complete import complete
from kapelle.plan.model import ApprovalStep, MapStep, Plan, Step, ToolStep, walk_steps
from kapelle.plan.validate import validate
from kapelle.task.model import Task
from kapelle.tools.decorator import tool


@tool
def look(text: str) -> dict[str, str]:
    """Look at a text."""
    return {}


@tool(effect="write")
def put(text: str, amount: int = 1) -> dict[str, str]:
    """Change something."""
    return {}


CATALOG: Catalog = make_catalog([look, put], [], ["handbook"])
PUT: dict[str, Any] = {"kind": "tool", "id": "p", "tool": "put", "inputs": {"text": "t", "amount": 5}}
LOOK: dict[str, Any] = {"kind": "tool", "id": "l", "tool": "look", "inputs": {"text": "t"}}
ASKED: dict[str, Any] = {"kind": "approval", "id": "ok", "action": "Go?", "guards": "put"}


def drafted(*steps: dict[str, Any], output: str = "") -> Plan:
    return Plan.model_validate({"steps": list(steps), "output": output or steps[-1]["id"]})


def completed(*steps: dict[str, Any], output: str = "", **task: Any) -> Plan:
    return complete(drafted(*steps, output=output), Task(prompt="p", id="task_1", **task), CATALOG)


def kinds(plan: Plan) -> list[str]:
    return [step.kind for step in walk_steps(plan.steps)]


def the(plan: Plan, id: str) -> Step:
    return next(step for step in walk_steps(plan.steps) if step.id == id)


def test_a_write_waits_for_an_approval_of_its_exact_arguments() -> None:
    plan = completed(PUT)
    asked, put_step = plan.steps
    assert isinstance(asked, ApprovalStep)
    assert isinstance(put_step, ToolStep)
    assert asked.guards == "put"
    assert asked.inputs == {"arguments": {"text": "t", "amount": 5}}
    assert put_step.after == (asked.id,)
    assert put_step.inputs == {
        "text": {"$ref": asked.id, "path": "/arguments/text"},
        "amount": {"$ref": asked.id, "path": "/arguments/amount"},
    }
    assert validate(plan, CATALOG) == []


@pytest.mark.parametrize(("approve", "expected"), [("never", 0), ("writes", 1), ("always", 2)])
def test_the_task_says_which_tools_wait_for_a_person(approve: str, expected: int) -> None:
    assert kinds(completed(LOOK, PUT, approve=approve)).count("approval") == expected


def test_completing_twice_changes_nothing_more() -> None:
    once = completed(LOOK, PUT, {"kind": "answer", "id": "a", "inputs": {"sources": [{"$ref": "l"}]}})
    assert complete(once, Task(prompt="p", id="task_1"), CATALOG) == once


def test_an_approval_stands_where_the_write_stood() -> None:
    plan = completed(
        LOOK, {**PUT, "after": ["l"], "when": {"value": {"$ref": "l"}, "op": "truthy"}, "join": "any"}, output="p"
    )
    asked = the(plan, "approve_p")
    assert asked.after == ("l",)
    assert asked.when is not None
    assert asked.join == "any"
    assert the(plan, "p").join == "all"


def test_a_write_in_a_body_is_asked_for_in_the_body() -> None:
    plan = completed({"kind": "map", "id": "m", "over": [1, 2], "body": [PUT], "output": "p"})
    (mapped,) = plan.steps
    assert isinstance(mapped, MapStep)
    assert [step.kind for step in mapped.body] == ["approval", "tool"]
    assert validate(plan, CATALOG) == []


def test_a_write_in_a_body_of_a_body_is_asked_for() -> None:
    inner = {"kind": "repeat", "id": "r", "rounds": 2, "body": [PUT], "output": "p"}
    plan = completed({"kind": "map", "id": "m", "over": [1], "body": [inner], "output": "r"})
    assert kinds(plan) == ["map", "repeat", "approval", "tool"]


def decided(**inputs: Any) -> dict[str, Any]:
    given = {name: {"$ref": "ok", "path": f"/arguments/{name}"} for name in ("text", "amount")}
    return {**PUT, "inputs": {**given, **inputs}, "after": ["ok"]}


def test_a_written_approval_counts_when_the_write_uses_what_was_decided() -> None:
    plan = completed({**ASKED, "inputs": {"arguments": {"text": "t", "amount": 5}}}, decided())
    assert kinds(plan) == ["approval", "tool"]


@pytest.mark.parametrize(
    ("asked", "write"),
    [
        ({"inputs": {"arguments": {"text": "t", "amount": 5}}}, {**PUT, "after": ["ok"]}),
        ({"inputs": {"arguments": {"text": "t", "amount": 5}}}, decided(amount=9_000)),
        ({"inputs": {"arguments": {"text": "t", "amount": 5}}}, {**decided(), "after": []}),
        ({"guards": None, "inputs": {"arguments": {"text": "t", "amount": 5}}}, decided()),
        ({"guards": "look", "inputs": {"arguments": {"text": "t", "amount": 5}}}, decided()),
        ({"inputs": {"arguments": {"text": "t", "amount": 5}}}, decided(text={"$ref": "ok", "path": "/reason"})),
    ],
)
def test_a_written_approval_of_anything_else_is_none(asked: dict[str, Any], write: dict[str, Any]) -> None:
    plan = completed({**ASKED, **asked}, write)
    assert kinds(plan) == ["approval", "approval", "tool"]


def test_an_approval_in_another_body_is_none() -> None:
    write = decided()
    plan = completed(
        {**ASKED, "inputs": {"arguments": {"text": "t", "amount": 5}}},
        {"kind": "map", "id": "m", "over": [1], "body": [{**write, "after": []}], "output": "p"},
    )
    assert kinds(plan).count("approval") == 2


def test_an_argument_name_with_a_slash_is_escaped() -> None:
    step = {"kind": "tool", "id": "p", "tool": "put", "inputs": {"a/b~c": 1}}
    assert the(completed(step), "p").inputs == {"a/b~c": {"$ref": "approve_p", "path": "/arguments/a~1b~0c"}}


def test_an_answer_is_judged_before_it_is_the_runs_output() -> None:
    plan = completed(
        {"kind": "search", "id": "s", "corpora": ["handbook"], "inputs": {"query": "q"}}, {"kind": "answer", "id": "a"}
    )
    assert kinds(plan) == ["search", "answer", "verdict"]
    assert plan.output == "verdict"
    assert plan.steps[-1].inputs == {"candidate": {"$ref": "a"}}


def test_a_plan_whose_output_is_no_answer_gets_no_verdict() -> None:
    assert kinds(completed(LOOK)) == ["tool"]


def test_added_ids_avoid_those_that_are_taken() -> None:
    plan = completed({**LOOK, "id": "approve_p"}, PUT)
    assert [step.id for step in plan.steps] == ["approve_p", "approve_p_2", "p"]
    assert validate(plan, CATALOG) == []


def test_a_completed_plan_says_for_whom_and_for_what_it_was_made() -> None:
    plan = completed(LOOK)
    assert plan.id.startswith("plan_")
    assert plan.task_id == "task_1"
    assert plan.registry == CATALOG.hash
    assert plan.planner == "user"
    assert plan.estimate is not None


def test_equal_steps_have_an_equal_id() -> None:
    assert completed(LOOK).id == completed(LOOK).id
    assert completed(LOOK).id != completed({**LOOK, "inputs": {"text": "other"}}).id


def test_a_plan_with_problems_has_no_estimate_and_keeps_its_problems() -> None:
    plan = completed({**LOOK, "tool": "lok"})
    assert plan.estimate is None
    assert [one.code for one in validate(plan, CATALOG)] == ["unknown_tool"]
