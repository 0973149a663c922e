"""Counts, roles and closed lists decide whether approvals suffice."""

import pytest
from tests.incident.writing import answer, said

POLICY = """# Policy

## 1. Approvals

- Standard change: 2 approvals (tech lead, service owner).
- High-risk change: 2 approvals (tech lead, service owner, harbour master).
- Database schema change: 3 approvals (data steward, service owner, tech lead).
- Emergency change: 1 approval (duty manager).
- Emergency change during the freeze: 2 approvals (duty manager, site director).
- Rollback: no approval is needed.
- The author of a change must not approve it.
- An approval expires after 12 hours.
"""


@pytest.mark.parametrize(
    ("prompt", "start"),
    [
        ("Who must approve a standard change?", "Standard change needs 2 approvals: tech lead and service owner."),
        ("Who approves a rollback?", "Rollback needs no approval."),
        ("Who approves an emergency change during the freeze?", "Emergency change during the freeze needs 2 approvals"),
        ("Who approves a database change?", "Database schema change needs 3 approvals"),
        ("Is a marketing lead allowed to approve a standard change?", "No, a marketing lead is not allowed"),
        ("The tech lead and the service owner approved the standard change. Enough?", "Yes, 2 approvals suffice"),
        ("Only the tech lead approved the standard change. Enough?", "No, not enough"),
        ("The harbour master and the tech lead approved the high-risk change. Enough?", "Yes, 2 approvals suffice"),
        ("We have one approval for the standard change. Is that enough?", "No, not enough"),
        ("May I approve my own change?", "No: the author of a change must not approve it."),
        ("My approval is 13 hours old, is it still valid?", "No, it is no longer valid"),
        ("My approval is 11 hours old, is it still valid?", "Yes, it is still valid"),
    ],
)
def test_the_first_sentence_decides(prompt: str, start: str) -> None:
    assert said(answer(prompt, {"policies/policy_v1.md": POLICY})).startswith(start)


def test_what_is_still_missing_is_named() -> None:
    text = said(
        answer("The data steward approved the schema change. Is that enough?", {"policies/policy_v1.md": POLICY})
    )
    assert "still missing: service owner and tech lead" in text
