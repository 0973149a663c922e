"""When a task asks about: weekdays with times, instants, dates, weeks of the year."""

import datetime
import re

from kapelle.incident.reading.calendar import DAY, WEEK, Moment, full_date, moment_of
from kapelle.incident.reading.times import INSTANT, Clock, clocks_in, dates_in, days_in, instants_in

_STARTED = re.compile(
    r"\b(?:alert|alarm|incident|outage|it|P\d|page|breach|event)?\s*\b(?:fired|fires|started|starts|began"
    r"|begins|opened|triggered|raised|detected|went off|broke out|declared|occurred|alert"
    r"|alarm)\b\s*(?:on\s+)?(?:\w+\s+)?(?:at\s+)?",
    re.IGNORECASE,
)
_LAST = re.compile(
    r"\b(?:(?:last|first|latest|previous|most recent)\b.{0,40}?\b(?:at|was|went out at)|(?:went out|posted"
    r"|sent|published|briefed|updated) (?:at|was at))\s+",
    re.IGNORECASE,
)

_ISO_WEEK = re.compile(
    r"\b(?P<year>\d{4})-?W(?P<week>\d{1,2})\b|\b(?:calendar )?week (?P<number>\d{1,2}) (?:of|in) (?P<of>\d{4})\b",
    re.IGNORECASE,
)


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
    single = [days for days in days_in(prompt) if len(days.days) == 1]
    for days in single or days_in(prompt):
        # "Tuesday 2026-02-17" is one day; the date knows more.
        if not any(abs(place - days.start) < 24 and weekday in days.days for place, weekday, day in named if day):
            named.extend((days.start, weekday, None) for weekday in days.days[:2])
    return tuple(_moment(place, weekday, day, clocks) for place, weekday, day in sorted(named, key=lambda one: one[0]))


def started_at(prompt: str) -> Moment | None:
    """When the alert fired or the incident began."""
    return _cued(prompt, _STARTED)


def last_done_at(prompt: str) -> Moment | None:
    """When the last update went out."""
    return _cued(prompt, _LAST)


def minutes_between(prompt: str, started: Moment | None) -> float | None:
    """Minutes from the first to the second time named: of one day, or over days where the task names them."""
    clocks = clocks_in(prompt)
    if len(clocks) < 2 or instants_in(prompt):
        return None
    moments = [moment for moment in moments_of(prompt) if moment.minute is not None]
    if len(moments) >= 2:
        return float((moments[1].minute_of_week - moments[0].minute_of_week) % WEEK)
    return float((clocks[1].minute - clocks[0].minute) % DAY) if started else None


def _cued(prompt: str, cue: re.Pattern[str]) -> Moment | None:
    """The time that follows the cue's words, with the date named beside it."""
    instants = list(INSTANT.finditer(prompt))
    for match in cue.finditer(prompt):
        near = [one for one in instants if match.end() <= one.start() <= match.end() + 30]
        if near:
            return moment_of(instants_in(near[0][0])[0])
        clock = next((one for one in clocks_in(prompt) if match.end() <= one.start + 1 <= match.end() + 30), None)
        if clock is not None:
            named = next(iter(moments_of(prompt)), None)
            weekday = named.weekday if named else 0
            return Moment(weekday=weekday, minute=clock.minute % DAY, date=named.date if named else None)
    return None


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
