"""Whether a rollback is mandatory is a typed comparison; change the policy, and the decision changes with it."""

import pytest
from tests.incident.writing import answer, said

from kapelle.incident.decide.evidence import Evidence

POLICY = """# Policy

## 1. Rollback triggers

A rollback is mandatory when any of these holds:

- Error rate {above} 2% for {held}5 minutes.
- p95 latency > 40% above the baseline for 10 minutes.
- 3 consecutive failed synthetic checks.
- A confirmed duplicate charge.

Below these limits a rollback is at the discretion of the duty lead.
"""


def ask(prompt: str, above: str = ">", held: str = "") -> str:
    return said(answer(prompt, {"policies/policy_v1.md": POLICY.format(above=above, held=held)}))


@pytest.mark.parametrize(
    ("above", "held", "prompt", "mandatory"),
    [
        (">", "", "Error rate 2.5% for 6 minutes: roll back?", True),
        (">", "", "Error rate exactly 2% for 6 minutes: roll back?", False),
        (">=", "", "Error rate exactly 2% for 6 minutes: roll back?", True),
        (">", "", "Error rate 2.1% for exactly 5 minutes: roll back?", True),
        (">", "more than ", "Error rate 2.1% for exactly 5 minutes: roll back?", False),
        (">", "", "Error rate 9% for 4 minutes: roll back?", False),
        (">", "", "Error rate exceeded 2% for 6 minutes: roll back?", True),
        (">", "", "Error rate stayed below 2% for an hour: roll back?", False),
        (">", "", "p95 rose from 200 ms to 290 ms for 10 minutes: roll back?", True),
        (">", "", "p95 rose from 200 ms to 280 ms for 10 minutes: roll back?", False),
        (">", "", "p95 latency doubled for a quarter: 15 minutes. Roll back?", True),
        (">", "", "Two synthetic checks failed in a row: roll back?", False),
        (">", "", "Three synthetic checks failed in a row: roll back?", True),
        (">", "", "A customer was charged twice, finance confirmed it. Roll back?", True),
        (">", "", "A customer was perhaps charged twice, not yet confirmed. Roll back?", False),
    ],
)
def test_at_under_and_over_the_limit(above: str, held: str, prompt: str, mandatory: bool) -> None:
    text = ask(prompt, above, held)
    assert text.startswith("Rollback is mandatory:") is mandatory
    assert text.startswith("Rollback is not mandatory:") is not mandatory


def test_one_changed_threshold_changes_the_decision() -> None:
    prompt = "Error rate 2.5% for 6 minutes: must we roll back?"
    before = answer(prompt, {"policies/policy_v1.md": POLICY.format(above=">", held="")})
    after = answer(prompt, {"policies/policy_v1.md": POLICY.format(above=">", held="").replace("2%", "2.5%")})
    assert said(before).startswith("Rollback is mandatory:")
    assert said(after).startswith("Rollback is not mandatory:")
    assert "2.5% for 5 minutes" in after.claims[0].excerpts[-1].quote


def test_without_a_duration_the_task_says_too_little() -> None:
    decision = answer("Error rate 3%: must we roll back?", {"policies/policy_v1.md": POLICY.format(above=">", held="")})
    assert said(decision).startswith("Rollback is not mandatory until")
    assert decision.missing


def test_all_of_the_following_must_hold_together() -> None:
    lines = "- error rate > 1% for 3 min\n- p95 > 900 ms for 3 min\n"
    policy = f"# P\n\n## 1. Rollback\n\nRoll back if all of these hold:\n\n{lines}"
    one = said(answer("Error rate 4% for 9 minutes. Must we roll back?", {"policies/policy_v1.md": policy}))
    both = said(
        answer(
            "Error rate 4% for 9 minutes, p95 950 ms for 9 minutes. Must we roll back?",
            {"policies/policy_v1.md": policy},
        )
    )
    assert one.startswith("Rollback is not mandatory on this alone")
    assert both.startswith("Rollback is mandatory")


def points(rates: list[float]) -> dict[str, object]:
    rows = [
        {
            "timestamp": f"2026-02-14T10:{minute:02d}:00Z",
            "service": "a",
            "latency_p95_ms": 200.0,
            "error_rate": rate,
            "ref": {"source": "m.json", "sha256": "0", "start": minute, "end": minute + 1, "quote": "x"},
        }
        for minute, rate in enumerate(rates)
    ]
    return {"points": rows}


@pytest.mark.parametrize(("bad", "mandatory"), [(4, False), (5, True), (6, True)])
def test_measured_minutes_are_counted_and_cited(bad: int, mandatory: bool) -> None:
    evidence = Evidence.of(points([0.1] * 5 + [3.0] * bad + [0.1] * 5))
    files = {"policies/policy_v1.md": POLICY.format(above=">", held="")}
    decision = answer("Do the metrics make a rollback mandatory?", files, evidence)
    assert said(decision).startswith("Rollback is mandatory") is mandatory
    assert f"for {bad} minutes" in said(decision)
    assert "m.json" in {excerpt.source for claim in decision.claims for excerpt in claim.excerpts}


def test_a_gap_in_the_measurements_ends_a_run() -> None:
    rows = points([3.0] * 3)["points"]
    later = points([3.0] * 30)["points"]
    assert isinstance(rows, list) and isinstance(later, list)
    evidence = Evidence.of({"points": rows + later[27:]})
    decision = answer(
        "Is rollback mandatory by the metrics?", {"policies/policy_v1.md": POLICY.format(above=">", held="")}, evidence
    )
    assert said(decision).startswith("Rollback is not mandatory")


def test_what_the_task_says_against_what_was_measured_is_a_conflict() -> None:
    evidence = Evidence.of(points([0.1] * 20))
    files = {"policies/policy_v1.md": POLICY.format(above=">", held="")}
    assert answer("Error rate 3% for 9 minutes, is rollback mandatory?", files, evidence).conflicts
