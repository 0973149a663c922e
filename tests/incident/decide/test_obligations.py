"""Deadlines of records, reviews and fields decide whether something was kept."""

import pytest
from tests.incident.writing import answer, said

POLICY = """# Policy

## 1. Audit logging

- Record each escalation in `audit.escalations` within 10 minutes.
- Record each rollback in `audit.rollbacks` within 1 hour.
- Keep audit records for 400 days.
- Audit records must not be edited; a correction is a new record.

## 2. Closing an incident

- The error rate has stayed normal for 30 minutes.
- The ticket has a root cause and a follow-up ticket.
- Hold the review of a `P1` within 3 business days.
- Hold the review of a `P2` within 7 business days.

## 3. Ticket fields

- An incident ticket must carry: `severity`, `service`, `owner`.
- A change ticket must carry: `risk`, `plan`.
- A `P1` incident ticket must be opened within 10 minutes.

## 4. Communication

- P1: post an update in `#room` every 15 minutes.
- P2: post an update in `#room` every 45 minutes.
- P1: brief the executives in `#leaders` within 30 minutes.
- Incident details must not be shared in direct messages.
"""


@pytest.mark.parametrize(
    ("prompt", "start"),
    [
        ("How soon must a rollback be recorded?", "Record each rollback in audit.rollbacks within 1 hour."),
        ("The escalation was logged 10 minutes later. Compliant?", "Yes, in time and compliant"),
        (
            "The escalation was logged 11 minutes later. Compliant?",
            "No, not compliant: 11 minutes is 1 minute too late",
        ),
        (
            "The escalation was logged 11 minutes later. Is that a violation?",
            "Yes, not compliant: 11 minutes is 1 minute",
        ),
        ("The escalation was logged 9 minutes later. Is that a violation?", "No, in time and compliant"),
        ("How long are audit records kept?", "Keep audit records for 400 days."),
        ("May I edit an audit record?", "No: audit records must not be edited"),
        ("What must hold before closing an incident?", "Before closing: the error rate"),
        ("May we close it? It has been normal for 20 minutes.", "No, closing is not allowed yet: 20 minutes is less"),
        ("May we close it? There is no follow-up ticket.", "No, closing is not allowed yet: there is no follow-up"),
        ("When is the review of a P2 due?", "Hold the review of a P2 within 7 business days."),
        ("Which fields does an incident ticket need?", "An incident ticket must have: severity, service, owner."),
        ("My incident ticket has severity and owner. What is missing?", "No, not complete: service is missing"),
        ("Does an incident ticket need a `color`?", "No, color is not a required field"),
        ("Is `risk` a required field of an incident ticket?", "No, risk is not a required field of an incident"),
        ("How soon must a P1 ticket be opened?", "A P1 incident ticket must be opened within 10 minutes."),
        ("Where do we post P1 updates and how often?", "P1: post an update in #room every 15 minutes."),
        ("The last P1 update was 20 minutes ago. Late?", "P1: Overdue by 5 minutes"),
        ("The last P2 update was 20 minutes ago. Late?", "P2: In time"),
        ("When and where are executives briefed in a P1?", "P1: brief the executives in #leaders within 30 minutes."),
        ("May I share incident details in a DM?", "No, not allowed: incident details must not be shared"),
    ],
)
def test_the_first_sentence_decides(prompt: str, start: str) -> None:
    assert said(answer(prompt, {"policies/policy_v1.md": POLICY})).startswith(start)


def test_the_next_update_is_reckoned_from_the_last() -> None:
    text = said(
        answer("The last P1 update went out at 09:50 UTC. When is the next one due?", {"policies/p.md": POLICY})
    )
    assert "The next one is due by 10:05 UTC" in text


@pytest.mark.parametrize(
    ("prompt", "start"),
    [
        ("May I post the P1 update in #old-room?", "No, #old-room is not a channel for P1"),
        ("May I post the P1 update in #room?", "Yes, #room is used for P1"),
    ],
)
def test_a_channel_outside_the_policy_is_refused(prompt: str, start: str) -> None:
    assert said(answer(prompt, {"policies/policy_v1.md": POLICY})).startswith(start)
