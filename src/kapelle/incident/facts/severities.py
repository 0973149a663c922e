"""Reads the severity matrix: what makes an incident which severity."""

import re
from collections.abc import Iterator

from kapelle.incident.facts.clauses import channels_in
from kapelle.incident.facts.lines import Line
from kapelle.incident.facts.model import Condition, SeverityRule
from kapelle.incident.reading.conditions import Reading, readings_in
from kapelle.incident.reading.quantities import comparator_at, durations, percentages
from kapelle.incident.reading.severity import severities_in
from kapelle.incident.reading.terms import concepts_of

_PREFIX = re.compile(
    r"^(?:severity\s*:?\s*)?(?:p|sev(?:erity)?|priority|s|level)[\s-]?[0-5]\s*(?:\([^)]*\)\s*)?(?:[-–—:=]+"
    r"|\bis\b|\bmeans\b|\bcovers\b|\bapplies (?:to|when|if)\b|\bwhen\b)?\s*",
    re.IGNORECASE,
)
_RULE_ABOUT_RULES = re.compile(
    r"\b(?:lower|raise|downgrade|upgrade|reclassif|change (?:a|the) severity|two severities|higher (?:one "
    r")?applies|in doubt|when unsure|only the)\b",
    re.IGNORECASE,
)
_TIMED = re.compile(
    r"\back(?:nowledg\w*)?\b|escalat|\bpage\b|every\s+\d|\bwithin\s+\w+\s+(?:min|hour|business)|\+\d+", re.IGNORECASE
)
_SEVERITY_HEADER = re.compile(r"sev|priority|level|class", re.IGNORECASE)
_OTHER_HEADER = re.compile(r"ack|escalat|respon|update|channel|cadence|notify|page|example ticket|owner", re.IGNORECASE)
_NAME_HEADER = re.compile(r"^(?:name|label|title)$", re.IGNORECASE)


def severities_of(line: Line) -> Iterator[SeverityRule]:
    """The criterion the line gives for one severity; none when it is not one."""
    if len(line.severities) != 1 or line.label or _RULE_ABOUT_RULES.search(line.text):
        return
    if line.titled not in (None, "severity") or not (line.titled or _begins_with_severity(line)):
        return
    criteria = _criteria(line)
    if len(criteria.split()) < 2 or channels_in(criteria) or not (line.titled or _tells_impact(criteria)):
        return
    yield SeverityRule(
        excerpt=line.excerpt,
        lead=line.severity_lead,
        text=line.said,
        heading=line.heading,
        topic="severity",
        severities=line.severities,
        criteria=criteria,
        conditions=tuple(condition_of(reading) for reading in readings_in(criteria.replace(";", ","))),
    )


def _begins_with_severity(line: Line) -> bool:
    return bool(line.entry.cells and severities_in(line.entry.cells[0][1])) or bool(_PREFIX.match(line.text))


def _tells_impact(criteria: str) -> bool:
    """Under a title that says nothing of severities, a criterion speaks of an impact or gives a number."""
    return bool(concepts_of(criteria) or readings_in(criteria))


def condition_of(reading: Reading) -> Condition:
    """What a policy's number asks for: `2% above the baseline` is more than 2%, a bare number is reached at its
    value.
    """
    asked = reading.comparator or ("gt" if reading.over else "ge")
    return Condition(
        metric=reading.metric,
        comparator=asked,
        value=reading.value,
        unit=reading.unit,
        minutes=reading.minutes,
        minutes_comparator=reading.minutes_comparator or "ge",
        baseline=reading.baseline,
        text=reading.text,
    )


def _criteria(line: Line) -> str:
    if line.entry.cells:
        cells = [
            cell
            for header, cell in line.entry.cells
            if not _OTHER_HEADER.search(header)
            and not _NAME_HEADER.match(header)
            and not (_SEVERITY_HEADER.search(header) and severities_in(cell))
            and not _only_a_time(cell)
        ]
        return "; ".join(cells)
    text = _PREFIX.sub("", line.text)
    kept = [part for part in re.split(r";\s+|(?<=[a-z)])\.\s+(?=[A-Z])", text) if not _TIMED.search(part)]
    return "; ".join(part.strip(" .") for part in kept)


def _only_a_time(cell: str) -> bool:
    amounts = durations(cell)
    return (
        bool(amounts)
        and not percentages(cell)
        and comparator_at(cell, amounts[0].start, amounts[0].end) is None
        and len(cell.split()) <= 4
    )
