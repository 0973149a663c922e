"""An obligation is the same whatever its wording: action, role, time, circumstance, severity."""

import pytest
from tests.incident.writing import lines

from kapelle.incident.facts.model import Timing
from kapelle.incident.facts.timings import timings_in


def read(text: str, title: str = "Escalation") -> list[Timing]:
    return [timing for line in lines(text, title) for timing in timings_in(line)]


@pytest.mark.parametrize(
    "text",
    [
        "- P2: Escalate to duty manager at +20 minutes if unowned.",
        "- P2\n  - Page the duty manager 20 min after the alert if nobody has taken it.",
        "- If unowned at +20 minutes, notify the duty manager (P2).",
        "- After 20 minutes without an owner, P2 goes to the duty manager.",
        "- P2: the duty manager is called at +20 min if no owner is assigned.",
        "- Unowned P2 incidents are escalated to the duty manager after 20 minutes.",
        "### `P2`\n\n1. Escalate to the duty manager at T+20 min if it has no assignee.",
        "**P2**\n\n1. +20 min, if there is no owner: page the duty manager.",
        "| Severity | Escalate to | After | If |\n|---|---|---|---|\n| P2 | duty manager | 20 min | unowned |",
        "| Level | Step | Who | At | If |\n|---|---|---|---|---|\n| P2 | Page | duty manager | +20 min | unowned |",
        "| Level | First call | First call after (min) | If |\n|---|---|---|---|\n| P2 | duty manager | 20 | unowned |",
    ],
)
def test_an_escalation_is_read_in_every_wording(text: str) -> None:
    (timing,) = read(text)
    assert (timing.action, timing.role, timing.length.minutes, timing.severities) == (
        "escalate",
        "duty manager",
        20,
        (2,),
    )
    assert timing.needs == {"unowned": True}


@pytest.mark.parametrize(
    "text",
    [
        "- P1: Acknowledge within 5 minutes.",
        "- P1: acknowledge in five min",
        "- P1 incidents must be acknowledged in under 5 minutes.",
        "- P1\n  - Ack: 5 min",
        "| Severity | Acknowledge (min) |\n|---|---|\n| P1 | 5 |",
    ],
)
def test_an_acknowledgement_is_read_in_every_wording(text: str) -> None:
    (timing,) = read(text)
    assert (timing.action, timing.length.minutes, timing.severities, timing.needs) == ("acknowledge", 5, (1,), {})


def test_several_obligations_of_one_line_are_read_apart() -> None:
    found = read("- P1: acknowledge within 5 minutes; escalate to red team at +8 minutes, to blue team at +12 minutes.")
    assert [(one.action, one.role, one.length.minutes) for one in found] == [
        ("acknowledge", "", 5),
        ("escalate", "red team", 8),
        ("escalate", "blue team", 12),
    ]


def test_unless_acknowledged_asks_for_silence() -> None:
    (timing,) = read("- P1: Unless acknowledged within 10 minutes, page the backup engineer.")
    assert (timing.action, timing.role, timing.needs) == ("escalate", "backup engineer", {"unacknowledged": True})


def test_a_cadence_recurs_and_a_deadline_does_not() -> None:
    text = "- P1: Brief the executives in `#exec` within 30 minutes, then every 60 minutes."
    found = read(text, "Communication")
    assert [(one.mode, one.length.minutes, one.channels) for one in found] == [
        ("within", 30, ("#exec",)),
        ("every", 60, ("#exec",)),
    ]


def test_the_line_above_that_names_the_severity_is_kept_with_the_obligation() -> None:
    (timing,) = read("- `P1`\n  - Acknowledge within 5 minutes.")
    assert [excerpt.quote for excerpt in timing.excerpts] == ["`P1`", "Acknowledge within 5 minutes."]
