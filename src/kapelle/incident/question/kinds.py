"""Which kinds of answer a task asks for, the most wanted first, without those that only name a subject of another."""

import re
from collections.abc import Callable, Mapping

from kapelle.incident.question.cues import CHANGES, CUES, SUBJECT_ONLY
from kapelle.incident.question.model import Kind
from kapelle.incident.question.moments import moments_of
from kapelle.incident.reading.conditions import readings_in
from kapelle.incident.reading.severity import severities_in
from kapelle.incident.reading.terms import concepts_of

SOURCE = re.compile(
    r"\b(?:policy[_-]\w+|\w+[_-]config(?:uration)?|oncall[_-]rota|github[_-]actions|governance[_-]notes"
    r"|company[_-]profile|runbook[_-]\w+|[\w/-]+\.(?:md|ya?ml))\b",
    re.IGNORECASE,
)
"""Names of sources that a task may want cited."""
_MANDATORY = re.compile(r"\b(?:mandatory|obligatory|compulsory|forced|trigger\w*)\b", re.IGNORECASE)
"""Of a stated number it can only ask for a rollback."""
_FORCED = re.compile(r"(?:does|do|would|by|under) (?:the|our) polic(?:y|ies)", re.IGNORECASE)
KEY = re.compile(r"\b[A-Z][A-Z0-9]{1,9}-\d+\b")
"""The key of a ticket."""
_ORDINAL = re.compile(
    r"\b(?:second|2nd|third|3rd)[\s-](?:highest|level|most severe|worst"
    r"|most)?\s*(?:-?\s*level\s+)?(?:severity|priority|class)\b|\b(?:second|2nd|third|3rd)[\s-](?:highest"
    r"|most severe|worst)\b|\b(?:highest|top|most severe|worst|lowest|least severe)[\s-](?:possible "
    r")?(?:severity|priority|level|class)\b",
    re.IGNORECASE,
)


def kinds_of(prompt: str, *, has_numbers: bool) -> tuple[Kind, ...]:
    """The kinds a task asks for, the most wanted first; `has_numbers` says that it states a metric."""
    bare = SOURCE.sub(" ", prompt)  # "cite oncall_rota" asks for a source, not for who is on call
    scores: dict[Kind, float] = {}
    first: dict[Kind, int] = {}
    for cue in CUES:
        found = list(cue.pattern.finditer(bare))
        if found:
            scores[cue.kind] = scores.get(cue.kind, 0) + cue.weight + 0.5 * (len(found) - 1)
            first[cue.kind] = min(first.get(cue.kind, len(bare)), found[0].start())
    if "change_window" not in scores and CHANGES.search(bare) and moments_of(bare):
        scores["change_window"], first["change_window"] = 3.0, 0
    if not scores and has_numbers and _MANDATORY.search(bare):
        scores["rollback"], first["rollback"] = 3.0, 0
    for kind, really in SUBJECT_ONLY.items():
        asked = re.search(really, bare, re.IGNORECASE) or (kind == "rollback" and has_numbers)
        if kind in scores and len(scores) > 1 and not asked:
            del scores[kind]
    _drop_subjects(scores, bare)
    if (
        len(scores) > 1
        and "versions" in scores
        and not re.search(r"in force|(?:which|what) (?:policy|version)|effective", bare, re.IGNORECASE)
    ):
        del scores["versions"]
    ordered = sorted(scores, key=lambda kind: (-scores[kind], first[kind]))
    return tuple(ordered)


def _drop_subjects(scores: dict[Kind, float], prompt: str) -> None:
    """Take out kinds whose words only name the subject of another: `record each escalation` asks for no escalation."""
    for kind in [kind for kind, only_named in _ONLY_NAMED.items() if kind in scores and only_named(scores, prompt)]:
        del scores[kind]
    clocked = any(moment.minute is not None for moment in moments_of(prompt))
    if clocked and "change_window" in scores and "approvals" in scores:
        scores["change_window"] = max(scores["change_window"], scores["approvals"] + 0.5)


def _says(prompt: str, pattern: str) -> bool:
    return re.search(pattern, prompt, re.IGNORECASE) is not None


def _no_versions(scores: Mapping[Kind, float], prompt: str) -> bool:
    """`p95 moved from 300 ms to 480 ms` compares no policies."""
    versions = r"compar|differ|tighten|relax|stricter|version|polic|\bv\d|\bold\b|previous|changed"
    return bool(readings_in(prompt)) and not _says(_FORCED.sub(" ", prompt), versions)


def _no_moment(scores: Mapping[Kind, float], prompt: str) -> bool:
    """`approve a change` asks for no time, unless one is named."""
    timed = bool(moments_of(prompt)) or _says(prompt, r"window|freez|frozen|black-?out|weekend|weekday")
    return bool(scores.keys() & {"audit", "approvals", "ticket_fields"}) and not timed


def _no_incident(scores: Mapping[Kind, float], prompt: str) -> bool:
    severe = severities_in(prompt) or ordinal_of(prompt) or _says(prompt, r"\back|un-?owned|incident|outage|alert")
    others = {"audit", "on_call", "communication", "approvals", "ticket_fields", "closing"}
    return bool(scores.keys() & others) and not severe


def _no_description(scores: Mapping[Kind, float], prompt: str) -> bool:
    return "ticket_fields" in scores and not concepts_of(prompt)


def _no_key(scores: Mapping[Kind, float], prompt: str) -> bool:
    return "ticket_fields" in scores and not KEY.search(prompt)


def _recorded(scores: Mapping[Kind, float], prompt: str) -> bool:
    """`record an approval` asks for the record, unless it asks who approves or how often."""
    records = "audit" in scores and _says(prompt, r"\b(?:recorded|logged|record|log)\b")
    return records and not _says(prompt, r"\bwho\b|how many|enough|approvals? (?:are|is|does|do)")


def _who_approves(scores: Mapping[Kind, float], prompt: str) -> bool:
    return "approvals" in scores and _says(prompt, r"\bwho\b|how many|whose") and not readings_in(prompt)


def _of_a_channel(scores: Mapping[Kind, float], prompt: str) -> bool:
    """The retention of a channel is the chat's, not the audit's."""
    return "communication" in scores and _says(prompt, r"#\w") and _says(prompt, r"retention|kept|retain")


_ONLY_NAMED: dict[Kind, Callable[[Mapping[Kind, float], str], bool]] = {
    "comparison": _no_versions,
    "change_window": _no_moment,
    "escalation": _no_incident,
    "triage": _no_description,
    "tickets": _no_key,
    "approvals": _recorded,
    "rollback": _who_approves,
    "audit": _of_a_channel,
}
"""When a kind is only named beside the others that were found."""


def ordinal_of(prompt: str) -> int | None:
    """A severity's place: 1 the highest, -1 the lowest; None when none is named so."""
    match = _ORDINAL.search(prompt)
    if match is None:
        return None
    words = match[0].lower()
    return next(
        (
            place
            for word, place in (("second", 2), ("2nd", 2), ("third", 3), ("3rd", 3), ("lowest", -1), ("least", -1))
            if word in words
        ),
        1,
    )
