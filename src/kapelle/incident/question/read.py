"""Reads a task into a Question: pure, from the prompt and the context alone."""

import datetime
import re
from collections.abc import Mapping

from pydantic import JsonValue

from kapelle.incident.question.kinds import KEY, SOURCE, kinds_of, ordinal_of
from kapelle.incident.question.model import Elapsed, Question
from kapelle.incident.question.moments import dates_of, last_done_at, minutes_between, moments_of, started_at
from kapelle.incident.reading.calendar import DAY
from kapelle.incident.reading.conditions import Reading, readings_in
from kapelle.incident.reading.quantities import NUMBER, durations, minutes_shown, number
from kapelle.incident.reading.severity import severities_in
from kapelle.incident.reading.signals import signals_in
from kapelle.incident.reading.terms import concepts_of, terms_of
from kapelle.incident.reading.times import clocks_in, instants_in

_SPOKEN_SOURCE = (
    (r"\bon-?\s?call rota\b|\brota file\b", "oncall_rota"),
    (r"\bgithub actions\b", "github_actions"),
    (r"\bslack (?:config\w*|settings|yaml)\b", "slack_config"),
    (r"\bjira (?:config\w*|settings|yaml)\b", "jira_config"),
    (r"\bpostgres\w* (?:config\w*|settings|yaml)\b", "postgres_config"),
    (r"\bgovernance notes\b", "governance_notes"),
    (r"\bcompany profile\b", "company_profile"),
)
_ROLE = r"(?P<role>(?:[a-z][\w'-]*\s+){0,4}?[a-z][\w'-]*)"
_ROLE_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:can|may|could|should|might|is|are|would)\s+(?:it be |only )?(?:an?|the|our|my|any"
        rf"|one)?\s*{_ROLE}\s+(?:really\s+|also\s+|alone\s+)?(?:be\s+)?(?:allowed|entitled|permitted"
        rf"|authori[sz]ed|eligible|able|approve|sign|enough|sufficient|ok(?:ay)? to)",
        rf"\b(?:approv\w*|sign(?:ed)?[\s-]?off|signed|authori[sz]ed|sign-?off)\s+(?:it\s+)?(?:only\s+|just\s+"
        rf"|so far\s+|already\s+)?(?:by|from|of)\s+(?:only\s+|just\s+)?(?:an?|the|our|my"
        rf"|one)?\s*{_ROLE}(?=\s*(?:[,.?;!]|\band\b|\bis\b|\bdoes\b|\benough\b|\bfor\b|\bcan\b|$))",
        rf"\b(?:does|do|must|should|shall|has|is|will|would|when is|need)\s+(?:the|an?"
        rf"|our)\s+{_ROLE}\s+(?:(?:have|has|need|needs)\s+to\s+)?(?:be\s+|get\s+|also\s+)*(?:paged|called"
        rf"|notified|informed|woken|escalated to|involved|told|contacted|alerted|brought in)\b",
        rf"\b(?:do|must|should|shall|can|may) (?:i|we) (?:page|call|wake|ring|notify|involve|alert|escalate to)\s+"
        rf"(?:the|an?|our)\s+{_ROLE}(?=\s*(?:[,.?;!]|\b(?:for|on|at|in|now|yet|already|about|when|if|of)\b|$))",
        rf"\b(?:the|an?|our|my)\s+{_ROLE}\s+(?:alone\s+|has\s+|have\s+|already\s+|just\s+|wants? to\s+"
        rf"|says?\s+(?:\w+\s+)?(?:can\s+|may\s+)?)*(?:approve[sd]?|signed|sign[s]?|approves|authori[sz]ed?)\b",
    )
)
_NO_ROLE = frozenset(
    ["it", "this", "that", "i", "we", "he", "she", "they", "you", "who", "what", "when", "go", "goes", "there"]
)
"""Words that stand in no role's name."""
_LASTED = re.compile(
    r"\b(?:between|from)\b.{0,30}\d.{0,30}\b(?:and|to|until|till)\b.{0,20}\d|\d\s*[-–]\s*\d", re.IGNORECASE
)
_GIVEN = re.compile(
    rf"\b(?:only|just|has|have|had|with|got|there (?:is|are)|received|collected|is|are|got|given|enough "
    rf"with)?\s*(?P<number>{NUMBER}|\ban?\b|\bsingle\b)\s+(?:\w+\s+){{0,2}}?(?:approvals?|approvers?"
    rf"|sign-?offs?|signatures?)\b",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"`([^`]+)`|(?<![\w/.])([a-z][a-z0-9]*(?:_[a-z0-9]+)+)(?![\w])|((?<![\w/&])#[a-z0-9][\w-]*)", re.IGNORECASE
)
_OLD = re.compile(
    r"\b(?:old(?:er)?|previous|former|superseded|earlier|prior|replaced|outdated|last) (?:\w+ )?(?:policy"
    r"|version|rules?)\b|\bv(?:ersion )?1\b.{0,20}\bwas\b|before (?:the )?(?:new|current) (?:policy"
    r"|version)|used to",
    re.IGNORECASE,
)
_CLAIMED = re.compile(
    r"\bis (?:he|she|that|it|this|they|the \w+) (?:right|correct|true)\b|\bare they right|is it true|is "
    r"it correct that|\b(?:right|correct|true)\?|claims?\b|insist\w*|believes?\b",
    re.IGNORECASE,
)
_AT_ITS_DATE = re.compile(
    r"in force (?:on|at|then|back)|applied (?:on|at|then|back)|at (?:the|that) time|back then|(?:was"
    r"|were) (?:valid|binding|the rule)|judged",
    re.IGNORECASE,
)


