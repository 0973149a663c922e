"""Cuts a policy line into clauses that each may hold one obligation; of a table row the cells, put together by
their headers.
"""

import re

from kapelle.incident.facts.lines import Line
from kapelle.incident.reading.quantities import durations

ACKNOWLEDGE = re.compile(
    r"\back(?:nowledg\w*|ed|s)?\b|first response|initial response|response time|respond|time to respon\w*"
    r"|react(?:ion|s)?\b",
    re.IGNORECASE,
)


ESCALATE = re.compile(
    r"(?<![\w-])(?P<verb>(?:re-?)?escalat\w*|pag(?:e|es|ed|ing)|call(?:s|ed)?(?: in)?|wak(?:e|es|ing)(?: "
    r"up)?|engag(?:e|es|ed)|involv(?:e|es|ed)|summon\w*|bring in|pull in|alert(?:s|ed)?|"
    r"notif(?:y|ies|ied|ication)|inform(?:s|ed)?|contact(?:s|ed)?|loop in|hand(?:s|ed)?(?: it)? over"
    r"|ring(?:s)?|phone(?:s)?|raise(?:s|d)?|goes|go|joins?|takes over|moves?"
    r"|reach(?:es)?)\b(?!-)(?!\s+(?:status )?page\b)",
    re.IGNORECASE,
)


UPDATE = re.compile(
    r"\bupdat\w*|cadence|status (?:note|message|report|mail)|report(?:s|ing)?\b|\bpost(?:s|ed)?\b|brief\w*",
    re.IGNORECASE,
)


RESOLVE = re.compile(r"\b(?:resolv\w*|resolution|restor\w*|mitigat\w*|recover\w*|fix(?:ed)?)\b", re.IGNORECASE)


RETAIN = re.compile(r"\b(?:keep|kept|retain\w*|retention|preserv\w*|stor(?:e|ed|age)|archiv\w*|held)\b", re.IGNORECASE)


CONDITION = re.compile(
    r"\b(?P<word>if|when|unless|while|as long as|provided|where|in case|should|without|until|only "
    r"for)\b\s*(?P<rest>[^,;:.]+)",
    re.IGNORECASE,
)


_CHANNEL = re.compile(r"(?<![\w/&])#[a-z0-9][\w-]*", re.IGNORECASE)


_ACTION_HEADER = re.compile(
    r"ack|escalat|page|notif|update|respon|call|cadence|resol|mitigat|brief|post|record|retain|retention|review",
    re.IGNORECASE,
)


_PLAIN_HEADER = re.compile(
    r"^(?:obligation|action|step|rule|what|requirement|duty|task|must|event|item|activity|record|what to do|do)s?$",
    re.IGNORECASE,
)


_IF_HEADER = re.compile(r"condition|^if\b|^only|unless|provided|circumstance|applies", re.IGNORECASE)


_SEVERITY_HEADER = re.compile(r"^(?:sev\w*|priority|level|class|incident)(?: level)?$", re.IGNORECASE)


_ROLE_HEADER = re.compile(r"^(?:who|role|to|target|recipient|person|contact|whom|audience)s?$", re.IGNORECASE)


_NOTHING = re.compile(r"^(?:-+|–|—|n/?a|none|always|any)?$", re.IGNORECASE)


def clauses_of(line: Line) -> tuple[str, ...]:
    """The parts of a line that each may hold one obligation; of a table row the cells, put together by their
    headers.
    """
    parts = _row_clauses(line.entry.cells) if line.entry.cells else [line.text]
    clauses = [
        clause for part in parts for clause in re.split(r";\s+|(?<=[a-z)])\.\s+(?=[A-Z])|,?\s+then\s+(?=\S+.*\d)", part)
    ]
    return tuple(clause.strip(" .") for clause in clauses if clause.strip(" ."))


def channels_in(text: str) -> tuple[str, ...]:
    """Channels named in `text`, in order, once each."""
    return tuple(dict.fromkeys(_CHANNEL.findall(text)))


def _row_clauses(cells: tuple[tuple[str, str], ...]) -> list[str]:
    clauses: list[str] = []
    pending = ""
    for header, cell in cells:
        if _SEVERITY_HEADER.match(header) or _NOTHING.match(cell):
            continue
        piece, starts = _row_piece(header, cell)
        if clauses and _is_time(cell) and not durations(clauses[-1]) and has_verb(clauses[-1]):
            piece, starts = _timed_piece(header, cell), False
        if starts or (not clauses and not _is_addition(header)):
            clauses.append(f"{piece} {pending}".strip())
            pending = ""
        elif clauses:
            clauses[-1] = f"{clauses[-1]} {piece}"
        else:
            pending = f"{pending} {piece}".strip()
    return clauses or ([pending] if pending else [])


def _is_time(cell: str) -> bool:
    amounts = durations(cell)
    return len(amounts) == 1 and len(cell.split()) <= 4 and not has_verb(cell)


def _timed_piece(header: str, cell: str) -> str:
    """A time with the preposition of its header: `First call after` and `9 min`."""
    word = re.search(r"\b(after|within|every|at|by)\b", header, re.IGNORECASE)
    return f"{word[1].lower()} {cell}" if word and cell[:1].isdigit() else cell


def _is_addition(header: str) -> bool:
    return bool(
        _IF_HEADER.search(header)
        or _ROLE_HEADER.match(header)
        or re.match(
            r"(?:after|at|time|deadline|limit|within|due|by|delay|minutes|when|timing|offset|every|frequency|elapsed)",
            header,
            re.IGNORECASE,
        )
    )


def _row_piece(header: str, cell: str) -> tuple[str, bool]:
    """A cell as words, and whether it starts an obligation of its own."""
    if _ACTION_HEADER.search(header) and not _IF_HEADER.search(header):
        return (cell if has_verb(cell) else f"{header}: {cell}"), True
    if _PLAIN_HEADER.match(header):
        return cell, True
    if _IF_HEADER.search(header):
        return (cell if CONDITION.match(cell) else f"if {cell}"), False
    if _ROLE_HEADER.match(header):
        return (cell if cell.startswith("#") else f"to {cell}"), False
    preposition = re.match(r"(after|within|every|at|by)\b", header, re.IGNORECASE)
    return (f"{preposition[1].lower()} {cell}" if preposition and cell[:1].isdigit() else cell), False


def has_verb(text: str) -> bool:
    """Whether a clause says what is to be done, its condition aside."""
    text = CONDITION.sub("", text)
    return any(pattern.search(text) for pattern in (ACKNOWLEDGE, ESCALATE, UPDATE, RETAIN, RESOLVE))
