"""Reads obligations with a time from a line: acknowledge within, escalate at, update every, keep for."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, NamedTuple

from kapelle.incident.facts.clauses import (
    ACKNOWLEDGE,
    CONDITION,
    ESCALATE,
    RESOLVE,
    RETAIN,
    UPDATE,
    channels_in,
    clauses_of,
    has_verb,
)
from kapelle.incident.facts.lines import Line
from kapelle.incident.facts.model import Length, Timing
from kapelle.incident.facts.roles import role_in
from kapelle.incident.reading.quantities import Quantity, durations, shown
from kapelle.incident.reading.severity import without_severities
from kapelle.incident.reading.signals import Signal, signals_in

Action = Literal["acknowledge", "escalate", "update", "resolve", "retain", "other"]

_STRONG = re.compile(r"escalat|^pag|^call|^wak|^engag|^summon|bring|pull|hand|ring|phone|involv", re.IGNORECASE)
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

_DENYING = ("unless", "until", "without")
_BEFORE_TIME = re.compile(r"\b(?:within|at|after|every|in)\b")


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
            verb = segment.text if has_verb(segment.text) else verb
            if timing is not None:
                yield timing


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
    inherited = text if has_verb(text) else f"{verb} {text}"
    action = _action(inherited, line)
    role = role_in(text, inherits=not has_verb(text)) if action in ("escalate", "other") else ""
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
        channels=channels_in(segment.text) or channels_in(verb if not has_verb(text) else ""),
        condition=condition,
        needs=needs,
        clause=_clause(segment, verb),
    )


def _clause(segment: _Segment, verb: str) -> str:
    text = " ".join(segment.text.strip(" ,;.:").split())
    text = re.sub(r"^and\s+", "", text)
    if has_verb(text) or not verb:
        return text
    subject = _BEFORE_TIME.split(verb)[0].strip(" ,;.")
    return f"{subject} {text}" if len(text.split()) < 5 else text


def _action(text: str, line: Line) -> Action:
    """What is done: the verb that comes first counts, conditions aside."""
    if line.topic in ("audit", "closing", "approval", "fields", "rollback", "change", "scope"):
        return "retain" if RETAIN.search(text) and line.topic == "audit" else "other"
    # "Escalate ... if not acknowledged" and "unless acknowledged, page ..." acknowledge nothing.
    bare = CONDITION.sub("", text)
    if has_verb(bare):
        text = bare
    escalate = ESCALATE.search(text)
    found: list[tuple[int, Action]] = []
    if match := ACKNOWLEDGE.search(text):
        found.append((match.start(), "acknowledge"))
    if escalate and (line.topic in ("escalation", "other") or _STRONG.search(escalate["verb"])):
        found.append((escalate.start(), "escalate"))
    if match := UPDATE.search(text):
        found.append((match.start(), "update"))
    if found:
        return min(found)[1]
    return "retain" if RETAIN.search(text) else "resolve" if RESOLVE.search(text) else "other"


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


def _condition(text: str) -> tuple[str, dict[Signal, bool]]:
    match = CONDITION.search(text)
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
