"""Windows and freezes decide by calendar, boundaries included."""

import pytest
from tests.incident.writing import answer, said

POLICY = """# Policy

## 1. Change windows and freeze

- Standard changes: Monday-Thursday, 09:00-16:00 UTC.
- Database changes: Sunday, 02:00-05:00 UTC.
- Freeze window: Friday 14:00 UTC to Sunday 01:00 UTC.
- Winter freeze: 18 December to 4 January.
- During a freeze only emergency changes are allowed.

## 2. Approvals

- Standard change: 1 approval (tech lead).
- Emergency change: 2 approvals (tech lead, duty manager).
"""


@pytest.mark.parametrize(
    ("prompt", "allowed"),
    [
        ("May a standard change go out on Monday 09:00 UTC?", True),
        ("May a standard change go out on Monday 08:59 UTC?", False),
        ("May a standard change go out on Thursday 15:59 UTC?", True),
        ("May a standard change go out on Thursday 16:00 UTC?", False),
        ("It's Saturday 03:00 UTC, may I ship?", False),
        ("Standard change on Monday 17:00 CET?", False),
        ("Standard change on Monday 16:30 CET?", True),
        ("May the database change run on Sunday at 03:00 UTC?", True),
        ("May the database change run on Monday at 10:00 UTC?", False),
        ("Standard change on 2026-12-21 at 10:00 UTC?", False),
        ("Standard change on 2026-02-16 at 10:00 UTC?", True),
        ("A standard change takes 45 minutes; may it start on Monday at 15:30 UTC?", False),
        ("A standard change takes 30 minutes; may it start on Monday at 15:30 UTC?", True),
        ("Emergency change on Saturday at 11:00 UTC, allowed?", True),
    ],
)
def test_a_moment_is_allowed_or_not(prompt: str, allowed: bool) -> None:
    text = said(answer(prompt, {"policies/policy_v1.md": POLICY}))
    assert text.startswith("Yes, allowed") is allowed
    assert text.startswith("No, not allowed") is not allowed


def test_the_next_opening_leaves_out_the_freeze() -> None:
    text = said(answer("Standard change on Thursday 16:30 UTC?", {"policies/policy_v1.md": POLICY}))
    assert "the next opening is Monday 09:00 UTC" in text


def test_a_policy_may_include_the_closing_minute() -> None:
    policy = POLICY.replace("## 2.", "- A window includes its closing minute.\n\n## 2.")
    text = said(answer("May a standard change go out on Thursday 16:00 UTC?", {"policies/policy_v1.md": policy}))
    assert text.startswith("Yes, allowed")


def test_an_emergency_in_the_freeze_is_told_its_approvals() -> None:
    text = said(
        answer("Emergency change on Saturday 11:00 UTC: allowed, who approves?", {"policies/policy_v1.md": POLICY})
    )
    assert "2 approvals: tech lead and duty manager" in text