def read_question(prompt: str, context: Mapping[str, JsonValue]) -> Question:
    """Read what a task asks; of the context `severity`, `service`, `project_key`, `start_time`, `end_time` and
    `required_citations` count, and the prompt wins where both speak."""
    instants = [*instants_in(prompt), *_context_instants(context)]
    readings = _lasting(prompt, tuple(reading for reading in readings_in(prompt) if reading.metric))
    required = _strings(context.get("required_citations"))
    started = started_at(prompt)
    between = minutes_between(prompt, started)
    window = (min(instants), max(instants)) if len(instants) > 1 else (None, None)
    return Question(
        prompt=prompt,
        kinds=kinds_of(prompt, has_numbers=bool(readings)),
        severities=severities_in(prompt) or severities_in(str(context.get("severity") or "")),
        readings=readings,
        ordinal=ordinal_of(prompt),
        elapsed=_elapsed(prompt)
        or ((Elapsed(minutes=between, text=minutes_shown(between)),) if between and started else ()),
        moments=moments_of(prompt),
        dates=dates_of(prompt) or tuple(dict.fromkeys(instant.date() for instant in instants)),
        started=started,
        last_done=last_done_at(prompt),
        between=Elapsed(minutes=between, text=minutes_shown(between)) if between else None,
        window_start=window[0],
        window_end=window[1],
        roles=_roles(prompt),
        approvals_given=_given(prompt),
        names=tuple(dict.fromkeys(next(filter(None, groups)) for groups in _NAME.findall(prompt))),
        service=str(context.get("service") or ""),
        project=str(context.get("project_key") or ""),
        keys=tuple(dict.fromkeys(KEY.findall(prompt))),
        signals=signals_in(prompt),
        wanted=tuple(dict.fromkeys((*_wanted(prompt), *required))),
        required=required,
        claimed=bool(_CLAIMED.search(prompt)),
        asks_old=bool(_OLD.search(prompt)),
        asks_date_version=bool(_AT_ITS_DATE.search(prompt)),
        terms=terms_of(prompt),
        concepts=concepts_of(prompt),
    )


def _lasting(prompt: str, readings: tuple[Reading, ...]) -> tuple[Reading, ...]:
    """The only number of a metric lasts from the first to the second time of day that the task gives."""
    clocks = clocks_in(prompt)
    if len(readings) != 1 or readings[0].minutes is not None or len(clocks) != 2 or not _LASTED.search(prompt):
        return readings
    return (readings[0].model_copy(update={"minutes": float((clocks[1].minute - clocks[0].minute) % DAY)}),)


def _context_instants(context: Mapping[str, JsonValue]) -> list[datetime.datetime]:
    return [instant for key in ("start_time", "end_time") for instant in instants_in(str(context.get(key) or ""))]


def _strings(value: JsonValue) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _elapsed(prompt: str) -> tuple[Elapsed, ...]:
    bound = [
        (place, place + len(reading.text))
        for reading in readings_in(prompt)
        if (place := prompt.find(reading.text)) >= 0
    ]
    minute = re.search(r"\b(?:at |in |since )?minute (\d+)\b", prompt, re.IGNORECASE)
    if minute:
        return (Elapsed(minutes=float(minute[1]), text=minutes_shown(float(minute[1]))),)
    free = [one for one in durations(prompt) if not any(start <= one.start < end for start, end in bound)]
    return tuple(Elapsed(minutes=one.value, text=one.text, business=one.business) for one in free)


def _wanted(prompt: str) -> list[str]:
    found = [(match.start(), match[0]) for match in SOURCE.finditer(prompt)]
    found += [
        (match.start(), name)
        for pattern, name in _SPOKEN_SOURCE
        if (match := re.search(pattern, prompt, re.IGNORECASE))
    ]
    return [name for _, name in sorted(found)]


def _roles(prompt: str) -> tuple[str, ...]:
    found = [match["role"].strip().lower() for pattern in _ROLE_PATTERNS for match in pattern.finditer(prompt)]
    stop = (
        r"^(?:it|this|that|i|we|he|she|you|they|there|change|deployment|be|rollback|\w*change|someone|anyone"
        r"|who|one|same|only|just|policy|an?|the)$"
    )
    return tuple(
        dict.fromkeys(role for role in found if not re.match(stop, role) and not _NO_ROLE.intersection(role.split()))
    )


def _given(prompt: str) -> int | None:
    """How many approvals the task says there are; a question `how many` gives none."""
    for match in _GIVEN.finditer(prompt):
        before = prompt[: match.start("number")].lower()
        if before.rstrip().endswith(("need", "needs", "require", "requires", "requiring", "take", "takes")):
            continue
        return 1 if match["number"].lower() in ("a", "an", "single") else int(number(match["number"]))
    return None
