"""Hold the periods of a claim against its quotes: years, quarters, months, days, `last year`, before and after."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from kapelle.language.words import base, fold
from kapelle.verdict.words import Sentence, until_is_after

Kind = Literal[
    "year", "decade", "century", "quarter", "half", "month", "date", "weekday", "time", "relative", "day", "frequency"
]

MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "last": 4}
_MONTH = r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|" \
         r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"  # fmt: skip
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("iso", r"\b(?P<y>[12]\d{3})-(?P<m>0[1-9]|1[0-2])-(?P<d>[0-3]\d)\b"),
    ("day_month", rf"\b(?P<d>[0-3]?\d)(?:st|nd|rd|th)? (?:of )?{_MONTH}\b\.?"),
    ("month_day", rf"\b{_MONTH}\.? (?P<d>[0-3]?\d)(?:st|nd|rd|th)?\b(?!:)"),
    ("time", r"\b(?P<h>[01]?\d|2[0-4])(?::(?P<min>[0-5]\d))?(?::[0-5]\d)? ?(?P<half>[ap])\.?m\b|"
             r"\b(?P<h2>[01]?\d|2[0-4]):(?P<min2>[0-5]\d)\b"),
    ("quarter", r"\bq(?P<q>[1-4])\b|\b(?P<qw>first|second|third|fourth|last|[1-4](?:st|nd|rd|th)) quarter\b"),
    ("half", r"\bh(?P<hn>[12])\b|\b(?P<hw>first|second) half\b"),
    ("century", r"\b(?P<c>\d\d?)(?:st|nd|rd|th)[- ]centur"),
    ("decade", r"\b(?P<dec>[12]\d{2}0)'?s\b"),
    ("relative", r"\b(?P<rel>last|past|previous|preceding|prior|this|current|next|following|coming|upcoming) "
                 r"(?P<unit>year|quarter|month|week|weekend|day|night|morning|evening|season|century|decade|spring|"
                 r"summer|autumn|winter)\b|\b(?P<day>yesterday|today|tomorrow)\b"),
    ("frequency", r"\b(?:each|every|per) (?P<each>second|minute|hour|day|week|month|quarter|year)\b|"
                  r"\b(?P<often>hourly|daily|weekly|monthly|quarterly|yearly|annual(?:ly)?)\b"),
    ("year_of_range", r"(?<=\d-)(?P<year2>1\d{3}|20\d{2})\b|(?<![\w-])(?P<since>[12]\d)\d\d-(?P<short>\d\d)\b(?!-)"),
    ("year", r"(?<![\w.,$€£-])(?P<year>1\d{3}|20\d{2}|21\d{2})(?![\w%]|[,.]\d| ?(?:km|m|mm|kg|%|usd|eur)\b)"),
    ("weekday", r"\b(?P<weekday>mondays?|tuesdays?|wednesdays?|thursdays?|fridays?|saturdays?|sundays?)\b"),
    ("month", rf"\b{_MONTH}\b"),
)  # fmt: skip
_COMPILED = tuple((name, re.compile(pattern)) for name, pattern in _PATTERNS)
_SHORT_MONTH = re.compile(
    r"(?:in|of|since|until|till|by|from|during|before|after|and|to|through|between|late|early|mid|last|next|this|every|"
    r"each)[ -]$|\d(?:st|nd|rd|th)? $"
)
_YEAR_BEHIND = re.compile(r"\.? (?:1|20)\d{2,3}\b")
_RELATIVE = {
    "past": "last", "previous": "last", "preceding": "last", "prior": "last", "current": "this", "following": "next",
    "coming": "next", "upcoming": "next",
}  # fmt: skip
_OFTEN = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter"}
_EARLIER = r"before|prior to|until|till|up to|by|no later than|not later than|earlier than|ahead of"
_LATER = r"after|since|from|following|no earlier than|not earlier than|later than|as of|once"
_SIDE = re.compile(rf"\b(?:(?P<earlier>{_EARLIER})|(?P<later>{_LATER})) (?:the |an? |its |their |on |in |[\w-]+ of )*$")
_EVENT = re.compile(
    r"\b(?:(?P<earlier>before|until|till|prior to|ahead of)|(?P<later>after|following|subsequent to)) "
    r"(?:(?:the|an?|its|their|his|her|every|each|any) )*(?P<what>[a-z]+)"
)


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch or point of time that a text names."""

    kind: Kind
    value: str
    """The same for all ways to say it: `03-15` of a date, `last year`."""
    side: Literal["", "earlier", "later"]
    start: int
    text: str


def period_problems(claim: Sequence[Sentence], quotes: Sequence[Sentence], given: Sequence[Sentence]) -> list[str]:
    """Say which periods of a claim no quote names, and which stand on the other side (before, after)."""
    known = [period for sentence in quotes for period in periods(sentence.text)]
    stated = {(period.kind, period.value) for sentence in given for period in periods(sentence.text)}
    mine = [one for sentence in claim for one in periods(sentence.text)]
    claimed = {(one.kind, one.value) for one in mine}
    problems = []
    for period in mine:
        equal = [one for one in known if (one.kind, one.value) == (period.kind, period.value)]
        others = [one for one in known if one.kind == period.kind]
        if equal:
            if period.side and all(one.side not in ("", period.side) for one in equal):
                problems.append(f"the claim says {_worded(period)}, the quote {_worded(equal[0])}")
        elif (period.kind, period.value) in stated and all((one.kind, one.value) in claimed for one in others):
            continue  # the asker named it, and the quotes name no other in its place
        elif others or period.kind != "frequency":
            instead = f"; the quote says {others[0].text}" if others else ""
            problems.append(f"the period {period.text} is in no quote{instead}")
    return list(dict.fromkeys([*problems, *_turned_events(claim, quotes)]))


