"""Reads change and freeze windows from a line: weekly spans, also over a weekend, and ranges of dates."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kapelle.incident.facts.lines import Line
from kapelle.incident.facts.model import Window
from kapelle.incident.reading.calendar import DAY, DAY_NAMES, WEEK, WeeklySpan, week_minute_shown
from kapelle.incident.reading.times import Clock, Dated, Days, clocks_in, dates_in, days_in

_FORBIDS = re.compile(
    r"freez\w*|frozen|black-?\s?out|moratorium|embargo|quiet (?:period|time|hours)|lock-?\s?down"
    r"|\bno\s+(?:\w+\s+){0,4}(?:change|deploy|release|rollout|production|work|ship)\w*"
    r"|not (?:allowed|permitted|possible)|prohibited|forbidden|closed|must not|may not|never|blocked"
    r"|halt(?:ed)?|stand-?\s?still|hands-?off|off limits|barred|banned|nothing",
    re.IGNORECASE,
)
_ALLOWS = re.compile(
    r"\b(?:allowed|permitted|open(?:s|ed)?|may (?!not)|can (?!not)|possible|change windows?"
    r"|deploy(?:ment)? windows?|release windows?|change hours|happen|take place|go out|are made)\b",
    re.IGNORECASE,
)
_EXCEPT = re.compile(r"\b(?:outside(?: of)?|except(?: for)?|other than|unless|only|but not)\b", re.IGNORECASE)
_ABOUT = re.compile(
    r"chang|deploy|releas|freez|frozen|window|maintenance|migrat|rollout|ship|blackout|moratorium|production",
    re.IGNORECASE,
)
_HOURS = re.compile(r"\b(?:business|office|working|support) hours\b", re.IGNORECASE)
_NOUN = re.compile(
    r"((?:[\w/-]+\s+){0,4}?(?:changes?|deploy\w*|releases?|migrations?|rollouts?|patches|work))\b", re.IGNORECASE
)
_OPENING = re.compile(
    r"\b(?:after|from|past|since|starting|as of|begins?(?: at)?|onwards?)\b\W*(?:\w+\W+)?$", re.IGNORECASE
)
_CLOSING = re.compile(r"\b(?:before|until|till|up to|by|ends?(?: at)?)\b\W*(?:\w+\W+)?$", re.IGNORECASE)
_TO_THE_END = re.compile(r"\b(?:through|thru|including|end of)\b\W*(?:the\W+)?$", re.IGNORECASE)
_LEADING = re.compile(r"^(?:the|all|any|our|every|each|only|during|on|for)\s+", re.IGNORECASE)
_NAME_WORDS = 5
"""The first cell of a row names the window when it has no more words."""
_KIND_HEADER = re.compile(r"window|type|change|kind|what|name|scope|class|category|applies", re.IGNORECASE)


@dataclass
class _Group:
    days: list[Days] = field(default_factory=list)
    clocks: list[Clock] = field(default_factory=list)


def windows_in(line: Line) -> Iterator[Window]:
    """Every window of the line; none when it is not about changes or hours."""
    if line.topic in ("change_log", "severity", "escalation", "on_call") or not (
        _ABOUT.search(f"{line.text} {line.above}") or _HOURS.search(line.text)
    ):
        return
    text = line.text
    days, clocks, dates = days_in(text), clocks_in(text), dates_in(text)
    single = tuple(one for one in days if len(one.days) == 1)
    days = (
        single if len(single) > 1 and clocks else days
    )  # "Weekend freeze: Friday 18:00 to Monday 06:00" names two days
    spans = _spans(text, list(days), list(clocks)) if (days or len(clocks) > 1) else ()
    ranged = (
        _date_range(dates)
        if not days
        and re.search(
            r"freez|frozen|black-?out|moratorium|window|embargo|shutdown", f"{text} {line.heading}", re.IGNORECASE
        )
        else None
    )
    if not spans and ranged is None:
        return
    if not clocks and not ranged and not _about_days(line):
        return
    yield Window(
        excerpt=line.excerpt,
        lead=line.parent_lead if not _subject_of(text, days, clocks) else (),
        text=text,
        heading=line.heading,
        topic="scope" if _HOURS.search(text) and not _ABOUT.search(text) else "change",
        severities=line.severities,
        allows=not _forbids(line, text),
        subject=_subject(line, days, clocks),
        spans=spans if not ranged else (),
        first=ranged[0].day if ranged else None,
        last=ranged[1].day if ranged else None,
        shown=_shown(spans) if not ranged else text[ranged[0].start : ranged[1].end],
    )


def _about_days(line: Line) -> bool:
    """Days without hours make a window only where something is allowed or forbidden on them."""
    return line.topic == "change" and bool(_FORBIDS.search(line.text) or _ALLOWS.search(line.text))


def _forbids(line: Line, text: str) -> bool:
    own = _FORBIDS.search(text)
    if own:
        outside = _EXCEPT.search(text)
        first = days_in(text)[:1]
        complement = (
            outside
            and first
            and outside.start() < first[0].start
            and re.match(r"outside|except|other|unless", outside[0], re.IGNORECASE)
        )
        return not complement
    if _ALLOWS.search(text):
        return False
    above = line.entry.context or line.heading
    return bool(_FORBIDS.search(above)) and not re.search(
        r"window|hours|calendar|schedule|allowed|\band\b", above, re.IGNORECASE
    )


def _subject(line: Line, days: tuple[Days, ...], clocks: tuple[Clock, ...]) -> str:
    if line.entry.cells:
        timed = [
            cell
            for header, cell in line.entry.cells
            if _KIND_HEADER.search(header) and not days_in(cell) and not clocks_in(cell)
        ]
        if timed:
            return timed[0]
        row = line.entry.cells[0][1]
        if len(row.split()) <= _NAME_WORDS and not days_in(row) and not clocks_in(row):
            return row
    own = _subject_of(line.text, days, clocks)
    if own:
        return own
    parents = [parent.text.rstrip(":. ") for parent in reversed(line.entry.parents) if not days_in(parent.text)]
    noun = next((match[1] for parent in parents if (match := _NOUN.search(parent))), "")
    return _LEADING.sub("", noun or (parents[0] if parents and len(parents[0].split()) < 6 else ""))


def _subject_of(text: str, days: tuple[Days, ...], clocks: tuple[Clock, ...]) -> str:
    first = min([one.start for one in days] + [one.start for one in clocks], default=len(text))
    before = text[:first].strip()
    if ":" in before:
        return _LEADING.sub("", before.rsplit(":", 1)[0].strip())
    noun = _NOUN.search(re.split(r",?\s*\b(?:only|except|other than|but)\b", text)[0])
    if noun:
        return re.sub(
            r"^(?:(?:no|the|all|any|our|only|must|not|make|are|is|there)\s+)+", "", noun[1], flags=re.IGNORECASE
        )
    return (
        _LEADING.sub(
            "", re.split(r"\b(?:is|are|runs?|begins?|starts?|from|on|between|lasts?)\b|[–—(]", before)[0].strip(" -")
        )
        if len(before.split()) < 8
        else ""
    )


def _spans(text: str, days: list[Days], clocks: list[Clock]) -> tuple[WeeklySpan, ...]:
    if wrapped := _wrapping(text, days, clocks):
        return (wrapped,)
    groups = _groups(days, clocks)
    found = [span for group in groups for span in _daily(text, group)]
    return tuple(dict.fromkeys(found))


def _wrapping(text: str, days: list[Days], clocks: list[Clock]) -> WeeklySpan | None:
    """`Friday 18:00 to Monday 06:00`: two single days, each with its own time."""
    if len(days) != 2 or len(days[0].days) != 1 or len(days[1].days) != 1 or not 1 <= len(clocks) <= 2:
        return None
    order = [kind for _, kind in sorted([(one.start, "D") for one in days] + [(one.start, "C") for one in clocks])]
    first, last = days[0].days[0] * DAY, days[1].days[0] * DAY
    if order in (["D", "C", "D", "C"], ["C", "D", "C", "D"]):
        return _span(first + _shifted(clocks[0]), last + _shifted(clocks[1]))
    between = text[days[0].end : days[1].start]
    if order in (["D", "C", "D"], ["C", "D", "D"]) and re.search(r"\b(?:to|until|till|through|thru)\b|[-–—]", between):
        end = last + (DAY if _TO_THE_END.search(text[: days[1].start]) else 0)
        return _span(first + _shifted(clocks[0]), end)
    return None


def _groups(days: list[Days], clocks: list[Clock]) -> list[_Group]:
    """Days with the times that follow them; leading times belong to the first days."""
    groups = [_Group()]
    tokens: list[Days | Clock] = [*days, *clocks]
    for token in sorted(tokens, key=lambda one: one.start):
        if isinstance(token, Days):
            if groups[-1].clocks and groups[-1].days:
                groups.append(_Group())
            groups[-1].days.append(token)
        else:
            groups[-1].clocks.append(token)
    return groups


def _daily(text: str, group: _Group) -> Iterator[WeeklySpan]:
    days = sorted({day for one in group.days for day in one.days}) or list(range(7))
    pairs = list(zip(group.clocks[::2], group.clocks[1::2], strict=False))
    single = group.clocks[-1] if len(group.clocks) % 2 else None
    if not group.clocks:
        yield from _joined([(day * DAY, (day + 1) * DAY) for day in days])
    for start, end in pairs:
        for day in days:
            opening, closing = day * DAY + _shifted(start), day * DAY + _shifted(end)
            yield _span(opening, closing if closing > opening else closing + DAY)
    if single is not None and not pairs:
        before, after = text[: single.start], text[single.end :]
        ends = bool(_CLOSING.search(before)) and not re.match(r"\s*(?:UTC\s*)?onward", after)
        for day in days:
            yield (
                _span(day * DAY, day * DAY + single.minute)
                if ends and not _OPENING.search(before)
                else _span(day * DAY + single.minute, (day + 1) * DAY)
            )


def _joined(stretches: list[tuple[int, int]]) -> Iterator[WeeklySpan]:
    """Whole days, neighbors joined, Sunday with Monday too."""
    merged: list[tuple[int, int]] = []
    for start, end in stretches:
        if merged and merged[-1][1] == start:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    for start, end in merged:
        yield _span(start, end)


def _shifted(clock: Clock) -> int:
    return clock.shift * DAY + clock.minute


def _span(start: int, end: int) -> WeeklySpan:
    return WeeklySpan(start=start % WEEK, end=end if end == WEEK else end % WEEK)


def _date_range(dates: tuple[Dated, ...]) -> tuple[Dated, Dated] | None:
    if not dates:
        return None
    first, last = dates[0], dates[1] if len(dates) > 1 else dates[0]
    if last.day.year and not first.day.year:
        year = last.day.year - (1 if (first.day.month, first.day.day) > (last.day.month, last.day.day) else 0)
        first = first.model_copy(update={"day": first.day.model_copy(update={"year": year})})
    return first, last


def _shown(spans: tuple[WeeklySpan, ...]) -> str:
    """`Monday-Thursday, 09:00-16:00 UTC`; a span over several days as `Friday 14:00 UTC to Monday 07:00 UTC`."""
    daily: dict[tuple[int, int], list[int]] = {}
    longer: list[str] = []
    for span in spans:
        length = (span.end - span.start) % WEEK or WEEK
        if length <= DAY:
            daily.setdefault((span.start % DAY, length), []).append(span.start // DAY)
        else:
            longer.append(f"{week_minute_shown(span.start)} UTC to {week_minute_shown(span.end % WEEK)} UTC")
    return "; ".join([*(_daily_shown(days, start, length) for (start, length), days in daily.items()), *longer])


def _daily_shown(days: list[int], start: int, length: int) -> str:
    end = start + length
    hours = f"{start // 60:02d}:{start % 60:02d}-{(end if end == DAY else end % DAY) // 60:02d}:{end % 60:02d} UTC"
    ordered = sorted(days)
    run = len(ordered) > 2 and ordered == list(range(ordered[0], ordered[-1] + 1))
    names = f"{DAY_NAMES[ordered[0]]}-{DAY_NAMES[ordered[-1]]}" if run else ", ".join(DAY_NAMES[day] for day in ordered)
    names = (
        f"{DAY_NAMES[ordered[0]]}-{DAY_NAMES[ordered[1]]}"
        if len(ordered) == 2 and ordered[1] == ordered[0] + 1
        else names
    )
    return f"{names}, {hours}"
