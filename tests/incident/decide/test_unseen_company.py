"""A company with its own tables: partial failures, freezes, closing, versions and strangers are decided first."""

import pytest
from tests.incident.writing import answer, said

OLD = """# Rules 2025

Effective date: 2025-01-01

## 1. Escalation

- P1: escalate to Harbor Lead at +30 minutes.

## 2. Windows

| Rule | Detail |
|---|---|
| Standard change window | Mon-Fri, 08:00-16:00 UTC |
| Freeze window | Friday 18:00 UTC to Sunday 23:00 UTC |

## 3. Severity

| Severity | Meaning | First response |
|---|---|---|
| P1 | No guest can book, or guest data is exposed | Acknowledge within 9 min |
"""
NEW = """# Rules 2026

Effective date: 2026-01-01
Supersedes: rules_2025.md

## 1. Escalation

- P1: escalate to Harbor Lead at +14 minutes.
- P2: escalate to Watch Officer at +50 minutes.
- P3: no page at night.

## 2. Windows

| Rule | Detail |
|---|---|
| Standard change window | Mon-Wed, 09:30-16:30 UTC |
| Freeze window | Thursday 18:00 UTC to Monday 07:00 UTC |
| Emergency change | Allowed at any time while a P1 is open |

## 3. Severity

| Severity | Meaning | First response |
|---|---|---|
| P1 | No guest can book, or guest data is exposed | Acknowledge within 4 min |
| P2 | Booking is slow or failing for part of the guests | Acknowledge within 20 min |
| P3 | Small defect without effect on booking | Acknowledge within 6 business hours |

## 4. Rollback

Roll back as soon as one of these is true:

- Error rate exceeds 4% for six consecutive minutes.

## 5. Approvals

| Change type | Needed |
|---|---|
| Emergency change | 1 approval (Watch Officer) |
| Freeze exception | 2 approvals (Harbor Lead, Fleet Director) |

## 6. Before closing

- P1: error rate below 1% for 45 minutes.
"""


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("Some guests cannot book, most can. P1 or P2?", "This is P2"),
        ("No guest can book. Severity?", "This is P1"),
        ("A spelling error in the menu. Severity?", "This is P3"),
        ("A spelling error in the menu. What severity?", "P3: acknowledge within 6 business hours"),
        ("May I deploy a standard change on Sunday at 10:00 UTC?", "Thursday 18:00 UTC to Monday 07:00 UTC"),
        ("Go-live on Sunday at 10:00, allowed?", "No, not allowed"),
        ("What do I need to deploy a non-urgent change on Sunday at noon?", "Fleet Director"),
        ("Emergency change on Saturday with no P1 open. May it go out?", "No, not allowed"),
        ("Emergency change on Saturday, a P1 is open. May it go out?", "Yes, allowed"),
        ("Error rate 12% for five minutes - mandatory?", "Rollback is not mandatory"),
        ("Error rate over 5% between 14:15 and 14:40: roll back?", "Rollback is mandatory"),
        ("Can we close a P1 if the error rate was below 1% for 30 minutes?", "30 minutes is less than 45 minutes"),
        ("When was the Harbor Lead brought in on a P1 in 2025?", "+30 minutes"),
        ("How did P1 acknowledgement change from 2025 to 2026?", "from 9 minutes to 4 minutes"),
        ("How did the change window and the freeze window change from 2025 to 2026?", "Friday 18:00 UTC"),
        ("A P3 came in at night. Do we wake anybody up?", "No, not for P3: no page at night"),
        ("Should I page the Fleet Director for a P2?", "Never: the policy does not name fleet director"),
    ],
)
def test_the_decision_fits_the_company(prompt: str, words: str) -> None:
    files = {"policies/rules_2025.md": OLD, "policies/rules_2026.md": NEW}
    assert words in said(answer(prompt, files))
