"""Who is due is decided by the elapsed time, the circumstances and the severity."""

import pytest
from tests.incident.writing import answer, said

POLICY = """# Policy

## 1. Escalation

- `P1`
  - Acknowledge within 5 minutes.
  - Escalate to standby engineer at +8 minutes if unacknowledged.
  - Escalate to duty manager at +15 minutes.
  - Escalate to site director at +30 minutes if not mitigated.
- `P2`
  - Acknowledge within 20 minutes.
  - Escalate to standby engineer at +25 minutes if unowned.
"""
ROTA = "secondary_rotation:\n  - {week_start: 2026-02-09, engineer: Ana Lima}\n"


def ask(prompt: str, policy: str = POLICY) -> str:
    return said(answer(prompt, {"policies/policy_v1.md": policy, "tool_configs/rota.yaml": ROTA}))


@pytest.mark.parametrize(
    ("prompt", "start"),
    [
        ("P1, 8 minutes, nobody acknowledged: who is called?", "Escalate to standby engineer now"),
        ("P1, 7 minutes, nobody acknowledged: who is called?", "No escalation is due yet"),
        ("P1, 16 minutes in, acknowledged: who is called?", "Escalate to duty manager now"),
        ("P1, 31 minutes in, not mitigated: who is called?", "Escalate to site director now"),
        ("P1, 31 minutes in, mitigated: who is called?", "Escalate to duty manager now"),
        ("Unowned P2 at +25 minutes: who now?", "Escalate to standby engineer now"),
        ("Owned P2 at +25 minutes: who now?", "No further escalation is due"),
        ("A P1 was acknowledged after 5 minutes: in time?", "Yes, in time"),
        ("A P1 was acknowledged after 6 minutes: in time?", "No, too late"),
        ("Is the site director paged 31 minutes into a mitigated P1?", "No, it does not apply here"),
        ("When is the press officer called in a P1?", "Never: the policy does not name press officer"),
        ("We have 10 minutes to acknowledge a P1. Is that right?", "No, not 10 minutes"),
    ],
)
def test_the_first_sentence_decides(prompt: str, start: str) -> None:
    assert ask(prompt).startswith(start)


def test_clock_times_are_reckoned_from_the_alert_over_midnight() -> None:
    text = ask("A P1 alert fired at 2026-02-14T23:50:00Z. At what times is who called?")
    assert "standby engineer at +8 minutes if unacknowledged (2026-02-14 23:58 UTC)" in text
    assert "site director at +30 minutes if not mitigated (2026-02-15 00:20 UTC)" in text


def test_a_severity_that_is_only_described_is_found_and_said() -> None:
    policy = POLICY + "\n## 2. Severity\n\n- P1: checkout is down for everyone.\n- P2: checkout is slow.\n"
    text = ask("Checkout is down for everybody and nobody answered for 9 minutes. Whom do we page?", policy)
    assert text.startswith("Escalate to standby engineer now")
    assert "Taken as P1" in text


def test_without_a_severity_nothing_is_guessed() -> None:
    decision = answer("How fast must we acknowledge?", {"policies/policy_v1.md": POLICY})
    assert "severity" in decision.missing[0]
