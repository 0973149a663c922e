"""A stated time is held against the deadline it belongs to, and the verdict comes first."""

import pytest
from tests.incident.writing import answer, said

POLICY = """# Policy

## 1. Severity

| Severity | Meaning | First response |
|---|---|---|
| P1 | Booking is down for every guest | Acknowledge within 5 min |

## 2. Rollback

Roll back when the error rate exceeds 4% for 6 minutes.
The shift engineer starts the rollback within five minutes of the trigger.

## 3. Communication

- P1: open the thread in `#room` within 6 minutes.
- P1: post an update in `#room` every 15 minutes.
- P1: brief the executives in `#leaders` within 30 minutes.
- Announce every change in `#changes` at least 20 minutes before it starts.

## 4. Audit

| Event | Deadline |
|---|---|
| Incident declared | Write a row to audit.incidents within 15 min |
| Production change completed | Write a row to audit.changes within 40 min |
| Approval given | Write a row to audit.approvals within 10 min |
"""


@pytest.mark.parametrize(
    ("prompt", "start"),
    [
        ("The deploy finished at 10:00 and the audit row was written at 10:40. Are we compliant?", "In time"),
        ("The deploy finished at 10:00 and the audit row was written at 10:41. Are we compliant?", "Late"),
        ("The deploy finished at 23:50 and its row was logged at 00:35. Ok?", "Late, not compliant: 45 minutes"),
        ("An approval was given at 13:00 and recorded at 13:09. In time?", "In time, compliant: 9 minutes"),
        ("We started the rollback seven minutes after the trigger. Compliant?", "Late, not compliant: 7 minutes"),
        ("We started the rollback five minutes after the trigger. Compliant?", "In time, compliant: 5 minutes"),
        ("I announced the change in #changes 15 minutes before its start. Compliant?", "Too late, not compliant"),
        ("I announced the change in #changes 20 minutes before its start. Compliant?", "In time, compliant"),
        ("The last P1 update is from 10:00, it is now 10:16. Are we late?", "Late, not compliant: 16 minutes"),
        ("The P1 runs for 40 minutes and the executives have heard nothing. What is owed?", "Late, not compliant"),
    ],
)
def test_the_verdict_on_a_stated_time_comes_first(prompt: str, start: str) -> None:
    assert said(answer(prompt, {"policies/policy_v1.md": POLICY})).startswith(start)


def test_without_a_question_of_time_no_verdict_is_given() -> None:
    text = said(answer("Where do we post updates of a P1 after 40 minutes?", {"policies/policy_v1.md": POLICY}))
    assert "compliant" not in text


def test_two_time_spans_leave_the_verdict_open() -> None:
    first = said(
        answer(
            "The row came after 5 minutes, the change took 50 minutes. Compliant?", {"policies/policy_v1.md": POLICY}
        )
    )
    assert not first.startswith(("Late", "In time"))
