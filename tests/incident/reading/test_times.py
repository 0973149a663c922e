"""Weekdays, clock times, zones and dates are read in the forms people use."""

import pytest

from kapelle.incident.reading.times import clocks_in, dates_in, days_in, instants_in


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Monday-Thursday", [(0, 1, 2, 3)]),
        ("Mon–Thu", [(0, 1, 2, 3)]),
        ("Friday to Monday", [(4, 5, 6, 0)]),
        ("on weekdays", [(0, 1, 2, 3, 4)]),
        ("Tue, Wed and Fri", [(1,), (2,), (4,)]),
        ("the pods sat idle in the sun", []),
    ],
)
def test_weekdays_are_read_alone_in_ranges_and_in_groups(text: str, days: list[tuple[int, ...]]) -> None:
    assert [one.days for one in days_in(text)] == days


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("13:00-21:00 UTC", [780, 1260]),
        ("1300-2100 UTC", [780, 1260]),
        ("9am to 5pm", [540, 1020]),
        ("at 14 UTC", [840]),
        ("noon", [720]),
        ("14:00 CET", [780]),
        ("15:00+02:00", [780]),
        ("24:00", [1440]),
        ("error rate 2.50", []),
    ],
)
def test_clock_times_are_read_in_utc(text: str, minutes: list[int]) -> None:
    assert [one.minute for one in clocks_in(text)] == minutes


def test_dates_are_read_in_numbers_and_words() -> None:
    found = dates_in("2026-02-16, 17 February 2026, Feb 18 and the 19th of February")
    assert [(one.day.month, one.day.day, one.day.year) for one in found] == [
        (2, 16, 2026),
        (2, 17, 2026),
        (2, 18, None),
        (2, 19, None),
    ]


def test_a_verb_is_no_month() -> None:
    assert dates_in("may 5 people approve") == ()


def test_an_instant_without_a_zone_is_utc_and_one_that_cannot_be_is_left_out() -> None:
    assert [one.isoformat() for one in instants_in("2026-02-14T10:00 and 2026-02-31T10:00:00Z")] == [
        "2026-02-14T10:00:00+00:00"
    ]
