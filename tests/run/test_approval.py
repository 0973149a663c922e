"""A question and its decision, bound to the exact arguments."""

from datetime import timedelta
from typing import Any

from kapelle import clock
from kapelle.run.approval import ApprovalRecord, ApprovalRequest, hash_of

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


def test_the_hash_is_of_the_action_and_the_arguments_whatever_their_order() -> None:
    one = ApprovalRequest(**ASKED)
    other = ApprovalRequest(**{**ASKED, "arguments": {"a": [True, None], "b": 1}, "why": "else"})
    assert one.arguments_hash == other.arguments_hash
    assert ApprovalRequest(**{**ASKED, "action": "Call `drop`"}).arguments_hash != one.arguments_hash
    assert ApprovalRequest(**{**ASKED, "arguments": {"b": 2, "a": [True, None]}}).arguments_hash != one.arguments_hash


def test_true_and_one_are_different_arguments() -> None:
    assert hash_of({"a": True}) != hash_of({"a": 1})


def test_the_output_has_the_edited_arguments_when_there_are_any() -> None:
    decided = {**ASKED, "owner": "a/b", "decision": "approved", "by": "bo", "at": NOW, "reason": "fine"}
    assert ApprovalRecord(**decided).output["arguments"] == ASKED["arguments"]
    assert ApprovalRecord(**decided, edited={"b": 2}).output == {
        "decision": "approved",
        "arguments": {"b": 2},
        "reason": "fine",
        "by": "bo",
        "at": NOW.isoformat(),
    }


def test_a_question_that_is_open_has_no_decision() -> None:
    assert ApprovalRecord(**ASKED, owner="a/b").output["decision"] is None
