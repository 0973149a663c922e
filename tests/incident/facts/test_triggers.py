"""Rollback triggers are read with their comparator, duration and lead-in."""

from tests.incident.writing import lines

from kapelle.incident.facts.model import Trigger
from kapelle.incident.facts.triggers import triggers_in


def read(text: str) -> list[Trigger]:
    return [trigger for line in lines(text, "Rollback") for trigger in triggers_in(line)]


def test_thresholds_checks_and_circumstances_of_a_list_are_triggers() -> None:
    found = read(
        "A rollback is mandatory when any of these holds:\n\n- Error rate > 2% for 5 minutes.\n"
        "- 3 consecutive failed synthetic checks.\n- A confirmed duplicate charge.\n\n"
        "Start a rollback within 10 minutes."
    )
    assert [len(trigger.conditions) for trigger in found] == [1, 1, 0]
    assert all(trigger.mandatory and not trigger.joint for trigger in found)


def test_alternatives_of_one_line_are_triggers_of_their_own() -> None:
    found = read("- Roll back if the error rate is over 2% for 5 minutes or above 6% for 1 minute.")
    assert [(one.conditions[0].metric, one.conditions[0].value) for one in found] == [
        ("error_rate", 2),
        ("error_rate", 6),
    ]


def test_all_of_the_following_must_hold_together() -> None:
    found = read("Roll back if all of the following hold:\n\n- error rate > 1% for 3 min\n- p95 > 900 ms for 3 min")
    assert [trigger.joint for trigger in found] == [True, True]


def test_what_is_recommended_is_not_mandatory() -> None:
    (trigger,) = read("- Rolling back is recommended when CPU is above 85% for 20 minutes.")
    assert not trigger.mandatory


def test_a_recovery_is_no_trigger() -> None:
    assert read("- After a rollback, the error rate must stay below 1% for 30 minutes.") == []
