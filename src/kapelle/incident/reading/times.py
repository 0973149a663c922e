"""Reads weekdays, clock times, instants and dates from a text, in order and with their places."""

import re
from datetime import UTC, date, datetime

from pydantic import BaseModel, ConfigDict

from kapelle.incident.reading.calendar import DAY, DAY_NAMES, DayMonth

_DAY = r"(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:s|nesday)?|thu(?:rs?(?:day)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
_DASH = r"\s*(?:-|–|—|\bto\b|\bthrough\b|\bthru\b|\buntil\b|\btill\b)\s*"
_DAYS = re.compile(
    rf"(?<![#\w])(?:(?P<first>{_DAY})s?(?:{_DASH}(?P<last>{_DAY})s?)?"
    r"|(?P<group>week-?days?|business days|working days|weekends?|daily|every day|each day|any day|all "
    r"days|all week))(?!\w)",
    re.IGNORECASE,
)
_GROUPS = {"weekend": (5, 6), "week": (0, 1, 2, 3, 4), "business": (0, 1, 2, 3, 4), "working": (0, 1, 2, 3, 4)}
_CLOCK = re.compile(
    r"(?<![\d:.#])(?<!\d\+)(?:(?P<hour>[01]?\d|2[0-4])(?:[:h]|\.(?=[0-5]\d\s*(?:[ap]\.?m\b|UTC|GMT"
    r"|h\b)))(?P<minute>[0-5]\d)(?::[0-5]\d)?(?:\s*(?P<half>am|pm"
    r"|a\.m\.|p\.m\.)(?![a-z]))?"
    r"|(?P<hour12>1[0-2]|0?[1-9])\s*(?P<half12>am|pm|a\.m\.|p\.m\.)(?![a-z])"
    r"|(?P<military>(?:[01]\d|2[0-4])[0-5]\d)(?=\s*(?:(?:-|–|—|to|and)\s*\d{4}\s*)?(?:h\b|hrs\b|hours\b|UTC|Z\b|GMT))"
    r"|(?<!\d-)(?P<bare>[01]?\d|2[0-4])(?=\s*(?:h\b\s*)?(?:UTC|GMT|o'clock))"
    r"|(?P<word>\bnoon\b|\bmidday\b|\bmidnight\b))(?![\d%])",
    re.IGNORECASE,
)
_ZONE = re.compile(
    r"\s*(?:hrs?\b|hours\b|h\b)?\s*\(?(?:(?P<name>UTC|GMT|Z|CEST|CET|BST|EEST|EET|EST|EDT|CST|CDT|MST|MDT"
    r"|PST|PDT|IST|JST)\b)?(?P<offset>(?<=[CT])[+-]\d{1,2}(?!:?\d*:)(?::?\d{2})?|\+\d{2}:?\d{2})?"
)
_ZONE_HOURS = {
    "CET": 1,
    "CEST": 2,
    "BST": 1,
    "EET": 2,
    "EEST": 3,
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
    "IST": 5.5,
    "JST": 9,
}
INSTANT = re.compile(
    r"\b(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?", re.IGNORECASE
)
"""An ISO 8601 instant."""
_DATE = re.compile(r"\b(?P<iso>\d{4}-\d{2}-\d{2})(?!\d)")
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DAY_MONTH = re.compile(
    rf"\b(?P<day>[0-3]?\d)(?:st|nd|rd|th)?(?:\s+of)?\s+{_MONTH}\b\.?(?:,?\s+(?P<year>\d{{4}}))?", re.IGNORECASE
)
_MONTH_DAY = re.compile(
    rf"\b{_MONTH}\b\.?\s+(?:the\s+)?(?P<day>[0-3]?\d)(?:st|nd|rd|th)?\b(?!:)(?:,?\s+(?P<year>\d{{4}}))?", re.IGNORECASE
)


class Clock(BaseModel):
    """A time of day in a text, in UTC; `shift` is the day it falls on after the conversion (-1, 0 or 1)."""

    model_config = ConfigDict(frozen=True)

    minute: int
    shift: int = 0
    start: int
    end: int


class Days(BaseModel):
    """Weekdays named in a text, Monday is 0."""

    model_config = ConfigDict(frozen=True)

    days: tuple[int, ...]
    start: int
    end: int


class Dated(BaseModel):
    """A date named in a text."""

    model_config = ConfigDict(frozen=True)

    day: DayMonth
    start: int
    end: int


