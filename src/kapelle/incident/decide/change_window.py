"""Decides whether a change may happen at a moment: freezes first, then the windows of its kind, with the next
opening.
"""

import re
from collections.abc import Sequence

from kapelle.incident.decide.approval_rules import best_rules, rule_shown
from kapelle.incident.decide.model import CORE, MORE, MUST, Answer, Case, Draft
from kapelle.incident.decide.window_rules import (
    applicable,
    boundary_lines,
    concerns,
    covers,
    exemption_for,
    frozen_at,
    next_opening,
    on_boundary,
    until_shown,
)
from kapelle.incident.decide.wording import sentence
from kapelle.incident.facts.model import Approval, FieldList, Statement, Window
from kapelle.incident.reading.calendar import DAY, Moment
from kapelle.incident.reading.terms import ROLLBACK, terms_of

_INCLUDES_END = re.compile(
    r"includ\w*\s+(?:both|its closing|the closing|its last|the last|its end|the end)|inclusive", re.IGNORECASE
)
_ASKS_SPAN = re.compile(
    r"\b(?:when|what time|how long|until)\b.{0,50}(?:freeze|frozen|blackout|moratorium)|"
    r"\b(?:freeze|blackout|moratorium)\b.{0,25}\b(?:ends?|starts?|begins?|over|lifted|last)\b",
    re.IGNORECASE,
)
_ASKS_FREEZE = re.compile(
    r"\b(?:in|inside|within|part of|under|during|still|does|is)\b.{0,40}\b(?:the |a )?(?:freeze|blackout"
    r"|moratorium|frozen)\b(?! allowed)",
    re.IGNORECASE,
)
_WAIVER = re.compile(r"\b(?:freeze|blackout|moratorium)\b", re.IGNORECASE)
"""Approvals by which a freeze may be passed."""
_WHILE_OPEN = re.compile(r"\b(?:open|ongoing|active|running|during|while)\b", re.IGNORECASE)
_SEVERITY = re.compile(r"\b(?:P|SEV-?)\d\b", re.IGNORECASE)
_ROLLBACK = re.compile(ROLLBACK, re.IGNORECASE)


def decide_change_window(case: Case) -> Answer:
    """Allowed or not at each moment asked about and what it needs; without a moment, the windows and freezes."""
    windows = [window for window in case.view.of(Window) if window.topic == "change"]
    if not windows:
        return Answer(missing=("change windows: no policy line gives one",))
    moments = case.question.moments[:2] if not case.question.window_start else case.question.moments[:1]
    timed = any(moment.minute is not None for moment in moments)
    if not moments or (not timed and _ASKS_SPAN.search(case.question.prompt)):
        return Answer((*_schedule(case, windows), *needs(case)))
    drafts = [draft for moment in moments for draft in _at(case, windows, moment)]
    missing = tuple(
        f"time: {moment.shown} has no time of day"
        for moment in moments
        if moment.minute is None and not frozen_at(windows, moment)
    )
    return Answer((*drafts, *needs(case)), missing)


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
    freeze = frozen_at([window for window in windows if concerns(case, window)], moment)
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
    exemption = exemption_for(case, frozen=freeze is not None)
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
        for fact in boundary_lines(case)
    )
    inside = next((window for window in chosen if covers(window, moment, includes_end=includes_end)), None)
    boundary = [
        Draft(sentence(fact.text), fact.excerpts, CORE) for fact in boundary_lines(case) if on_boundary(chosen, moment)
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


def _in_freeze(case: Case, freeze: Window, moment: Moment, exempt: bool, exemption: Statement | None) -> list[Draft]:
    until = until_shown(freeze, moment)
    name = f"the freeze ({freeze.shown})"
    if exempt and exemption and (absent := _absent(case)):
        return [
            Draft(
                sentence(
                    f"No, not allowed: {moment.shown} lies in {name}, and {_exempt_name(case)} needs an open {absent}"
                ),
                freeze.excerpts,
                MUST,
            ),
            Draft(sentence(exemption.text), exemption.excerpts, CORE),
        ]
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
    waivers = [rule for rule in case.view.of(Approval) if _WAIVER.search(rule.subject)]
    drafts += [Draft(rule_shown(rule), rule.excerpts, CORE) for rule in waivers[:1]]
    return drafts + ([Draft(sentence(exemption.text), exemption.excerpts, CORE)] if exemption else [])


def _absent(case: Case) -> str:
    """The severity that must be open for an exemption and, as the task says, is not; empty when it may be."""
    lines = [fact for fact in case.view.statements if fact.topic == "change" and _WHILE_OPEN.search(fact.text)]
    for match in (found for fact in lines for found in _SEVERITY.finditer(fact.text)):
        denied = rf"\b(?:no|without(?: an?)?|not an?)\s+(?:open\s+|active\s+)?{re.escape(match[0])}\b"
        if re.search(denied, case.question.prompt, re.IGNORECASE):
            return match[0]
    return ""


def _exempt_name(case: Case) -> str:
    return (
        "a rollback"
        if _ROLLBACK.search(case.question.prompt) and not case.question.signals.get("emergency")
        else "an emergency change"
    )


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
    opening = next_opening(chosen, windows, moment)
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
    exemption = exemption_for(case, frozen=about_freeze)
    tail = [Draft(sentence(exemption.text), exemption.excerpts, CORE if about_freeze else MORE)] if exemption else []
    if case.question.signals.get("emergency") is True and tail:
        return [Draft(tail[0].text, tail[0].excerpts, MUST), *stops]
    return ([*stops, *tail, *drafts] if about_freeze else [*drafts, *stops, *tail]) or []
