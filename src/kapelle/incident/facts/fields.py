"""Reads which fields a ticket must have: lists after a colon, one field a line, tables."""

import re
from collections.abc import Iterator

from kapelle.incident.facts.lines import Line
from kapelle.incident.facts.model import FieldList

_KINDS = ("incident", "change", "problem", "rollback", "emergency")
_CHANGES = ("release", "deployment", "deploy", "rollout", "migration")
_TICKET_KIND = re.compile(r"\b(?P<kind>[a-z]+)[\s-](?:tickets?|records?|requests?)\b", re.IGNORECASE)
_ASKS = re.compile(
    r"\b(?:must|shall|required?|requires|needs?|mandatory|carr(?:y|ies)|contains?|includes?|fields?|has to"
    r"|have to|lists?|states?|records?|with)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"`([A-Za-z][\w .-]*)`")
_AFTER_VERB = re.compile(
    r"\b(?:carr(?:y|ies)|contains?|includes?|has|have|lists?|states?|needs?|requires?|fields(?: are)?|with"
    r"|following)\b\s*:?\s*(?P<fields>[^.;]+)",
    re.IGNORECASE,
)
_NOT_A_FIELD = re.compile(
    r"\b(?:must|should|within|before|after|when|until|opened|linked|is|are|every|not|only)\b|[.!?]\s|\d+ (?:min|hour)",
    re.IGNORECASE,
)
_FILE = re.compile(r"/|\.(?:ya?ml|json|md)\b", re.IGNORECASE)
"""A line that names files says where fields are listed, not which."""
_YES = re.compile(r"^(?:y(?:es)?|x|✓|✔|required|mandatory|must|true|always)$", re.IGNORECASE)


def fields_in(line: Line) -> Iterator[FieldList]:
    """The fields the line asks for; none when it is not such a list."""
    if line.topic != "fields" and not re.search(r"\bfields?\b", line.text, re.IGNORECASE):
        return
    if line.entry.cells:
        yield from _from_cells(line)
        return
    names = _names(line)
    if names and not any(_FILE.search(name) for name in names):
        yield _fields(line, _subject(line.text) or _subject(line.above), names)


def _names(line: Line) -> tuple[str, ...]:
    quoted = tuple(name for name in _QUOTED.findall(line.raw) if not re.fullmatch(r"P\d|.*/.*|.*\.ya?ml", name))
    listed = (
        line.entry.parents and _ASKS.search(line.entry.parents[-1].text) and line.entry.parents[-1].text.endswith(":")
    )
    if quoted and (len(quoted) > 1 or listed or _ASKS.search(line.text)) and not _is_rule(line.text, quoted):
        return quoted
    if ":" in line.text and _ASKS.search(line.text.split(":")[0] + " " + line.heading):
        names = _split(line.text.split(":", 1)[1])
        return names if names and (len(names) > 1 or not _NOT_A_FIELD.search(names[0])) else ()
    match = _AFTER_VERB.search(line.text)
    if match and ("," in match["fields"] or " and " in match["fields"]):
        return _split(match["fields"])
    if (
        (listed or (_ASKS.search(line.above) and _subject(line.above)))
        and len(line.text.split()) <= 4
        and not _NOT_A_FIELD.search(line.text)
        and not line.text.endswith(":")
    ):
        return _split(line.text)
    return ()


def _is_rule(text: str, quoted: tuple[str, ...]) -> bool:
    """A sentence about one quoted word, such as a label or a table, is no list of fields."""
    return len(quoted) == 1 and len(text.split()) > 6 and "field" not in text.lower()


def _split(text: str) -> tuple[str, ...]:
    names = [
        re.sub(r"^(?:the|an?|its|and)\s+", "", name.strip(" .`"), flags=re.IGNORECASE)
        for name in re.split(r",|;|\band\b|\bplus\b", text)
    ]
    return tuple(name for name in names if name and len(name.split()) <= 5)


def _subject(text: str) -> str:
    """The kind of ticket: what stands before the word, a release being a change; else a kind named anywhere."""
    named = _TICKET_KIND.search(text)
    kind = named["kind"].lower() if named else ""
    if kind in _CHANGES:
        return "change"
    return next((one for one in _KINDS if re.search(rf"\b{one}", text, re.IGNORECASE)), "")


def _from_cells(line: Line) -> Iterator[FieldList]:
    cells = line.entry.cells
    marked = [header for header, cell in cells[1:] if _YES.match(cell) and _subject(header)]
    if marked:
        for header in marked:
            yield _fields(line, _subject(header), _split(cells[0][1]))
        return
    kind = next((_subject(cell) for _, cell in cells if _subject(cell) and "," not in cell), "") or _subject(
        line.heading
    )
    lists = next(
        (cell for header, cell in cells if re.search(r"field|required|must|content", header, re.IGNORECASE)), ""
    )
    if lists:
        yield _fields(line, kind, _split(lists))


def _fields(line: Line, subject: str, names: tuple[str, ...]) -> FieldList:
    return FieldList(
        excerpt=line.excerpt,
        lead=() if _subject(line.text) else line.parent_lead,
        text=line.said,
        heading=line.heading,
        topic="fields",
        severities=line.severities,
        subject=subject,
        fields=names,
    )
