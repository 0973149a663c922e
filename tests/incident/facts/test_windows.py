"""Windows and freezes are read as spans of the week or ranges of dates."""

import pytest
from tests.incident.writing import lines

from kapelle.incident.facts.model import Window
from kapelle.incident.facts.windows import windows_in


def read(text: str) -> list[Window]:
    return [window for line in lines(text, "Change windows and freeze") for window in windows_in(line)]


@pytest.mark.parametrize(
    "text",
    [
        "- Standard changes: Monday-Thursday, 09:00-16:00 UTC.",
        "- Standard changes are allowed Mon–Thu between 0900 and 1600 UTC.",
        "- Standard changes may go out from 9am to 4pm, Monday to Thursday.",
        "- Standard changes: Mon, Tue, Wed and Thu 09:00-16:00",
        "| Window | Days | Hours (UTC) |\n|---|---|---|\n| Standard changes | Mon-Thu | 09:00-16:00 |",
    ],
)
def test_a_change_window_is_read_in_every_wording(text: str) -> None:
    (window,) = read(text)
    assert (window.allows, window.shown) == (True, "Monday-Thursday, 09:00-16:00 UTC")
    assert "standard" in window.subject.lower()


@pytest.mark.parametrize(
    "text",
    [
        "- Freeze window: Friday 14:00 UTC to Monday 07:00 UTC.",
        "- Weekend freeze: from Friday 14:00 until Monday 07:00.",
        "- Production is frozen from 14:00 on Friday until 07:00 on Monday.",
        "- Nothing is released from Fri 1400 UTC until Mon 0700 UTC.",
        "| Window | From | To |\n|---|---|---|\n| Freeze | Friday 14:00 UTC | Monday 07:00 UTC |",
    ],
)
def test_a_freeze_over_the_weekend_is_read_in_every_wording(text: str) -> None:
    (window,) = read(text)
    assert (window.allows, window.shown) == (False, "Friday 14:00 UTC to Monday 07:00 UTC")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("- No changes on Fridays after 15:00 UTC.", "Friday, 15:00-24:00 UTC"),
        ("- No deployments on weekends.", "Saturday 00:00 UTC to Monday 00:00 UTC"),
        ("- Year-end freeze: 15 December to 5 January", "15 December to 5 January"),
    ],
)
def test_what_is_forbidden_is_a_freeze(text: str, shown: str) -> None:
    (window,) = read(text)
    assert (window.allows, window.shown) == (False, shown)


def test_what_is_forbidden_outside_hours_is_allowed_within_them() -> None:
    (window,) = read("- No changes are made outside Mon–Thu 09:00–16:00 UTC.")
    assert (window.allows, window.shown) == (True, "Monday-Thursday, 09:00-16:00 UTC")


def test_days_with_hours_of_their_own_keep_them() -> None:
    (window,) = read("- Changes: Mon-Wed 18:00-22:00 UTC and Thu 18:00-20:00 UTC.")
    assert window.shown == "Monday-Wednesday, 18:00-22:00 UTC; Thursday, 18:00-20:00 UTC"


def test_business_hours_are_no_change_window() -> None:
    (window,) = [
        one for line in lines("- Business hours are Mon-Fri, 08:00-17:00.", "Scope") for one in windows_in(line)
    ]
    assert window.topic == "scope"
