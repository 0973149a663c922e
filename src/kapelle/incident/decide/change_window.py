"""Decides whether a change may happen at a moment: freezes first, then the windows of its kind, with the next
opening.
"""

import re
from collections.abc import Sequence

from kapelle.incident.decide.approvals import best_rules, rule_shown
from kapelle.incident.decide.model import CORE, MORE, MUST, Answer, Case, Draft
from kapelle.incident.decide.wording import sentence
from kapelle.incident.facts.model import Approval, FieldList, Statement, Window
from kapelle.incident.reading.calendar import DAY, WEEK, Moment, shifted, within
from kapelle.incident.reading.terms import ROLLBACK, terms_of

_PLAIN = frozenset(
    terms_of(
        "change window freeze frozen deploy hours work allowed weekend weekly period product production "
        "general code year end maintenance blackout moratorium calendar winter summer holiday"
    )
)
_EXEMPT = re.compile(r"emergency|roll-?\s?back|exempt|exception|override", re.IGNORECASE)
_INCLUDES_END = re.compile(
    r"includ\w*\s+(?:both|its closing|the closing|its last|the last|its end|the end)|inclusive", re.IGNORECASE
)
_BOUNDARY = re.compile(
    r"(?:opening|closing|first|last|start|end)\w*\s+(?:minute|moment|time)|inclusive|exclusive", re.IGNORECASE
)
_ASKS_FREEZE = re.compile(
    r"\b(?:in|inside|within|part of|under|during|still|does|is)\b.{0,40}\b(?:the |a )?(?:freeze|blackout"
    r"|moratorium|frozen)\b(?! allowed)",
    re.IGNORECASE,
)
_ROLLBACK = re.compile(ROLLBACK, re.IGNORECASE)


def decide_change_window(case: Case) -> Answer:
    """Allowed or not at each moment asked about and what it needs; without a moment, the windows and freezes."""
    windows = [window for window in case.view.of(Window) if window.topic == "change"]
    if not windows:
        return Answer(missing=("change windows: no policy line gives one",))
    moments = case.question.moments[:2] if not case.question.window_start else case.question.moments[:1]
    if not moments:
        return Answer((*_schedule(case, windows), *needs(case)))
    drafts = [draft for moment in moments for draft in _at(case, windows, moment)]
    missing = tuple(
        f"time: {moment.shown} has no time of day"
        for moment in moments
        if moment.minute is None and not frozen_at(windows, moment)
    )
    return Answer((*drafts, *needs(case)), missing)


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


def needs(case: Case) -> list[Draft]:
    """Approvals and ticket fields that the change needs."""
    rules = best_rules(case, case.view.of(Approval), partly="approvals" in case.question.kinds)
    if not rules:
        rules = [rule for rule in case.view.of(Approval) if "standard" in terms_of(rule.subject)]
    drafts = [
        Draft(rule_shown(rule), rule.excerpts, CORE if "approvals" in case.question.kinds else MORE)
        for rule in rules[:1]
    ]
    fields = next((fact for fact in case.view.of(FieldList) if fact.subject == "change"), None)
    wanted = re.search(r"\bneed|require|ticket|field|prepare|what else", case.question.prompt, re.IGNORECASE)
    if fields and wanted:
        drafts.append(
            Draft(sentence(f"Its change ticket must carry: {', '.join(fields.fields)}"), fields.excerpts, MORE)
        )
    return drafts


def _at(case: Case, windows: Sequence[Window], moment: Moment) -> list[Draft]:
    freeze = frozen_at([window for window in windows if _concerns(case, window)], moment)
    if (
        _ASKS_FREEZE.search(case.question.prompt)
        and freeze is None
        and (freezes := [window for window in windows if not window.allows])
    ):
        return [
            Draft(
                sentence(f"No, {moment.shown} lies outside the freeze ({freezes[0].shown})"), freezes[0].excerpts, MUST
            ),
            *_windowed(case, windows, moment, exempt=False, exemption=None),
        ]
    exempt = case.question.signals.get("emergency") is True or bool(_ROLLBACK.search(case.question.prompt))
    exemption = _exemption(case, frozen=freeze is not None)
    if freeze:
        return _in_freeze(case, freeze, moment, exempt, exemption)
    return _windowed(case, windows, moment, exempt=exempt, exemption=exemption)


