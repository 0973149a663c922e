"""Reads durations, percentages, milliseconds, ratios and counts, each with its comparator and place in the text."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict

Comparator = Literal["gt", "ge", "lt", "le"]
Unit = Literal["minutes", "percent", "ms", "times", "count"]

_ONES = re.findall(
    r"\w+",
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen ",
)
_TENS = {
    name: 10.0 * place
    for place, name in enumerate(re.findall(r"\w+", "twenty thirty forty fifty sixty seventy eighty ninety"), 2)
}
WORDS: dict[str, float] = {word: float(place) for place, word in enumerate(_ONES)} | _TENS
"""Numbers written as words."""

_WORD = rf"(?:(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_ONES[1:10])}))?|{'|'.join(reversed(_ONES))})"
_DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
NUMBER = rf"(?:{_DIGITS}|\b{_WORD}\b)"
"""A number in digits or words, as a regular expression."""

_MINUTES_PER = {"s": 1 / 60, "m": 1.0, "h": 60.0, "d": 1440.0, "w": 10080.0, "mo": 43200.0, "y": 525600.0}
_UNIT_NAME = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
_LONG_UNIT = r"seconds?|secs?|minutes?|mins?\.?|months?|hours?|hrs?|days?|weeks?|years?"
_FILLER = r"(?:(?:consecutive|straight|full|further|more|additional|whole|solid|continuous|clock)[\s-]+){0,2}"
_BUSINESS = r"(?P<business>(?:business|working|office|calendar)[\s-]+)?"
_DURATION = re.compile(
    rf"(?:(?P<half>half(?:\s+an?)?)[\s-]+(?P<half_unit>hour|day)|(?:(?<![\w.,:#])|(?<=\dh))(?P<number>{NUMBER}"
    rf"|\ban?(?=\s+(?:hour|minute|day|week)\b))"
    rf"(?:[\s-]*{_FILLER}{_BUSINESS}{_FILLER}(?P<unit>{_LONG_UNIT})\b|(?P<short>[smhd])(?![A-Za-z])"
    rf"|\s(?P<spaced>[hs])(?![A-Za-z'])))",
    re.IGNORECASE,
)
_CHANNEL = re.compile(r"#[\w-]+")  # `#inc-5m` is a channel
_PERCENT = re.compile(
    rf"(?<![\w.,])(?P<number>{NUMBER})[\s-]*(?:%|per\s?cent\b|pct\b|percentage points?\b)", re.IGNORECASE
)
_PERCENT_RANGE = re.compile(
    rf"(?:\bbetween\s+(?P<low>{NUMBER})\s*%?(?:\s*percent)?\s+and\s+"
    rf"|(?<![\w.,])(?P<from>{NUMBER})\s*%?\s*(?:-|–|\bto\b)\s*)"
    rf"(?P<high>{NUMBER})\s*(?:%|per\s?cent\b)",
    re.IGNORECASE,
)
_MILLISECONDS = re.compile(rf"(?<![\w.,])(?P<number>{NUMBER})\s*(?:ms|msecs?|milliseconds?)\b", re.IGNORECASE)
_TIMES = re.compile(
    rf"(?<![\w.,])(?P<number>{NUMBER})\s*(?:x\b|×|times\b)|\b(?P<double>doubl(?:e|es|ed)|twice)\b"
    rf"|\b(?P<triple>tripl(?:e|es|ed))\b",
    re.IGNORECASE,
)

_BEFORE: tuple[tuple[Comparator, str], ...] = (
    (
        "ge",
        r">=|≥|=>|at\s+least|no\s+less\s+than|not\s+less\s+than|no\s+fewer\s+than"
        r"|(?:a\s+)?minimum\s+(?:of\s+)?|reach(?:es|ed|ing)?|hits?",
    ),
    ("le", r"<=|≤|at\s+most|no\s+more\s+than|not\s+more\s+than|(?:a\s+)?maximum\s+of|up\s+to(?:\s+and\s+including)?"),
    (
        "gt",
        r">|(?:is\s+|goes\s+|stays\s+|rises\s+|was\s+|been\s+|remains\s+)?(?:over|above|beyond)|exceed(?:s|ed"
        r"|ing)?|(?:more|greater|higher|longer|larger)\s+than|in\s+excess\s+of|past|surpass(?:es|ed)?"
        r"|pass(?:es|ed)",
    ),
    ("lt", r"<|up\s+to\s+but\s+(?:not\s+including|excluding)|below|under|(?:less|fewer|lower|shorter)\s+than|beneath"),
)
_COMPARATORS = tuple(
    (name, re.compile(rf"(?:{pattern})\s*(?:by\s+|of\s+|than\s+|the\s+|a\s+|an\s+)*$", re.IGNORECASE))
    for name, pattern in _BEFORE
)
_OR_MORE = re.compile(
    r"\s*(?:,\s*)?(?:\(?(?:or|and)\s+(?:more|longer|higher|above|over|greater|worse)\b|\+(?!\d))", re.IGNORECASE
)
_OR_LESS = re.compile(r"\s*(?:or|and)\s+(?:less|fewer|lower|below|under|shorter)\b", re.IGNORECASE)
# "above 2% over 5 minutes" measures during five minutes; "for over 5 minutes" asks for more than five.
_DURING = re.compile(
    r"(?<!for )(?<!last )(?<!lasting )(?<!lasted )(?<!been )\bover\s+(?:an?\s+|any\s+|the\s+)?$", re.IGNORECASE
)

SYMBOLS: dict[Comparator, str] = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
"""How a comparator is shown."""


class Quantity(BaseModel):
    """A number with its unit, as it stands in a text."""

    model_config = ConfigDict(frozen=True)

    value: float
    """In `unit`; durations in minutes."""
    unit: Unit
    comparator: Comparator | None = None
    """What is written before or after it; None when nothing is."""
    text: str
    """Normalized: `15 minutes`, `2.5%`."""
    business: bool = False
    """True for business hours and working days."""
    start: int
    end: int


def number(text: str) -> float:
    """The value of a number in digits or words; `a` and `an` are one."""
    words = re.split(r"[\s-]+", text.lower())
    if all(word in WORDS for word in words):
        return sum(WORDS[word] for word in words)
    return 1.0 if text.lower() in ("a", "an") else float(text.replace(",", ""))


def shown(value: float) -> str:
    """A number without needless zeros, rounded to two places."""
    return f"{round(value, 2):.2f}".rstrip("0").rstrip(".")


def minutes_shown(minutes: float) -> str:
    """Minutes in words, such as `6 minutes`."""
    return f"{shown(minutes)} minute{'' if minutes == 1 else 's'}"


def durations(text: str) -> tuple[Quantity, ...]:
    """Every duration in `text`, in order; `1 hour 30 minutes` is one."""
    bare = _CHANNEL.sub(lambda match: " " * len(match[0]), text)
    found = [_duration(text, match) for match in _DURATION.finditer(bare)]
    merged: list[Quantity] = []
    for one in found:
        last = merged[-1] if merged else None
        if last and last.value > one.value and re.fullmatch(r"\s*(?:and\s+)?", text[last.end : one.start]):
            both = {"value": last.value + one.value, "text": f"{last.text} {one.text}", "end": one.end}
            merged[-1] = last.model_copy(update=both)
        else:
            merged.append(one)
    return tuple(merged)


def percentages(text: str) -> tuple[Quantity, ...]:
    """Every percentage in `text`, in order."""
    ranges = list(_PERCENT_RANGE.finditer(text))
    found = [
        _bound(match, name, bound)
        for match in ranges
        for name, bound in (("low" if match["low"] else "from", "ge"), ("high", "le"))
    ]
    spans = [match.span() for match in ranges]
    plain = [
        match for match in _PERCENT.finditer(text) if not any(start <= match.start() < end for start, end in spans)
    ]
    found += [_plain(text, match, "percent", "{}%") for match in plain]
    return tuple(sorted(found, key=lambda one: one.start))


def milliseconds(text: str) -> tuple[Quantity, ...]:
    """Every stretch of milliseconds in `text`, in order."""
    return tuple(_plain(text, match, "ms", "{} ms") for match in _MILLISECONDS.finditer(text))


def ratios(text: str) -> tuple[Quantity, ...]:
    """Every factor in `text`, such as `3x`, `twice`, `doubled`."""
    return tuple(_plain(text, match, "times", "{} times") for match in _TIMES.finditer(text))


def comparator_at(text: str, start: int, end: int) -> Comparator | None:
    """The comparator written around `text[start:end]`, or None."""
    if _OR_MORE.match(text, end):
        return "ge"
    if _OR_LESS.match(text, end):
        return "le"
    before = text[max(0, start - 48) : start]
    return next((name for name, pattern in _COMPARATORS if pattern.search(before)), None)


def meets(value: float, comparator: Comparator, limit: float) -> bool:
    """Whether `value` stands to `limit` as the comparator says; both rounded to six places."""
    left, right = round(value, 6), round(limit, 6)
    return {"gt": left > right, "ge": left >= right, "lt": left < right, "le": left <= right}[comparator]


def _duration(text: str, match: re.Match[str]) -> Quantity:
    if match["half"]:
        unit, count = ("m", 30.0) if match["half_unit"].lower() == "hour" else ("h", 12.0)
    else:
        word = (match["unit"] or match["short"] or match["spaced"]).lower()
        unit, count = ("mo" if word.startswith("mo") else word[0]), number(match["number"])
    kind = (match["business"] or "").strip(" -").lower()
    kind = "" if kind == "calendar" else kind
    shown_count, name = shown(count), _UNIT_NAME[unit]
    return Quantity(
        value=count * _MINUTES_PER[unit],
        unit="minutes",
        comparator=None if _DURING.search(text[: match.start()]) else comparator_at(text, match.start(), match.end()),
        text=" ".join(filter(None, (shown_count, kind, name + ("" if count == 1 else "s")))),
        business=bool(kind),
        start=match.start(),
        end=match.end(),
    )


def _bound(match: re.Match[str], name: str, comparator: str) -> Quantity:
    """One end of a range such as `between 2 and 6 percent`; both ends are included."""
    value = number(match[name])
    inclusive: Comparator = "ge" if comparator == "ge" else "le"
    return Quantity(
        value=value,
        unit="percent",
        comparator=inclusive,
        text=f"{shown(value)}%",
        start=match.start(name),
        end=match.end(name),
    )


def _plain(text: str, match: re.Match[str], unit: Unit, form: str) -> Quantity:
    groups = match.groupdict()
    value = 2.0 if groups.get("double") else 3.0 if groups.get("triple") else number(match["number"])
    return Quantity(
        value=value,
        unit=unit,
        comparator=comparator_at(text, match.start(), match.end()),
        text=form.format(shown(value)),
        start=match.start(),
        end=match.end(),
    )
