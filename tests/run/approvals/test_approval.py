"""A question, what counts as a decision of it, and what time makes of it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from kapelle import clock
from kapelle.errors import AlreadyDecided, ApprovalChanged, ApprovalExpired, KapelleError, Refused
from kapelle.run.approvals.approval import (
    ApprovalRecord,
    ApprovalRequest,
    Asking,
    Verdict,
    due_of,
    hash_of,
    may_decide,
    objection,
    opened,
)

NOW = clock.now()
ASKED: dict[str, Any] = {
    "id": "apr_1",
    "run": "run_1",
    "path": "ok",
    "action": "Call `put`",
    "arguments": {"b": 1, "a": [True, None]},
    "created": NOW,
    "expires_at": NOW + timedelta(hours=1),
}


def record(**fields: Any) -> ApprovalRecord:
    return ApprovalRecord(**{**ASKED, "owner": "a/b", **fields})


def asking(**given: Any) -> ApprovalRecord:
    return opened(Asking(expires_in=100).request(ApprovalRequest(**ASKED), **given), "a/b")


def later(seconds: float) -> datetime:
    return record_began() + timedelta(seconds=seconds)


def record_began() -> datetime:
    return NOW.replace(microsecond=NOW.microsecond // 1000 * 1000)


def verdict(**fields: Any) -> Verdict:
    return Verdict(**{"approval": "apr_1", "owner": "a/b", "decision": "approved", "by": "bo", "at": NOW, **fields})


def test_the_hash_is_of_the_action_and_the_arguments_whatever_their_order() -> None:
    one = ApprovalRequest(**ASKED)
    other = ApprovalRequest(**{**ASKED, "arguments": {"a": [True, None], "b": 1}, "why": "else"})
    assert one.arguments_hash == other.arguments_hash
    assert ApprovalRequest(**{**ASKED, "action": "Call `drop`"}).arguments_hash != one.arguments_hash
    assert ApprovalRequest(**{**ASKED, "arguments": {"b": 2, "a": [True, None]}}).arguments_hash != one.arguments_hash


def test_true_and_one_are_different_arguments() -> None:
    assert hash_of({"a": True}) != hash_of({"a": 1})


def test_the_output_has_the_edited_arguments_when_there_are_any() -> None:
    decided = {"decision": "approved", "by": "bo", "at": NOW, "reason": "fine"}
    assert record(**decided).output["arguments"] == ASKED["arguments"]
    assert record(**decided, edited={"b": 2}).output == {
        "decision": "approved",
        "arguments": {"b": 2},
        "reason": "fine",
        "by": "bo",
        "at": NOW.isoformat(),
    }


def test_a_question_that_is_open_has_no_decision() -> None:
    assert record().output["decision"] is None


@pytest.mark.parametrize(
    ("given", "levels", "on_expiry"),
    [
        ({}, ("approver",), "reject"),
        ({"on_expiry": "escalate"}, ("approver", "admin"), "escalate"),
        ({"levels": ("a", "b")}, ("a", "b"), "escalate"),
        ({"levels": ("a", "b"), "on_expiry": "reject"}, ("a", "b"), "reject"),
        ({"levels": ("a",)}, ("a",), "reject"),
        ({"levels": ("a",), "on_expiry": "escalate"}, ("a", "admin"), "escalate"),
    ],
)
def test_who_is_asked_in_turn_follows_from_what_the_step_says(
    given: dict[str, Any], levels: tuple[str, ...], on_expiry: str
) -> None:
    made = asking(**given)
    assert (made.levels, made.on_expiry) == (levels, on_expiry)


def test_the_steps_time_counts_before_the_settings() -> None:
    assert asking().expires_at == later(100)
    assert asking(expires_in=7).expires_at == later(7)
    assert asking(expires_in=8).warn_at == later(6)


def test_time_warns_once_then_rejects() -> None:
    made = asking()
    assert due_of(made, later(74)) is None
    warned = due_of(made, later(75))
    assert warned is not None
    assert warned.what == "warned"
    assert due_of(warned.record, later(99)) is None
    expired = due_of(warned.record, later(100))
    assert expired is not None
    assert (expired.what, expired.record.decision, expired.record.by) == ("expired", "rejected", "expiry")
    assert due_of(expired.record, later(1_000)) is None


def test_an_escalation_gives_the_next_level_its_whole_time_from_then_on() -> None:
    made = asking(levels=("a", "b", "c"))
    first = due_of(made, later(500))
    assert first is not None
    assert (first.what, first.record.role) == ("escalated", "b")
    assert first.record.expires_at == later(600)
    assert first.record.warn_at == later(575)
    second = due_of(first.record, later(600))
    assert second is not None
    assert (second.record.role, second.record.expires_at) == ("c", later(700))
    last = due_of(second.record, later(700))
    assert last is not None
    assert last.what == "expired"


def test_a_share_of_one_warns_never() -> None:
    made = opened(Asking(warn_share=1).request(ApprovalRequest(**ASKED)), "a/b")
    assert made.warn_at is None


@pytest.mark.parametrize(
    ("fields", "given", "ended", "kind"),
    [
        ({}, {}, False, None),
        ({}, {"expect_hash": record().arguments_hash}, False, None),
        ({"decision": "rejected", "by": "ann", "at": NOW}, {}, True, AlreadyDecided),
        ({"decision": "rejected", "by": "expiry", "at": NOW}, {}, False, ApprovalExpired),
        ({"decision": "rejected", "by": "withdrawn", "at": NOW}, {}, False, ApprovalChanged),
        ({}, {}, True, Refused),
        ({}, {"expect_hash": "other"}, False, ApprovalChanged),
        ({}, {"roles": frozenset()}, False, Refused),
        ({}, {"roles": frozenset({"approver"})}, False, None),
        ({"levels": ("a", "b"), "level": 1}, {"roles": frozenset({"a"})}, False, Refused),
        ({"levels": ("a", "b"), "level": 0}, {"roles": frozenset({"b"})}, False, None),
        ({"levels": ("a", "b"), "level": 1}, {"roles": frozenset({"admin"})}, False, None),
    ],
)
def test_what_does_not_count_is_told_by_its_own_error(
    fields: dict[str, Any], given: dict[str, Any], ended: bool, kind: type[KapelleError] | None
) -> None:
    error = objection(record(**fields), verdict(**given), ended=ended)
    assert (None if error is None else type(error)) == kind


def test_a_role_is_compared_whole_and_in_its_own_case() -> None:
    asked = record(levels=("approver",))
    assert not any(may_decide(asked, frozenset({role})) for role in ("Approver", "approve", "approvers", "", "ADMIN"))


def test_a_row_of_before_has_what_came_later_filled_in() -> None:
    old = ApprovalRecord.model_validate({**ASKED, "owner": "a/b", "unknown": 1})
    assert (old.levels, old.level, old.seconds, old.notify) == (("approver",), 0, 86_400, False)