def _windowed(
    case: Case, windows: Sequence[Window], moment: Moment, *, exempt: bool, exemption: Statement | None
) -> list[Draft]:
    """The decision of the allowing windows, where no freeze holds."""
    chosen = applicable(case, windows)
    includes_end = any(
        _INCLUDES_END.search(fact.text) and not re.search(r"exclud", fact.text, re.IGNORECASE)
        for fact in _boundary_lines(case)
    )
    inside = next((window for window in chosen if covers(window, moment, includes_end=includes_end)), None)
    boundary = [
        Draft(sentence(fact.text), fact.excerpts, CORE)
        for fact in _boundary_lines(case)
        if _on_boundary(chosen, moment)
    ][:1]
    if inside:
        return [_allowed(case, inside, moment), *boundary]
    if exempt and exemption:
        return [
            Draft(
                sentence(f"Yes, {moment.shown} is allowed for {_exempt_name(case)}: {exemption.text}"),
                exemption.excerpts,
                MUST,
            )
        ]
    if not chosen:
        return [Draft(sentence(f"Allowed: {moment.shown} lies in no freeze"), (), MUST)]
    return [
        _outside(chosen, windows, moment),
        *boundary,
        *([Draft(sentence(exemption.text), exemption.excerpts, MORE)] if exemption else []),
    ]


def _concerns(case: Case, window: Window) -> bool:
    """A freeze of one kind of change does not stop another kind; one of all changes stops all."""
    kind = kind_of(window.subject)
    others = {term for other in case.view.of(Window) if other.allows for term in kind_of(other.subject)}
    return not (kind & others) or bool(kind & set(case.question.terms)) or not (others & set(case.question.terms))


def _in_freeze(case: Case, freeze: Window, moment: Moment, exempt: bool, exemption: Statement | None) -> list[Draft]:
    until = _until(freeze, moment)
    name = f"the freeze ({freeze.shown})"
    if exempt and exemption:
        return [
            Draft(
                sentence(f"Yes, allowed, but only as {_exempt_name(case)}: {moment.shown} lies in {name}"),
                freeze.excerpts,
                MUST,
            ),
            Draft(sentence(exemption.text), exemption.excerpts, CORE),
        ]
    if exempt:
        return [
            Draft(
                sentence(f"Not allowed: {moment.shown} lies in {name}, and no line exempts {_exempt_name(case)}"),
                freeze.excerpts,
                MUST,
            )
        ]
    drafts = [Draft(sentence(f"No, not allowed: {moment.shown} lies in {name}{until}"), freeze.excerpts, MUST)]
    return drafts + ([Draft(sentence(exemption.text), exemption.excerpts, CORE)] if exemption else [])


def _exempt_name(case: Case) -> str:
    return (
        "a rollback"
        if _ROLLBACK.search(case.question.prompt) and not case.question.signals.get("emergency")
        else "an emergency change"
    )


def _until(freeze: Window, moment: Moment) -> str:
    if not freeze.spans or moment.minute is None:
        return ""
    span = next((span for span in freeze.spans if span.contains(moment.minute_of_week)), None)
    return f", which ends on {shifted(moment, span.until_end(moment.minute_of_week)).shown}" if span else ""


