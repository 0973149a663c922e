"""The week wraps: a freeze over the weekend holds on Sunday and ends on Monday."""

import datetime

import pytest

from kapelle.incident.reading.calendar import DAY, DayMonth, Moment, WeeklySpan, shifted, within

WEEKEND = WeeklySpan(start=4 * DAY + 14 * 60, end=7 * 60)
"""Friday 14:00 to Monday 07:00."""


@pytest.mark.parametrize(
    ("day", "hour", "minute", "inside"),
    [(4, 13, 59, False), (4, 14, 0, True), (5, 3, 0, True), (6, 23, 59, True), (0, 6, 59, True), (0, 7, 0, False)],
)
def test_a_span_over_the_weekend_includes_its_start_and_excludes_its_end(
    day: int, hour: int, minute: int, inside: bool
) -> None:
    assert WEEKEND.contains(day * DAY + hour * 60 + minute) is inside


def test_the_rest_of_a_wrapping_span_is_counted_over_sunday_night() -> None:
    assert WEEKEND.until_end(6 * DAY + 23 * 60) == 8 * 60


def test_a_range_without_years_comes_back_every_year_and_may_span_new_year() -> None:
    first, last = DayMonth(month=12, day=15), DayMonth(month=1, day=5)
    assert within(datetime.date(2025, 12, 31), first, last)
    assert within(datetime.date(2026, 1, 5), first, last)
    assert not within(datetime.date(2026, 1, 6), first, last)


def test_minutes_added_past_midnight_move_the_date() -> None:
    late = Moment(weekday=5, minute=23 * 60 + 50, date=datetime.date(2026, 2, 14))
    assert shifted(late, 25).shown == "Sunday 2026-02-15 00:15 UTC"
