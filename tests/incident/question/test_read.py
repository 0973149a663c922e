"""A task is read into typed conditions."""

import pytest

from kapelle.incident.question.read import read_question


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("It's Saturday 03:00 UTC, may I ship?", "change_window"),
        ("Who must approve a rollback?", "approvals"),
        ("Do we have to roll back at 3% errors for 7 minutes?", "rollback"),
        ("Nobody owns this P2 and 25 minutes passed, who now?", "escalation"),
        ("How soon must an escalation be recorded in the audit trail?", "audit"),
        ("Which fields does a change ticket need?", "ticket_fields"),
        ("Who carries the pager on 2026-02-16?", "on_call"),
        ("Where do we post P1 updates?", "communication"),
        ("How severe is that?", "triage"),
        ("What tightened between policy_v1 and policy_v2?", "comparison"),
        ("What must hold before we close a P1?", "closing"),
        ("Which policy is in force?", "versions"),
        ("Which files must be consulted for audits?", "references"),
    ],
)
def test_what_is_mainly_asked_comes_first(prompt: str, kind: str) -> None:
    assert read_question(prompt, {}).kinds[0] == kind


@pytest.mark.parametrize(
    ("prompt", "only"),
    [
        ("Latency p95 moved from 300 ms to 480 ms for 9 minutes, must we roll back?", "rollback"),
        ("How soon must an escalation be recorded?", "audit"),
        ("How soon must an approval be logged?", "audit"),
        ("Which severity field does an incident ticket need?", "ticket_fields"),
        ("What is the retention of #exec-brief?", "communication"),
        ("How many approvals does a standard change need?", "approvals"),
    ],
)
def test_what_only_names_the_subject_of_a_question_is_not_asked(prompt: str, only: str) -> None:
    assert read_question(prompt, {}).kinds == (only,)


def test_a_source_to_cite_is_no_question_about_it() -> None:
    question = read_question("P1 response times, cite oncall_rota and the github_actions config.", {})
    assert "on_call" not in question.kinds
    assert question.wanted == ("oncall_rota", "github_actions")


def test_the_context_fills_in_and_the_prompt_wins() -> None:
    context = {
        "severity": "P1",
        "service": "saas-api",
        "start_time": "2026-02-14T10:00:00Z",
        "end_time": "2026-02-14T10:30:00Z",
        "required_citations": ["policy_v2", "slack_config"],
    }
    question = read_question("Is this P2 on time?", context)
    assert question.severities == (2,)
    assert (question.service, question.required) == ("saas-api", ("policy_v2", "slack_config"))
    assert question.window_start is not None and question.window_start.hour == 10


@pytest.mark.parametrize(
    ("prompt", "minutes"),
    [
        ("an unowned P2 at +25 minutes", 25),
        ("we are 40 minutes in", 40),
        ("at minute 9", 9),
        ("The alert fired at 14:10 UTC, now it is 14:35 UTC.", 25),
    ],
)
def test_the_time_since_is_read(prompt: str, minutes: float) -> None:
    assert read_question(prompt, {}).elapsed[0].minutes == minutes


def test_the_duration_of_a_metric_is_no_time_since() -> None:
    assert read_question("error rate 3% for 7 minutes", {}).elapsed == ()


def test_a_day_a_date_and_a_week_are_moments() -> None:
    assert read_question("on Tuesday at 10:30 UTC", {}).moments[0].shown == "Tuesday 10:30 UTC"
    assert read_question("Tuesday 2026-02-17 at 10:30", {}).moments[0].shown == "Tuesday 2026-02-17 10:30 UTC"
    assert read_question("in 2026-W08", {}).dates[0].isoformat() == "2026-02-16"


@pytest.mark.parametrize(
    ("prompt", "place"), [("the highest severity", 1), ("the second highest severity", 2), ("the lowest priority", -1)]
)
def test_a_severity_may_be_named_by_its_place(prompt: str, place: int) -> None:
    assert read_question(prompt, {}).ordinal == place


def test_roles_and_given_approvals_are_read() -> None:
    question = read_question("Is a marketing lead allowed to approve, and are two approvals enough?", {})
    assert "marketing lead" in question.roles
    assert question.approvals_given == 2


@pytest.mark.parametrize("prompt", ["", "?", "\u2028", "P1" * 500, "#", "2026-99-99T99:99:99Z", "week 99 of 2026"])
def test_any_text_can_be_read(prompt: str) -> None:
    assert read_question(prompt, {"start_time": None, "required_citations": 3}).prompt == prompt