def _allowed(case: Case, window: Window, moment: Moment) -> Draft:
    subject = f" for {window.subject}" if window.subject else ""
    lasting = case.question.elapsed[0] if case.question.elapsed else None
    span = next(
        (span for span in window.spans if moment.minute is not None and span.contains(moment.minute_of_week)), None
    )
    if lasting and span and lasting.minutes > span.until_end(moment.minute_of_week):
        left = span.until_end(moment.minute_of_week)
        return Draft(
            sentence(
                f"No, not allowed as planned: the window ({window.shown}){subject} closes {left} minutes after "
                f"{moment.shown}, and {lasting.text} do not fit"
            ),
            window.excerpts,
            MUST,
        )
    return Draft(
        sentence(f"Yes, allowed: {moment.shown} lies in the window{subject} ({window.shown}) and in no freeze"),
        window.excerpts,
        MUST,
    )


def _outside(chosen: Sequence[Window], windows: Sequence[Window], moment: Moment) -> Draft:
    window = chosen[0]
    subject = f" for {window.subject}" if window.subject else ""
    opening = _next_opening(chosen, windows, moment)
    then = f"; the next opening is {opening.shown}" if opening else ""
    day = moment.minute is None and any(span.start // DAY == moment.weekday for one in chosen for span in one.spans)
    if day:
        return Draft(
            sentence(f"On {moment.shown} it is allowed only within the window{subject} ({window.shown})"),
            window.excerpts,
            MUST,
        )
    return Draft(
        sentence(f"No, not allowed: {moment.shown} lies outside the window{subject} ({window.shown}){then}"),
        window.excerpts,
        MUST,
    )


def _next_opening(chosen: Sequence[Window], windows: Sequence[Window], moment: Moment) -> Moment | None:
    """The earliest start of a window after the moment that lies in no freeze, within a week."""
    minute = moment.minute_of_week
    waits = sorted({(span.start - minute) % WEEK for window in chosen for span in window.spans} - {0})
    for wait in waits:
        then = shifted(moment, wait)
        if frozen_at(windows, then) is None:
            return then
    return None


def _on_boundary(chosen: Sequence[Window], moment: Moment) -> bool:
    return any(
        moment.minute is not None and moment.minute_of_week in (span.start, span.end % WEEK)
        for window in chosen
        for span in window.spans
    )


def _boundary_lines(case: Case) -> list[Statement]:
    return [fact for fact in case.view.statements if fact.topic == "change" and _BOUNDARY.search(fact.text)]


def _exemption(case: Case, *, frozen: bool) -> Statement | None:
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


def _schedule(case: Case, windows: Sequence[Window]) -> list[Draft]:
    """No moment is asked about: when the kind of change may happen, and when nothing may."""
    chosen = applicable(case, windows)
    freezes = [window for window in windows if not window.allows]
    about_freeze = bool(re.search(r"freez|blackout|moratorium|frozen", case.question.prompt, re.IGNORECASE))
    drafts = [
        Draft(
            sentence(f"{window.subject or 'Changes'}: allowed {window.shown}"),
            window.excerpts,
            CORE if about_freeze else MUST,
        )
        for window in chosen[:3]
    ]
    stops = [
        Draft(
            sentence(f"{window.subject or 'Freeze'}: no changes {window.shown}"),
            window.excerpts,
            MUST if about_freeze else CORE,
        )
        for window in freezes[:3]
    ]
    if (
        about_freeze
        and not stops
        and (
            lines := [
                fact
                for fact in case.view.statements
                if fact.topic == "change" and re.search(r"freez|blackout|moratorium", fact.text, re.IGNORECASE)
            ]
        )
    ):
        stops = [Draft(sentence(lines[0].text), lines[0].excerpts, MUST)]
    exemption = _exemption(case, frozen=about_freeze)
    tail = [Draft(sentence(exemption.text), exemption.excerpts, CORE if about_freeze else MORE)] if exemption else []
    if case.question.signals.get("emergency") is True and tail:
        return [Draft(tail[0].text, tail[0].excerpts, MUST), *stops]
    return ([*stops, *tail, *drafts] if about_freeze else [*drafts, *stops, *tail]) or []
