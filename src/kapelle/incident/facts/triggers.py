"""Reads what makes a rollback due: thresholds with durations, failed checks, circumstances in words."""

import re
from collections.abc import Iterator

from kapelle.incident.facts.lines import Line
from kapelle.incident.facts.model import Trigger
from kapelle.incident.facts.severities import condition_of
from kapelle.incident.reading.conditions import METRIC_NAMES, Reading, readings_in
from kapelle.incident.reading.terms import ROLLBACK

_LEADS = re.compile(
    r"\bany\b|\ball\b|\bwhen\b|\bif\b|trigger|following|holds?\b|\bas soon as\b|criteria|condition|one of|cause|case",
    re.IGNORECASE,
)
_ROLLS_BACK = re.compile(ROLLBACK, re.IGNORECASE)
_OPTIONAL = re.compile(
    r"\b(?:consider|may|should|recommended|optional(?:ly)?|discretion\w*|advis\w+|at the option)\b", re.IGNORECASE
)
_REQUIRED = re.compile(
    r"\b(?:must|mandatory|required?|requires|automatic\w*|immediately|at once|has to|have to|shall"
    r"|obligatory|compulsory)\b",
    re.IGNORECASE,
)
_ALL = re.compile(r"\ball\b(?: of)?(?: the| these)?|\bboth\b|together|simultaneously", re.IGNORECASE)
_ANY = re.compile(r"\bany\b|\bone of\b|\beither\b|at least one", re.IGNORECASE)
_CAUSES = re.compile(
    rf"\b(?:triggers?|forces?|requires?|leads? to|warrants?|demands?|means"
    rf"|causes?)\s+(?:an?\s+)?(?:\w+\s+){{0,2}}?(?:{ROLLBACK})",
    re.IGNORECASE,
)
_MODAL = re.compile(
    r"\b(?:must|may|should|shall|needs?|requires?|start|run|use|watch|record|post|announce|link|every|is "
    r"the|are the|is at|below)\b",
    re.IGNORECASE,
)
_JOIN = re.compile(
    r"\s+\bor\b\s+(?!(?:more|longer|higher|above|greater|less|worse|over)\b(?!\s*\d))|;\s+", re.IGNORECASE
)


def triggers_in(line: Line) -> Iterator[Trigger]:
    """The triggers of the line: one for each alternative it gives; none when it is not about rolling back."""
    if not (
        line.topic == "rollback"
        or (line.topic in ("other", "change") and _ROLLS_BACK.search(f"{line.text} {line.entry.context}"))
    ):
        return
    text = line.text.replace(";", ",") if line.entry.cells else line.text
    parts = _alternatives(text) if not line.entry.cells else [text]
    metric = ""
    for part in parts:
        # "over 2% for 5 minutes or above 6% for 1 minute": the second names no metric of its own.
        found = readings_in(part) or readings_in(f"{METRIC_NAMES.get(metric, metric)} {part}")
        readings = [reading for reading in found if reading.comparator not in ("lt", "le")]
        metric = readings[0].metric if readings else metric
        if readings or (len(parts) == 1 and _is_circumstance(line)):
            yield _trigger(line, part, readings)


def _alternatives(text: str) -> list[str]:
    """Parts joined by `or`; a part without a number belongs to the one before it."""
    parts: list[str] = []
    for part in _JOIN.split(text):
        if parts and not re.search(r"\d|\b(?:two|three|four|five|six)\b", part):
            parts[-1] += f" or {part}"
        else:
            parts.append(part)
    return parts


def _is_circumstance(line: Line) -> bool:
    """Whether a line without numbers stands in a list of triggers."""
    listed = line.entry.parents and _LEADS.search(line.entry.parents[-1].text)
    under_title = re.search(r"trigger|criteria|condition", line.heading, re.IGNORECASE) and not line.entry.parents
    causes = _CAUSES.search(line.text) and not line.text.endswith(":")
    has_verdict = causes or (
        _ROLLS_BACK.search(line.text)
        and _REQUIRED.search(line.text)
        and re.search(r"\b(?:if|when|after|upon|on)\b", line.text)
        and not line.text.endswith(":")
    )
    return bool(
        (listed and not line.text.endswith(":"))
        or (under_title and not _MODAL.search(line.text) and not line.text.endswith(":"))
        or has_verdict
    )


def _trigger(line: Line, part: str, readings: list[Reading]) -> Trigger:
    lead = line.entry.parents[-1].text if line.entry.parents else ""
    return Trigger(
        excerpt=line.excerpt,
        lead=line.parent_lead,
        text=line.said,
        heading=line.heading,
        topic="rollback",
        severities=line.severities,
        conditions=tuple(condition_of(reading) for reading in readings),
        words=part.strip(" ."),
        mandatory=_is_mandatory(line.text, lead),
        joint=bool(_ALL.search(lead) and not _ANY.search(lead)),
    )


def _is_mandatory(text: str, lead: str) -> bool:
    for words in (text, lead):
        if _REQUIRED.search(words):
            return True
        if _OPTIONAL.search(words):
            return False
    return True
