"""Settles what several kinds of answer need before any is given: the severity, named tickets, kinds, whether a
freeze holds.
"""

from dataclasses import replace

from kapelle.incident.decide.evidence import Evidence
from kapelle.incident.decide.model import Case
from kapelle.incident.decide.on_call import named_engineers
from kapelle.incident.decide.records import related
from kapelle.incident.decide.rollback import triggered
from kapelle.incident.decide.triage import classify
from kapelle.incident.decide.view import View
from kapelle.incident.decide.window_rules import frozen_at
from kapelle.incident.facts.model import (
    SeverityRule,
    Window,
)
from kapelle.incident.question.cues import CHANGES
from kapelle.incident.question.model import Kind, Question
from kapelle.incident.reading.severity import severities_in
from kapelle.incident.reading.signals import signals_in
from kapelle.incident.reading.terms import terms_of

SUPPORT: tuple[Kind, ...] = ("tickets", "metrics", "logs")
"""Kinds that show evidence; beside a kind that decides they come after it."""


def with_tickets(question: Question, evidence: Evidence) -> Question:
    """What the tickets that a task names say is part of what it is about."""
    named = [ticket for ticket in evidence.tickets or () if ticket.key in question.keys]
    words = " ".join(f"{ticket.summary}. {ticket.description}" for ticket in named)
    if not words:
        return question
    kinds = question.kinds
    if (
        "change_window" not in kinds
        and question.moments
        and any(CHANGES.search(f"{ticket.issue_type} {ticket.summary}") for ticket in named)
    ):
        kinds = ("change_window", *kinds)
    signals = {**signals_in(words), **question.signals}
    return question.model_copy(
        update={"terms": (*question.terms, *terms_of(words)), "signals": signals, "kinds": kinds}
    )


def settle(case: Case) -> Case:
    """Find the severity and whether the moment asked about lies in a freeze: several kinds need them."""
    question, view = case.question, case.view
    rank = question.severities[0] if question.severities else _labelled(view, question)
    if rank is None and "tickets" in question.kinds and "triage" not in question.kinds:
        rank = _of_tickets(case)
        question = question.model_copy(update={"concepts": frozenset()})
    taken = None
    if rank is None and (question.concepts or question.readings) and (taken := classify(case)):
        rank = taken.rule.severities[0]
    windows = [window for window in view.of(Window) if window.topic == "change"]
    frozen = (
        any(frozen_at(windows, moment) for moment in question.moments)
        if "change_window" in question.kinds or "approvals" in question.kinds
        else False
    )
    ranks = question.severities or (() if rank is None else (rank,))
    return replace(case, rank=rank, ranks=ranks, taken=taken.rule if taken else None, settled={"frozen": frozen})


def _of_tickets(case: Case) -> int | None:
    """The highest severity among the open tickets asked about."""
    found = [
        rank
        for ticket in related(case, case.evidence.tickets or ())
        if ticket.open
        for rank in severities_in(ticket.severity or "")
    ]
    return min(found, default=None)


def _labelled(view: View, question: Question) -> int | None:
    """A severity by its place among those the policy has, or by the word it puts beside one: a `critical` incident."""
    known = sorted({rank for fact in view.of(SeverityRule) for rank in fact.severities})
    if question.ordinal and known:
        return known[-1] if question.ordinal < 0 else known[min(question.ordinal, len(known)) - 1]
    words = question.prompt.lower().split()
    for word, after in zip(words, [*words[1:], ""], strict=False):
        if word.strip(".,?!'\"") in view.labels and after.strip(".,?!'\"") in (
            "incident",
            "incidents",
            "outage",
            "one",
            "issue",
            "ticket",
            "severity",
            "alert",
        ):
            return view.labels[word.strip(".,?!'\"")]
    return None


def kinds_asked(case: Case) -> list[Kind]:
    """What to decide, deciding kinds before evidence; a described incident without a question asks for severity
    and response.
    """
    kinds = list(case.question.kinds)
    if "rollback" not in kinds and "comparison" not in kinds and triggered(case):
        kinds.insert(min(1, len(kinds)), "rollback")
    if not kinds and named_engineers(case):
        kinds = ["on_call"]
    if not [kind for kind in kinds if kind not in SUPPORT] and case.rank is not None and not kinds:
        described = bool(case.question.concepts or case.question.readings)
        kinds = ["triage", "escalation"] if described or not case.question.severities else ["escalation"]
    if "comparison" in kinds:
        return ["comparison"]
    return [kind for kind in kinds if kind not in SUPPORT] + [kind for kind in kinds if kind in SUPPORT]
