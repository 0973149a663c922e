"""Tell what kind of task it is, by its words alone: the same task always has the same features."""

import re

from pydantic import BaseModel, ConfigDict

from kapelle.task.model import Task

ISSUE_WORDS = frozenset({"issue", "ticket", "bug", "incident", "alert"})
INCIDENT_WORDS = frozenset({"alert", "incident", "sev", "p1", "outage"})

# Besides the words above: what people ask about operations without naming an incident.
_OPERATIONS = re.compile(
    r"\b(p[0-4]|sev-?\d|on-?call|rota|escalat\w*|roll ?back\w*|runbook|postmortem|change window|freeze|"
    r"acknowledg\w*|page[sd]?|paging|severity|triage\w*|error rate|latency|deploy\w*)\b",
    re.IGNORECASE,
)
_COMPARE = re.compile(
    r"\b(compare[sd]?|comparison|versus|vs\.?|differ\w*|difference between|between .+ and)\b", re.IGNORECASE
)
_SEARCH = re.compile(r"\b(find|search|look up|list|which|who|where|when|what|how)\b", re.IGNORECASE)
_DECIDE = re.compile(
    r"\b(should|decide|decision|approve|approval|may (?:i|we)|allowed|recommend\w*|choose)\b", re.IGNORECASE
)
_EXTRACT = re.compile(r"\b(extract|summari[sz]e|action items?|deadlines?|entities|classify|priority)\b", re.IGNORECASE)
_ASKS_PERSON = re.compile(
    r"\b(?:wait(?:ing)? for|get|obtain|with|after|subject to|needs?|pending|require[sd]?)\s+"
    r"(?:my|our|a|an|the|their)?\s*"
    r"(?:human|person'?s|manager'?s?|manual|explicit|owner'?s|user'?s)?\s*(?:approval|sign-?off|confirmation|go-ahead)"
    r"(?:\s+(?:from|of|by)\s+(?:me|us|a (?:human|person)|the user))?"
    r"(?=\s*(?:[.,;!]|$|first\b|before\b|from me\b))"
    r"|\bask\s+(?:me|us|a (?:human|person)|somebody|someone)\s+(?:first|before|to (?:approve|confirm|decide))"
    r"|\b(?:let|have)\s+(?:me|us|a (?:human|person)|somebody|someone)\s+(?:approve|confirm|decide|sign off)"
    r"|\bdo not (?:go on|proceed|finish|answer) (?:without|until)\b.*\b(?:approv|confirm|sign)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z0-9]+")


class Features(BaseModel):
    """What the rules may look at."""

    model_config = ConfigDict(frozen=True)

    words: frozenset[str]
    issue: bool
    """An issue, ticket, bug, incident or alert is spoken of."""
    incident: bool
    """An incident, alert or outage is spoken of."""
    operations: bool
    """On-call, escalation, rollback, change windows and the like are spoken of."""
    compare: bool
    search: bool
    decide: bool
    extract: bool
    asks_person: bool
    """The task itself asks that a person approves its outcome."""
    length: int
    """Characters of the prompt."""


def features_of(task: Task) -> Features:
    """Classify a task by its words."""
    prompt = task.prompt
    words = frozenset(_WORD.findall(prompt.lower()))
    stems = words | {word.removesuffix("s") for word in words}
    return Features(
        words=words,
        issue=bool(stems & ISSUE_WORDS),
        incident=bool(stems & INCIDENT_WORDS) or any(re.fullmatch(r"sev-?\d", word) for word in words),
        operations=bool(_OPERATIONS.search(prompt)),
        compare=bool(_COMPARE.search(prompt)),
        search=bool(_SEARCH.search(prompt)),
        decide=bool(_DECIDE.search(prompt)),
        extract=bool(_EXTRACT.search(prompt)),
        asks_person=bool(_ASKS_PERSON.search(prompt)),
        length=len(prompt),
    )
