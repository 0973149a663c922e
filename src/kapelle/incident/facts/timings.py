"""Reads obligations with a time from a line: acknowledge within, escalate at, update every, keep for."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, NamedTuple

from kapelle.incident.facts.lines import Line
from kapelle.incident.facts.model import Length, Timing
from kapelle.incident.reading.quantities import Quantity, durations, shown
from kapelle.incident.reading.severity import without_severities
from kapelle.incident.reading.signals import Signal, signals_in

Action = Literal["acknowledge", "escalate", "update", "resolve", "retain", "other"]

_ACKNOWLEDGE = re.compile(
    r"\back(?:nowledg\w*|ed|s)?\b|first response|initial response|response time|respond|time to respon\w*"
    r"|react(?:ion|s)?\b",
    re.IGNORECASE,
)
_ESCALATE = re.compile(
    r"(?<![\w-])(?P<verb>(?:re-?)?escalat\w*|pag(?:e|es|ed|ing)|call(?:s|ed)?(?: in)?|wak(?:e|es|ing)(?: "
    r"up)?|engag(?:e|es|ed)|involv(?:e|es|ed)|summon\w*|bring in|pull in|alert(?:s|ed)?|"
    r"notif(?:y|ies|ied|ication)|inform(?:s|ed)?|contact(?:s|ed)?|loop in|hand(?:s|ed)?(?: it)? over"
    r"|ring(?:s)?|phone(?:s)?|raise(?:s|d)?|goes|go|joins?|takes over|moves?|reach(?:es)?)\b(?!-)(?!\s+(?:status )?page\b)",
    re.IGNORECASE,
)
_STRONG = re.compile(r"escalat|^pag|^call|^wak|^engag|^summon|bring|pull|hand|ring|phone|involv", re.IGNORECASE)
_UPDATE = re.compile(
    r"\bupdat\w*|cadence|status (?:note|message|report|mail)|report(?:s|ing)?\b|\bpost(?:s|ed)?\b|brief\w*",
    re.IGNORECASE,
)
_RESOLVE = re.compile(r"\b(?:resolv\w*|resolution|restor\w*|mitigat\w*|recover\w*|fix(?:ed)?)\b", re.IGNORECASE)
_RETAIN = re.compile(r"\b(?:keep|kept|retain\w*|retention|preserv\w*|stor(?:e|ed|age)|archiv\w*|held)\b", re.IGNORECASE)
_EVERY = re.compile(
    r"\b(?:every|each|per|once an?|at least once an?|twice an?|interval\w*|cadence|frequency)\b\W*(?:[\w-]+\W+){0,2}$",
    re.IGNORECASE,
)
_WITHIN = re.compile(
    r"\b(?:within|in|no later than|not later than|latest|by|before|under|inside|less than|at most"
    r"|max(?:imum)?(?: of)?|up to|for|target|limit|deadline|due|time)\b\W*(?:the (?:first|next)\s+)?$"
    r"|(?:<=?|≤)\s*$",
    re.IGNORECASE,
)
_RECURRING = re.compile(
    r"\b(?:(?P<word>hourly|daily|weekly)|(?:every|(?:at least )?once\s+(?:an?|per|every"
    r"|each))\s+(?P<business>business |working )?(?P<unit>hour|day|week))\b",
    re.IGNORECASE,
)
_RECURRING_MINUTES = {"hour": 60.0, "day": 1440.0, "week": 10080.0}
_PLUS = re.compile(r"(?:\bT\s?)?\+\s?(?P<number>\d+)(?![\d.]*\s*-?(?:min|hour|h\b|m\b|day|sec|%))(?!\d)", re.IGNORECASE)

_END = (
    r"(?=\s*(?:\b(?:at|within|after|in|if|when|whenever|by|once|unless|no later|not later|every|as soon"
    r"|while|through|via|from|until|is|are|must|shall|has|have|who|and then|then|"
    r"should|gets|will|plus|provided|where)\b|on\s+\+|[,;:.()+<>≤→|]|—|–|\s-\s|\d|T\+)|\s*$)"
)
_NAME = (
    r"(?:the\s+|an?\s+|our\s+|your\s+|also\s+|on\s+)*(?P<role>[A-Za-z][\w'’/&-]*(?:\s+(?!at\b|within\b"
    r"|after\b|in\b|if\b)[\w'’/&-]+){0,6}?)"
)
_TO_ROLE = re.compile(rf"\bescalat\w*[^.;]*?\b(?:to|with)\s+{_NAME}{_END}", re.IGNORECASE)
_OBJECT = re.compile(
    rf"(?:{_ESCALATE.pattern})\s*(?:level\s+\d\s*)?:?\s*(?:it\s+|this\s+|to\s*:?\s+)*{_NAME}{_END}", re.IGNORECASE
)
_PASSIVE = re.compile(
    rf"(?:^|[,;:]\s*|\bthen\s+|\bminutes?\s+|\bhours?\s+){_NAME}\s+(?:is|are|must be|gets|get|will be"
    rf"|shall be|has to be|have to be|joins|takes over|must join|must take over)\s*(?:also\s+|then\s+)?(?:pag|call|notif"
    rf"|inform|alert|engag|wok|involv|escalat|contact|brought|pull|summon)?",
    re.IGNORECASE,
)
_BARE_TO = re.compile(rf"(?:\bto\s+|^\s*(?:and\s+|then\s+)*){_NAME}{_END}", re.IGNORECASE)
_NO_ROLE = re.compile(
    r"^(?:it|them|this|that|each|every|any|all|incident|incidents|p\d|severity|ticket|customers?|users?"
    r"|executives?|clients?|status page|public status page|public|channel|stakeholders|acknowledge\w*|step"
    r"|audit.*|on|after|management channel|"
    r"escalations?|minutes?|notification|obligation|action|page|paging|alert|within|if|unless|unowned"
    r"|response|update.*|post.*|the|record.*|first|second|third|regulators?)$",
    re.IGNORECASE,
)
_NO_ROLE_START = re.compile(
    r"^(?:every|each|any|all|no|if|there|when|it|this|their|its|through|via|by|in|on|at|within|after|with)\b",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\b(?P<word>if|when|unless|while|as long as|provided|where|in case|should|without|until|only "
    r"for)\b\s*(?P<rest>[^,;:.]+)",
    re.IGNORECASE,
)
_DENYING = ("unless", "until", "without")
_BEFORE_TIME = re.compile(r"\b(?:within|at|after|every|in)\b")
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


class _Segment(NamedTuple):
    text: str
    amount: Quantity
    every: bool


def timings_in(line: Line) -> Iterator[Timing]:
    """Every obligation with a time in the line, in order."""
    verb = ""
    for clause in clauses_of(line):
        for segment in _segments(clause):
            timing = _timing(line, segment, verb)
            verb = segment.text if _has_verb(segment.text) else verb
            if timing is not None:
                yield timing


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
        if clauses and _is_time(cell) and not durations(clauses[-1]) and _has_verb(clauses[-1]):
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
    return len(amounts) == 1 and len(cell.split()) <= 4 and not _has_verb(cell)


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
        return (cell if _has_verb(cell) else f"{header}: {cell}"), True
    if _PLAIN_HEADER.match(header):
        return cell, True
    if _IF_HEADER.search(header):
        return (cell if _CONDITION.match(cell) else f"if {cell}"), False
    if _ROLE_HEADER.match(header):
        return (cell if cell.startswith("#") else f"to {cell}"), False
    preposition = re.match(r"(after|within|every|at|by)\b", header, re.IGNORECASE)
    return (f"{preposition[1].lower()} {cell}" if preposition and cell[:1].isdigit() else cell), False


def _has_verb(text: str) -> bool:
    text = _CONDITION.sub("", text)
    return any(pattern.search(text) for pattern in (_ACKNOWLEDGE, _ESCALATE, _UPDATE, _RETAIN, _RESOLVE))


def _amounts(text: str) -> list[tuple[Quantity, bool]]:
    found = [(one, bool(_EVERY.search(text[: one.start]))) for one in durations(text)]
    for match in _PLUS.finditer(text):
        if not any(one.start <= match.end("number") <= one.end for one, _ in found):
            value = float(match["number"])
            found.append(
                (
                    Quantity(
                        value=value,
                        unit="minutes",
                        text=f"{shown(value)} minutes",
                        start=match.start("number"),
                        end=match.end(),
                    ),
                    False,
                )
            )
    for match in _RECURRING.finditer(text):
        found = [pair for pair in found if not match.start() <= pair[0].start < match.end()]
        unit = match["unit"] or {"hourly": "hour", "daily": "day", "weekly": "week"}[match["word"].lower()]
        business = (match["business"] or "").strip()
        name = f"1 {business + ' ' if business else ''}{unit}"
        found.append(
            (
                Quantity(
                    value=_RECURRING_MINUTES[unit.lower()],
                    unit="minutes",
                    text=name,
                    business=bool(business),
                    start=match.start(),
                    end=match.end(),
                ),
                True,
            )
        )
    return sorted(found, key=lambda pair: pair[0].start)


def _segments(clause: str) -> list[_Segment]:
    """One segment for each duration of the clause, cut at the first separator between two of them."""
    amounts = _amounts(clause)
    cuts = [0]
    for (left, _), (right, _) in pairwise(amounts):
        separator = re.search(r",|\band\b|/|\bor\b", clause[left.end : right.start])
        cuts.append(left.end + separator.start() if separator else left.end)
    cuts.append(len(clause))
    return [
        _Segment(
            clause[cuts[index] : cuts[index + 1]].strip(" ,"),
            amount.model_copy(update={"start": amount.start - cuts[index], "end": amount.end - cuts[index]}),
            every,
        )
        for index, (amount, every) in enumerate(amounts)
    ]


def _timing(line: Line, segment: _Segment, verb: str) -> Timing | None:
    text = without_severities(segment.text) if line.severities else segment.text
    inherited = text if _has_verb(text) else f"{verb} {text}"
    action = _action(inherited, line)
    role = _role(text, inherits=not _has_verb(text)) if action in ("escalate", "other") else ""
    stray = line.topic not in ("escalation", "on_call") and not line.severities
    if action == "escalate" and (not role or stray):
        action = "update" if channels_in(text) else "other"
    condition, needs = _condition(segment.text)
    return Timing(
        excerpt=line.excerpt,
        lead=line.severity_lead,
        text=line.said,
        heading=line.heading,
        topic=line.topic,
        severities=line.severities,
        action=action,
        mode=_mode(segment, action),
        length=Length(minutes=segment.amount.value, text=segment.amount.text, business=segment.amount.business),
        role=role if action == "escalate" else "",
        channels=channels_in(segment.text) or channels_in(verb if not _has_verb(text) else ""),
        condition=condition,
        needs=needs,
        clause=_clause(segment, verb),
    )


def _clause(segment: _Segment, verb: str) -> str:
    text = " ".join(segment.text.strip(" ,;.:").split())
    text = re.sub(r"^and\s+", "", text)
    if _has_verb(text) or not verb:
        return text
    subject = _BEFORE_TIME.split(verb)[0].strip(" ,;.")
    return f"{subject} {text}" if len(text.split()) < 5 else text


def _action(text: str, line: Line) -> Action:
    """What is done: the verb that comes first counts, conditions aside."""
    if line.topic in ("audit", "closing", "approval", "fields", "rollback", "change", "scope"):
        return "retain" if _RETAIN.search(text) and line.topic == "audit" else "other"
    # "Escalate ... if not acknowledged" and "unless acknowledged, page ..." acknowledge nothing.
    bare = _CONDITION.sub("", text)
    if _has_verb(bare):
        text = bare
    escalate = _ESCALATE.search(text)
    found: list[tuple[int, Action]] = []
    if match := _ACKNOWLEDGE.search(text):
        found.append((match.start(), "acknowledge"))
    if escalate and (line.topic in ("escalation", "other") or _STRONG.search(escalate["verb"])):
        found.append((escalate.start(), "escalate"))
    if match := _UPDATE.search(text):
        found.append((match.start(), "update"))
    if found:
        return min(found)[1]
    return "retain" if _RETAIN.search(text) else "resolve" if _RESOLVE.search(text) else "other"


def _mode(segment: _Segment, action: Action) -> Literal["within", "at", "every"]:
    before = segment.text[: segment.amount.start]
    if segment.every or re.match(r"\s*(?:interval|cadence)", segment.text[segment.amount.end :]):
        return "every"
    if re.search(r"\+\s*$|\b(?:after|at|once|from|past|for)\b\W*(?:more than |another )?$", before) and action not in (
        "acknowledge",
        "retain",
    ):
        return "at"
    if (
        re.match(
            r"\s*(?:after|without|later|in\b|into|has passed|have passed|elapsed)", segment.text[segment.amount.end :]
        )
        and action == "escalate"
        and not _WITHIN.search(before)
    ):
        return "at"
    if action == "escalate":
        return "within" if re.search(r"\b(?:within|no later than|in|by)\b\W*$", before) else "at"
    return "every" if action == "update" and not _WITHIN.search(before) else "within"


def _role(text: str, *, inherits: bool) -> str:
    patterns = [_TO_ROLE, _PASSIVE, _OBJECT] + ([_BARE_TO] if inherits else [])
    patterns += [re.compile(rf"\bto\s+{_NAME}{_END}", re.IGNORECASE)]
    for pattern in patterns:
        for match in pattern.finditer(text):
            name = match["role"].strip()
            name = re.sub(r"^(?:(?:the|an?|our|also|to)\s+)+", "", name, flags=re.IGNORECASE)
            if (
                name
                and not _NO_ROLE.match(name)
                and not _NO_ROLE_START.match(name)
                and not signals_in(name).get("unowned")
            ):
                return name
    return ""


def _condition(text: str) -> tuple[str, dict[Signal, bool]]:
    match = _CONDITION.search(text)
    if match is None:
        shown_signals = signals_in(text)
        needs: dict[Signal, bool] = {
            name: value
            for name, value in shown_signals.items()
            if value and name in ("unowned", "unacknowledged", "unmitigated")
        }
        return "", needs
    words = (
        match["rest"].strip()
        if match["word"].lower() not in _DENYING
        else f"{match['word'].lower()} {match['rest'].strip()}"
    )
    signals = signals_in(words)
    if match["word"].lower() in ("unless", "until"):
        done = re.search(r"ack|own|assign|mitigat|resolv|fix|taken|claim", words, re.IGNORECASE)
        signals = _undone(words) if done else {name: not value for name, value in signals.items()}
    amount = durations(words)
    if amount:  # "if unowned at +20 minutes": the time is no part of the condition
        words = re.sub(r"\s*\b(?:at|after|for|within)?\s*(?:T?\+\s*)?$", "", words[: amount[0].start]).strip()
    return words, signals


def _undone(words: str) -> dict[Signal, bool]:
    """`unless acknowledged` asks for unacknowledged."""
    table: tuple[tuple[Signal, str], ...] = (
        ("unacknowledged", "ack"),
        ("unowned", "own|assign|taken|claim"),
        ("unmitigated", "mitigat|resolv|fix"),
    )
    return {name: True for name, pattern in table if re.search(pattern, words, re.IGNORECASE)}
