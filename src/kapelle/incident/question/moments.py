"""When a task asks about: weekdays with times, instants, dates, weeks of the year."""

import datetime
import re

from kapelle.incident.reading.calendar import Moment, full_date, moment_of
from kapelle.incident.reading.times import Clock, clocks_in, dates_in, days_in, instants_in

_ISO_WEEK = re.compile(r"\b(?P<year>\d{4})-?W(?P<week>\d{1,2})\b|\b(?:calendar )?week (?P<number>\d{1,2}) (?:of|in) (?P<of>\d{4})\b", re.IGNORECASE)


def moments_of(prompt: str) -> tuple[Moment, ...]:
    """Every moment named: an instant, or a weekday or date with the time nearest to it."""
    instants = instants_in(prompt)
    if instants:
        return tuple(moment_of(instant) for instant in instants)
    clocks = clocks_in(prompt)
    named: list[tuple[int, int, datetime.date | None]] = []
    for one in dates_in(prompt):
        day = full_date(one.day)
        if day is not None:
            named.append((one.start, day.weekday(), day))
    for days in days_in(prompt):
        # "Tuesday 2026-02-17" is one day; the date knows more.
        if not any(abs(place - days.start) < 24 and weekday in days.days for place, weekday, day in named if day):
            named.extend((days.start, weekday, None) for weekday in days.days[:2])
    return tuple(_moment(place, weekday, day, clocks) for place, weekday, day in sorted(named, key=lambda one: one[0]))


def dates_of(prompt: str) -> tuple[datetime.date, ...]:
    """Every full date named, in order; of a week of the year its Monday."""
    found = [day for one in dates_in(prompt) if (day := full_date(one.day))]
    for match in _ISO_WEEK.finditer(prompt):
        year, week = int(match["year"] or match["of"]), int(match["week"] or match["number"])
        if 1 <= week <= 53:
            found.append(datetime.date.fromisocalendar(year, min(week, 52), 1))
    return tuple(dict.fromkeys(found))


def _moment(place: int, weekday: int, day: datetime.date | None, clocks: tuple[Clock, ...]) -> Moment:
    nearest = min(clocks, key=lambda clock: abs(clock.start - place), default=None)
    if nearest is None:
        return Moment(weekday=weekday, date=day)
    shifted = day + datetime.timedelta(days=nearest.shift) if day else None
    return Moment(weekday=(weekday + nearest.shift) % 7, minute=nearest.minute % 1440, date=shifted)
