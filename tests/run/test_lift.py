"""What other versions have stored is read, or told."""

import json
from datetime import UTC, datetime

import pytest
from tests.builders import done, each, plan_of, step, when

from kapelle.errors import UnknownVersion
from kapelle.plan.model import MapStep, Plan, UnknownStep
from kapelle.run import lift
from kapelle.run.approvals.approval import ApprovalRequest
from kapelle.run.lift import lifted, read_plan, read_request, read_result, read_task, stored_request
from kapelle.task.model import Task

PLAN = plan_of(step("a"), each("m", [1, 2], step("x")), step("z", "a", "m"))


def stored(plan: Plan, **more: object) -> str:
    return json.dumps({**plan.model_dump(mode="json", by_alias=True), **more})


def test_what_this_version_wrote_is_read_as_it_was() -> None:
    assert read_plan(stored(PLAN)) == PLAN
    task = Task(prompt="do it")
    assert read_task(task.model_dump_json()) == task
    assert read_result(done("a", 1).model_dump(mode="json")) == done("a", 1)


def test_fields_that_a_newer_version_added_are_passed_over_at_any_depth() -> None:
    data = json.loads(stored(PLAN, mood="calm"))
    data["steps"][1]["colour"] = "red"
    data["steps"][1]["body"][0]["retry"] = {"max_retries": 2, "jitter": "full"}
    read = read_plan(json.dumps(data))
    assert [one.id for one in read.steps] == ["a", "m", "z"]
    inner = read.steps[1]
    assert isinstance(inner, MapStep)
    assert inner.body[0].retry is not None
    assert inner.body[0].retry.max_retries == 2
    assert read_result({"path": "a", "status": "succeeded", "heat": 3}).path == "a"
    assert read_task(json.dumps({"prompt": "p", "tone": "kind", "budget": {"usd": "1", "watts": 3}})).prompt == "p"


def test_a_plan_file_with_a_field_that_nobody_knows_is_still_refused() -> None:
    with pytest.raises(ValueError, match="mood"):
        Plan.model_validate_json(stored(PLAN, mood="calm"))


def test_a_step_of_an_unknown_kind_has_its_place_at_any_depth() -> None:
    data = json.loads(stored(PLAN))
    hook = {"kind": "webhook", "id": "hook", "url": {"$ref": "a"}, "when": when("a"), "after": ["a"]}
    data["steps"].insert(1, hook)
    data["steps"][2]["body"].append({"kind": "webhook", "id": "inner"})
    read = read_plan(json.dumps(data))
    found = read.steps[1]
    assert isinstance(found, UnknownStep)
    assert (found.of, found.after) == ("webhook", ("a",))
    assert found.when is not None
    assert found.inputs == {"url": {"$ref": "a"}}
    around = read.steps[2]
    assert isinstance(around, MapStep)
    assert isinstance(around.body[1], UnknownStep)


def test_an_older_version_is_lifted_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(lift.LIFTS, ("plan", -1), lambda data: {**data, "tasks": data["jobs"]})
    monkeypatch.setitem(lift.LIFTS, ("plan", 0), lambda data: {**data, "steps": data["tasks"]})
    data = json.loads(stored(PLAN, schema_version=-1))
    data["jobs"] = data.pop("steps")
    assert read_plan(json.dumps(data)) == PLAN


@pytest.mark.parametrize("version", [2, 99, 0, -3, "1.2", None, True, [1]])
def test_a_version_from_which_there_is_no_way_is_told(version: object) -> None:
    with pytest.raises(UnknownVersion, match="plan has schema version"):
        lifted("plan", {"schema_version": version})  # type: ignore[dict-item]


@pytest.mark.parametrize("text", ["", "[]", "null", '{"steps": 3}', '{"steps": [], "output": "a"}'])
def test_what_is_no_plan_is_told(text: str) -> None:
    with pytest.raises(UnknownVersion, match="the plan"):
        read_plan(text)


REQUEST = ApprovalRequest(
    id="apr_1",
    run="run_1",
    path="ok",
    action="Go on?",
    arguments={"ü": 1},
    created=datetime(2030, 1, 1, tzinfo=UTC),
    expires_at=datetime(2030, 1, 2, tzinfo=UTC),
)


def test_a_question_carries_its_version_and_is_read_as_it_was() -> None:
    text = stored_request(REQUEST)
    assert json.loads(text)["schema_version"] == 1
    assert read_request(text) == REQUEST
    unversioned = {**json.loads(text), "mood": "calm"}
    del unversioned["schema_version"]
    assert read_request(json.dumps(unversioned)) == REQUEST


def test_an_older_question_is_lifted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(lift.CURRENT, "approval", 2)
    monkeypatch.setitem(lift.LIFTS, ("approval", 1), lambda data: {**data, "action": data["verb"]})
    older = {**json.loads(stored_request(REQUEST)), "schema_version": 1, "verb": "Go on?", "action": ""}
    assert read_request(json.dumps(older)) == REQUEST


def test_a_question_of_a_newer_version_is_told() -> None:
    newer = json.dumps({**json.loads(stored_request(REQUEST)), "schema_version": 7})
    with pytest.raises(UnknownVersion, match="the approval has schema version 7"):
        read_request(newer)