@lru_cache(maxsize=2_048)
def periods(text: str) -> tuple[Period, ...]:
    """The periods of a text, in order; a date is also its month, and its year where it has one."""
    folded = fold(text)
    taken = [False] * (len(folded) + 1)
    found: list[Period] = []
    for name, pattern in _COMPILED:
        for match in pattern.finditer(folded):
            if any(taken[match.start() : match.end()]):
                continue
            made = list(_made(name, match, folded, text))
            if made:
                taken[match.start() : match.end()] = [True] * (match.end() - match.start())
            found.extend(made)
    return tuple(sorted(found, key=lambda period: period.start))


def _made(name: str, match: re.Match[str], folded: str, text: str) -> Iterator[Period]:
    # Folding keeps places in all but a few letters; the words shown may then be off, never what is compared.
    said = text[match.start() : match.end()].rstrip(".")
    side = _side(folded[max(0, match.start() - 40) : match.start()])

    def period(kind: Kind, value: str) -> Period:
        return Period(kind, value, side, match.start(), said)

    groups = match.groupdict()
    if name == "iso":
        yield period("year", groups["y"])
        yield period("month", str(int(groups["m"])))
        yield period("date", f"{int(groups['m'])}-{int(groups['d'])}")
    elif name in ("day_month", "month_day"):
        month = _month(groups["month"])
        yield period("month", str(month))
        yield period("date", f"{month}-{int(groups['d'])}")
    elif name == "time":
        yield period("time", _clock(groups))
    elif name == "quarter":
        yield period("quarter", groups["q"] or str(_ORDINALS[groups["qw"]]))
    elif name == "half":
        yield period("half", groups["hn"] or str(_ORDINALS[groups["hw"]]))
    elif name == "century":
        yield period("century", groups["c"])
    elif name == "decade":
        yield period("decade", groups["dec"])
    elif name == "relative":
        if groups["day"]:
            yield period("day", groups["day"])
        else:
            word = groups["rel"]
            yield period("relative", f"{_RELATIVE.get(word, word)} {groups['unit']}")
    elif name == "frequency":
        yield period("frequency", groups["each"] or _OFTEN.get(groups["often"], "year"))
    elif name.startswith("year"):
        yield period("year", groups.get("year") or groups.get("year2") or f"{groups['since']}{groups['short']}")
        if groups.get("short"):
            yield period("year", match.group()[:4])
    elif name == "weekday":
        yield period("weekday", groups["weekday"].rstrip("s"))
    elif _is_month(match, folded, said):
        yield period("month", str(_month(groups["month"])))


def _month(word: str) -> int:
    return next(place for place, name in enumerate(MONTHS, 1) if name.startswith(word[:3]))


def _is_month(match: re.Match[str], folded: str, said: str) -> bool:
    """`May`, `March` and short forms are other words too, unless they stand where a month does, with a capital."""
    if not said[:1].isupper():
        return False
    if match.group() in MONTHS and match.group() not in ("may", "march", "august"):
        return True
    return bool(
        _SHORT_MONTH.search(folded[max(0, match.start() - 10) : match.start()])
        or _YEAR_BEHIND.match(folded, match.end())
    )


def _clock(groups: dict[str, str | None]) -> str:
    hour, minute = int(groups["h"] or groups["h2"] or 0), groups["min"] or groups["min2"] or "00"
    if groups["half"] and hour <= 12:
        hour = hour % 12 + (12 if groups["half"] == "p" else 0)
    return f"{hour:02d}:{minute}"


def _side(before: str) -> Literal["", "earlier", "later"]:
    match = _SIDE.search(before)
    if match is None:
        return ""
    # "No earlier than" ends with a word of the other side.
    if match["later"] and re.search(r"\b(?:no|not) $", before[: match.start()]) and match["later"] == "later than":
        return "earlier"
    if (
        match["earlier"]
        and re.search(r"\b(?:no|not) $", before[: match.start()])
        and match["earlier"] == "earlier than"
    ):
        return "later"
    return "earlier" if match["earlier"] else "later"


def _turned_events(claim: Sequence[Sentence], quotes: Sequence[Sentence]) -> Iterator[str]:
    """`Before the review` where the quote says `after the review`."""
    said = {(what, side) for sentence in quotes for what, side, _ in _events(sentence.text)}
    for sentence in claim:
        for what, side, text in _events(sentence.text):
            other = "later" if side == "earlier" else "earlier"
            if (what, other) in said and (what, side) not in said:
                turned = "after" if other == "later" else "before"
                yield f"the claim says `{text}`, the quote says it of {turned}"


def _events(text: str) -> Iterator[tuple[str, str, str]]:
    for match in _EVENT.finditer(until_is_after(fold(text))):
        yield base(match["what"]), "earlier" if match["earlier"] else "later", match.group()


def _worded(period: Period) -> str:
    words = {"": "at", "earlier": "before", "later": "after"}
    return f"{words[period.side]} {period.text}"