def days_in(text: str) -> tuple[Days, ...]:
    """Every weekday, range of weekdays or group of them, in order."""
    matches = [match for match in _DAYS.finditer(text) if _means_a_day(text, match)]
    return tuple(Days(days=_days(match), start=match.start(), end=match.end()) for match in matches)


def clocks_in(text: str) -> tuple[Clock, ...]:
    """Every time of day, in order; a zone written after the last of a range holds for the whole range."""
    matches = list(_CLOCK.finditer(text))
    offsets = [_offset(text, match.end()) for match in matches]
    found: list[Clock] = []
    for position, match in enumerate(matches):
        known = [offset for offset in offsets[position:] if offset is not None]
        minute = _minute(match) - int((known[0] if known else 0) * 60)
        wrapped = minute if minute == DAY else minute % DAY
        found.append(
            Clock(minute=wrapped, shift=0 if minute == DAY else minute // DAY, start=match.start(), end=match.end())
        )
    return tuple(found)


def instants_in(text: str) -> tuple[datetime, ...]:
    """Every ISO 8601 instant, in order; without a zone it is UTC."""
    found = []
    for day, clock, zone in INSTANT.findall(text):
        suffix = "+00:00" if zone.upper() in ("", "Z", "UTC") else zone
        try:
            found.append(datetime.fromisoformat(f"{day}T{clock}{suffix}").astimezone(UTC))
        except ValueError:
            continue
    return tuple(found)


def dates_in(text: str) -> tuple[Dated, ...]:
    """Every calendar date, in order: 2026-02-16, 16 February 2026, Feb 16."""
    found = [_iso(match) for match in _DATE.finditer(text)]
    found += [_named(match) for pattern in (_DAY_MONTH, _MONTH_DAY) for match in pattern.finditer(text)]
    kept: list[Dated] = []
    for one in sorted((one for one in found if one), key=lambda one: (one.start, -one.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return tuple(kept)


def _means_a_day(text: str, match: re.Match[str]) -> bool:
    """`sat`, `sun`, `wed` and `mon` are also other words: alone and in lower case they need an `on` before them."""
    alone = match["first"] in ("sat", "sun", "wed", "mon") and not match["last"]
    return not alone or text[: match.start()].lower().endswith("on ")


def _days(match: re.Match[str]) -> tuple[int, ...]:
    if match["group"]:
        return next(
            (days for name, days in _GROUPS.items() if match["group"].lower().startswith(name)), tuple(range(7))
        )
    first = _weekday(match["first"])
    last = _weekday(match["last"]) if match["last"] else first
    return tuple((first + step) % 7 for step in range((last - first) % 7 + 1))


def _weekday(name: str) -> int:
    return next(index for index, day in enumerate(DAY_NAMES) if day[:3].lower() == name[:3].lower())


def _minute(match: re.Match[str]) -> int:
    if match["word"]:
        return 0 if match["word"].lower() == "midnight" else 720
    if match["military"]:
        return int(match["military"][:2]) * 60 + int(match["military"][2:])
    half = (match["half"] or match["half12"] or "").lower()[:1]
    hour = int(match["hour"] or match["hour12"] or match["bare"])
    hour = hour % 12 + (12 if half == "p" else 0) if half else hour
    return hour * 60 + int(match["minute"] or 0)


def _offset(text: str, end: int) -> float | None:
    match = _ZONE.match(text, end)
    if match is None or not (match["name"] or match["offset"]):
        return None
    hours = float(_ZONE_HOURS.get((match["name"] or "UTC").upper(), 0))
    if match["offset"]:
        sign = -1 if match["offset"][0] == "-" else 1
        digits = match["offset"][1:].replace(":", "")
        hours += sign * (int(digits[:2]) + (int(digits[2:]) / 60 if len(digits) > 2 else 0))
    return hours


def _iso(match: re.Match[str]) -> Dated | None:
    try:
        day = date.fromisoformat(match["iso"])
    except ValueError:
        return None
    return Dated(day=DayMonth(month=day.month, day=day.day, year=day.year), start=match.start(), end=match.end())


def _named(match: re.Match[str]) -> Dated | None:
    month = next(index for index, name in enumerate(_MONTHS, 1) if name.startswith(match["month"][:3].lower()))
    day, year = int(match["day"]), match["year"]
    verb = match["month"] in ("may", "mar", "march") and not year  # "may 5 people ...": in lower case it is no month
    if verb or not 1 <= day <= 31:
        return None
    return Dated(
        day=DayMonth(month=month, day=day, year=int(year) if year else None), start=match.start(), end=match.end()
    )
