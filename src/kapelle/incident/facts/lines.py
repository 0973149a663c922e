"""A policy line in its place: what it is about, which severities it is limited to, and the spans that show it."""

import re
from dataclasses import dataclass
from functools import cached_property

from kapelle.evidence.model import Document, Excerpt
from kapelle.incident.facts.model import Topic
from kapelle.incident.reading.outline import Entry, Heading, outline
from kapelle.incident.reading.severity import severities_in
from kapelle.incident.reading.terms import ROLLBACK

# Searched in this order: the first that fits wins, so the narrower words come first.
_TOPICS: tuple[tuple[Topic, str], ...] = (
    (
        "change_log",
        r"change\s?-?log|revision|what (?:has |is )?(?:changed|new)|changes (?:from|since|between|to this|in "
        r"this)|histor|differences? (?:to|from|since|with)\b|differences? between (?:the )?(?:polic|version"
        r"|edition|v\d)|amendment",
    ),
    ("reference", r"reference|consult|companion|(?:other|related|supporting) (?:files|documents)|sources? of truth"),
    (
        "closing",
        r"clos(?:e|ing|ure)|post-?incident|post-?mortem|wrap|exit criteria|sign(?:ing)? off an incident|after "
        r"the incident",
    ),
    ("approval", r"approv|sign-?\s?off|signatur|authori[sz]|who (?:signs|may|must|can) (?:agree|say)|consent"),
    ("rollback", ROLLBACK),
    ("audit", r"audit|logging|record|evidence|trail|traceab|journal|ledger|register\b|bookkeep"),
    ("fields", r"\bfields?\b|ticket|required (?:information|data)|mandatory data"),
    (
        "communication",
        r"communicat|\bcomms\b|channel|cadence|updates?\b|reporting|stakeholder|broadcast|who hears|informing|messag",
    ),
    ("on_call", r"on-?\s?call|\brota\b|roster"),
    (
        "escalation",
        r"escalat|notif|alerting|who (?:is|gets|must be|to) (?:call|page|notif|wake|wok|inform)\w*"
        r"|call(?:ing)? (?:tree|chain|order|list)|respon[sd]|timing|paging|\bpage\b|acknowledg|clock|reaction",
    ),
    ("severity", r"severit|priorit|classif|triage|impact|\bmatrix\b|levels?\b|\bP[0-5]\b|\bSEV"),
    ("change", r"chang|window|freeze|deploy|releas|blackout|calendar|maintenance|ship"),
    ("scope", r"scope|purpose|applicab|definition|terms|about this"),
)
_COMPILED = tuple((topic, re.compile(pattern, re.IGNORECASE)) for topic, pattern in _TOPICS)
_LABEL = re.compile(
    r"(?:severity\s*)?(?:p|sev(?:erity)?|priority|s|level)[\s-]?[0-5](?:\s*(?:\([^)]*\)|[-–—:]\s*\w+)){0,2}\s*:?",
    re.IGNORECASE,
)

_SAYS_LITTLE = re.compile(
    r"(?:obligation|action|step|rule|what|requirement|duty|task|event|item|activity|meaning|criteria|definition"
    r"|description|what it looks like|what to do|name)s?|",
    re.IGNORECASE,
)


def topic_of(text: str) -> Topic:
    """What a title or line is about, by its words."""
    return next((topic for topic, pattern in _COMPILED if pattern.search(text)), "other")


@dataclass(frozen=True)
class Line:
    """An entry of a document with what its place says of it."""

    document: Document
    entry: Entry

    @property
    def text(self) -> str:
        """The line in plain words."""
        return self.entry.text

    @cached_property
    def said(self) -> str:
        """The line as a sentence: of a table row the severity, then the cells, with their headers where these
        say more.
        """
        if not self.entry.cells:
            return self.text
        severity = next((cell for _, cell in self.entry.cells if _LABEL.fullmatch(cell)), "")
        parts = [
            cell if _SAYS_LITTLE.fullmatch(header) else f"{header}: {cell}"
            for header, cell in self.entry.cells
            if cell != severity
        ]
        return f"{severity}: {'; '.join(parts)}" if severity else "; ".join(parts)

    @property
    def raw(self) -> str:
        """The line as it stands in the document."""
        return self.document.text[self.entry.start : self.entry.end]

    @property
    def heading(self) -> str:
        """Title of the innermost section."""
        return self.entry.headings[-1].text if self.entry.headings else ""

    @property
    def above(self) -> str:
        """The section's title and the lines above that govern this one."""
        return f"{self.heading} / {self.entry.context}"

    @property
    def label(self) -> bool:
        """Whether it only names a severity that the lines under it are about."""
        return bool(_LABEL.fullmatch(self.text))

    @cached_property
    def topic(self) -> Topic:
        """By the innermost title that has one, else by the line's words."""
        return self.titled or topic_of(f"{self.entry.context} {self.text}")

    @cached_property
    def titled(self) -> Topic | None:
        """What the innermost title that has a topic is about; None without one."""
        for heading in reversed(self.entry.headings):
            topic = topic_of(re.sub(r"^\d+[.)]?\s*", "", heading.text))
            if topic == "change_log" or (topic != "other" and not _LABEL.fullmatch(heading.text)):
                return topic
        return None

    @cached_property
    def severities(self) -> tuple[int, ...]:
        """Ranks named by the line, else by the nearest line above that names some, else by the section's title."""
        governing = [self.text, *(parent.text for parent in reversed(self.entry.parents))]
        governing += [heading.text for heading in reversed(self.entry.headings)]
        return next((ranks for text in governing if (ranks := severities_in(text))), ())

    @property
    def excerpt(self) -> Excerpt:
        """The exact span of the line."""
        return excerpt_of(self.document, self.entry.start, self.entry.end)

    @cached_property
    def severity_lead(self) -> tuple[Excerpt, ...]:
        """The line or title above that names the severity, where the line itself does not."""
        if severities_in(self.text):
            return ()
        parts: list[Entry | Heading] = [*reversed(self.entry.parents), *reversed(self.entry.headings)]
        named = next((part for part in parts if severities_in(part.text)), None)
        return (excerpt_of(self.document, named.start, named.end),) if named else ()

    @property
    def parent_lead(self) -> tuple[Excerpt, ...]:
        """The line directly above that this one belongs to."""
        return tuple(excerpt_of(self.document, parent.start, parent.end) for parent in self.entry.parents[-1:])


def excerpt_of(document: Document, start: int, end: int) -> Excerpt:
    """The span of a document as an excerpt."""
    return Excerpt(source=document.source, sha256=document.sha256, start=start, end=end, quote=document.text[start:end])


def lines_of(document: Document) -> tuple[Line, ...]:
    """Every line of a markdown or text document that may say something."""
    return tuple(Line(document, entry) for entry in outline(document.text))
