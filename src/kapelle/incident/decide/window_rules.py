"""Which windows hold at a moment and for a kind of change: freezes, openings, boundaries, exemptions. Calendar only."""

import re
from collections.abc import Sequence

from kapelle.incident.decide.model import Case
from kapelle.incident.facts.model import Statement, Window
from kapelle.incident.reading.calendar import DAY, WEEK, Moment, shifted, within
from kapelle.incident.reading.terms import terms_of

_PLAIN = frozenset(
    terms_of(
        "change window freeze frozen deploy hours work allowed weekend weekly period product production "
        "general code year end maintenance blackout moratorium calendar winter summer holiday"
    )
)


_EXEMPT = re.compile(r"emergency|roll-?\s?back|exempt|exception|override", re.IGNORECASE)


_BOUNDARY = re.compile(
    r"(?:opening|closing|first|last|start|end)\w*\s+(?:minute|moment|time)|inclusive|exclusive", re.IGNORECASE
)


def frozen_at(windows: Sequence[Window], moment: Moment) -> Window | None:
    """The freeze that holds at a moment; of a day without a time, one that holds all day."""
    for window in windows:
        if not window.allows and covers(window, moment):
            return window
    return None


def covers(window: Window, moment: Moment, *, includes_end: bool = False) -> bool:
    """Whether a window holds at a moment; a day without a time lies in it when the whole day does."""
    if window.first and window.last:
        return moment.date is not None and within(moment.date, window.first, window.last)
    if moment.minute is None:
        return any(
            span.contains(moment.minute_of_week) and span.contains(moment.minute_of_week + DAY - 1)
            for span in window.spans
        )
    minute = moment.minute_of_week
    return any(span.contains(minute) or (includes_end and minute == span.end % WEEK) for span in window.spans)


def kind_of(subject: str) -> set[str]:
    """What tells a kind of change apart, such as `standard` or `database`."""
    return set(terms_of(subject)) - _PLAIN


def applicable(case: Case, windows: Sequence[Window]) -> list[Window]:
    """The allowing windows for the kind of change asked about, the most specific; for all kinds when it names none."""
    asked = set(case.question.terms)
    allowing = [window for window in windows if window.allows]
    fitting = [
        (len(kind_of(window.subject) & asked), window) for window in allowing if kind_of(window.subject) <= asked
    ]
    best = max((count for count, _ in fitting), default=0)
    if best:
        return [window for count, window in fitting if count == best]
    partial = [(len(kind_of(window.subject) & asked), window) for window in allowing if kind_of(window.subject) & asked]
    if partial:
        return [window for count, window in partial if count == max(count for count, _ in partial)]
    general = [window for _, window in fitting]
    standard = [window for window in allowing if "standard" in kind_of(window.subject)]
    return general or standard or allowing


def concerns(case: Case, window: Window) -> bool:
    """A freeze of one kind of change does not stop another kind; one of all changes stops all."""
    kind = kind_of(window.subject)
    others = {term for other in case.view.of(Window) if other.allows for term in kind_of(other.subject)}
    return not (kind & others) or bool(kind & set(case.question.terms)) or not (others & set(case.question.terms))


def until_shown(freeze: Window, moment: Moment) -> str:
    """When the freeze that holds at a moment ends; empty where it is not known."""
    if not freeze.spans or moment.minute is None:
        return ""
    span = next((span for span in freeze.spans if span.contains(moment.minute_of_week)), None)
    return f", which ends on {shifted(moment, span.until_end(moment.minute_of_week)).shown}" if span else ""


def next_opening(chosen: Sequence[Window], windows: Sequence[Window], moment: Moment) -> Moment | None:
    """The earliest start of a window after the moment that lies in no freeze, within a week."""
    minute = moment.minute_of_week
    waits = sorted({(span.start - minute) % WEEK for window in chosen for span in window.spans} - {0})
    for wait in waits:
        then = shifted(moment, wait)
        if frozen_at(windows, then) is None:
            return then
    return None


def on_boundary(chosen: Sequence[Window], moment: Moment) -> bool:
    """Whether a moment is the first minute of a window, or the one at which it closes."""
    return any(
        moment.minute is not None and moment.minute_of_week in (span.start, span.end % WEEK)
        for window in chosen
        for span in window.spans
    )


def boundary_lines(case: Case) -> list[Statement]:
    """Lines that say whether a window includes its first and last minute."""
    return [fact for fact in case.view.statements if fact.topic == "change" and _BOUNDARY.search(fact.text)]


def exemption_for(case: Case, *, frozen: bool) -> Statement | None:
    """The line that says what is still allowed in a freeze or outside the windows."""
    lines = [
        fact
        for fact in case.view.statements
        if fact.topic == "change"
        and _EXEMPT.search(fact.text)
        and re.search(r"allow|permit|may|only|except|exempt|any ?time|possible", fact.text, re.IGNORECASE)
    ]
    telling = [
        fact for fact in lines if bool(re.search(r"during|freeze|frozen|weekend", fact.text, re.IGNORECASE)) == frozen
    ]
    return next(iter(telling or lines), None)
