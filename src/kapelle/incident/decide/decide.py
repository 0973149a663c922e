"""Decides: the kinds a task asks for, each by its own module, put together within the limits of an answer."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from kapelle.incident.decide.approvals import decide_approvals
from kapelle.incident.decide.change_window import decide_change_window, frozen_at
from kapelle.incident.decide.communication import decide_communication
from kapelle.incident.decide.comparison import decide_comparison
from kapelle.incident.decide.escalation import decide_escalation
from kapelle.incident.decide.evidence import Evidence
from kapelle.incident.decide.fit import fit
from kapelle.incident.decide.lookup import nearest
from kapelle.incident.decide.metrics import decide_metrics
from kapelle.incident.decide.model import CORE, MORE, MUST, Answer, Case, Decision, Draft
from kapelle.incident.decide.obligations import decide_audit, decide_closing
from kapelle.incident.decide.on_call import decide_on_call, named_engineers
from kapelle.incident.decide.records import decide_logs, decide_tickets, related
from kapelle.incident.decide.rollback import decide_rollback, triggered
from kapelle.incident.decide.scope import out_of_scope
from kapelle.incident.decide.sources import path_of, reference_drafts, wanted_drafts
from kapelle.incident.decide.standing import decide_references, decide_versions
from kapelle.incident.decide.ticket_fields import decide_ticket_fields
from kapelle.incident.decide.triage import classify, decide_triage
from kapelle.incident.decide.view import View, view_for
from kapelle.incident.decide.wording import lower_first, sentence
from kapelle.incident.facts.model import (
    Approval,
    CompanyFacts,
    Entry,
    Fact,
    FieldList,
    Reference,
    SeverityRule,
    Trigger,
    Window,
)
from kapelle.incident.question.cues import CHANGES
from kapelle.incident.question.model import Kind, Question
from kapelle.incident.reading.severity import severities_in
from kapelle.incident.reading.signals import signals_in
from kapelle.incident.reading.terms import overlap, terms_of

DECIDERS: dict[Kind, Callable[[Case], Answer]] = {
    "triage": decide_triage,
    "escalation": decide_escalation,
    "communication": decide_communication,
    "rollback": decide_rollback,
    "change_window": decide_change_window,
    "approvals": decide_approvals,
    "on_call": decide_on_call,
    "audit": decide_audit,
    "ticket_fields": decide_ticket_fields,
    "comparison": decide_comparison,
    "closing": decide_closing,
    "references": decide_references,
    "versions": decide_versions,
    "tickets": decide_tickets,
    "metrics": decide_metrics,
    "logs": decide_logs,
}
_SUPPORT: tuple[Kind, ...] = ("tickets", "metrics", "logs")
"""Kinds that show evidence; beside a kind that decides they come after it."""
_WAIVES = re.compile(
    r"\b(?:waiv\w*|ignor\w*|overrid\w*|overrul\w*|bypass\w*|disregard\w*|make an exception|exceptions?|skip)\b",
    re.IGNORECASE,
)
_WEIGHED: dict[Kind, type[Fact]] = {
    "ticket_fields": FieldList,
    "approvals": Approval,
    "change_window": Window,
    "rollback": Trigger,
    "triage": SeverityRule,
}
"""Facts that a kind has weighed one by one: what it left out does not answer."""
_BY_SEVERITY: tuple[Kind, ...] = ("escalation", "communication")


def _with_tickets(question: Question, evidence: Evidence) -> Question:
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


def decide(question: Question, facts: CompanyFacts, evidence: Evidence) -> Decision:
    """Decide a task from typed facts and evidence; the first claim is the decision."""
    view = view_for(question, facts)
    question = _with_tickets(question, evidence)
    case = _settled(Case(question, view, evidence))
    kinds = _kinds(case)
    answers = [
        (kind, answer)
        for index, kind in enumerate(kinds)
        for answer in _answers(replace(case, primary=index == 0), kind)
    ]
    drafts = [draft for kind, answer in answers for draft in _ranked(answer, kind, first=kind == kinds[0])]
    drafts = drafts or _nearest_lines(case)
    if outside := out_of_scope(case):
        drafts = [outside, *(replace(draft, rank=MORE) for draft in drafts[:1] if draft.excerpts != outside.excerpts)]
    if drafts:
        drafts += _severity_taken(case, kinds)
        drafts += [draft for kind in kinds[:1] for draft in reference_drafts(case, drafts, kind)] + _told(case, drafts)
    wanted, absent = wanted_drafts(case, drafts)
    paths = [path for name in question.wanted if (path := path_of(case, name))]
    claims = fit(drafts + wanted, paths)
    missing = [gap for _, answer in answers for gap in answer.missing] + absent
    conflicts = [conflict for _, answer in answers for conflict in answer.conflicts]
    return Decision(
        claims=claims,
        missing=tuple(dict.fromkeys(missing)),
        conflicts=tuple(dict.fromkeys(conflicts)),
        found=bool(drafts and claims),
    )


def _settled(case: Case) -> Case:
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


def _kinds(case: Case) -> list[Kind]:
    """What to decide, deciding kinds before evidence; a described incident without a question asks for severity
    and response.
    """
    kinds = list(case.question.kinds)
    if "rollback" not in kinds and "comparison" not in kinds and triggered(case):
        kinds.insert(min(1, len(kinds)), "rollback")
    if not kinds and named_engineers(case):
        kinds = ["on_call"]
    if not [kind for kind in kinds if kind not in _SUPPORT] and case.rank is not None and not kinds:
        described = bool(case.question.concepts or case.question.readings)
        kinds = ["triage", "escalation"] if described or not case.question.severities else ["escalation"]
    if "comparison" in kinds:
        return ["comparison"]
    return [kind for kind in kinds if kind not in _SUPPORT] + [kind for kind in kinds if kind in _SUPPORT]


def _answers(case: Case, kind: Kind) -> Sequence[Answer]:
    """One answer, or one for each severity named where severities have answers of their own."""
    if kind in _BY_SEVERITY and len(case.question.severities) > 1:
        return [
            DECIDERS[kind](replace(case, rank=rank, question=case.question.model_copy(update={"severities": (rank,)})))
            for rank in case.question.severities[:3]
        ]
    return [DECIDERS[kind](case)]


def _ranked(answer: Answer, kind: Kind, *, first: bool) -> list[Draft]:
    """What is not mainly asked has no decision of its own, and of evidence beside it one sentence comes before
    the others.
    """
    if first:
        return list(answer.drafts)
    later = [MORE if index and kind in _SUPPORT else CORE for index in range(len(answer.drafts))]
    return [
        replace(draft, rank=max(draft.rank, least) if draft.rank < MORE else draft.rank + 1)
        for draft, least in zip(answer.drafts, later, strict=True)
    ]


def _severity_taken(case: Case, kinds: Sequence[Kind]) -> list[Draft]:
    """Why a severity was taken that the task only describes."""
    if case.taken is None or "triage" in kinds or not set(kinds) & {"escalation", "communication"}:
        return []
    name = case.view.name(case.taken.severities[0])
    return [
        Draft(
            sentence(f'Taken as {name}: the description fits "{lower_first(case.taken.criteria)}"'),
            case.taken.excerpts,
            CORE,
        )
    ]


def _nearest_lines(case: Case) -> list[Draft]:
    """Nothing typed answers: the lines that speak of what is asked."""
    configured = _configured(case)
    if configured:
        return configured
    lines = nearest(case, least=0.3)[:3]
    return [
        Draft(_spoken(case, fact.text, fact.severities), fact.excerpts, MUST if index == 0 else CORE)
        for index, fact in enumerate(lines)
    ]


def _configured(case: Case) -> list[Draft]:
    """Values of a configuration whose path, with the name of what they belong to, holds nearly all that is asked."""
    asked = {term for term in case.question.terms if not term[:1].isdigit()}
    found = []
    for entry in case.view.configured(Entry):
        words = set(terms_of(f"{entry.path} {entry.item}".replace("_", " ").replace(".", " ")))
        if len(words & asked) >= 2 and overlap(asked, words) >= 0.6:
            found.append((-overlap(asked, words), -len(words & asked) / len(words), entry))
    best = sorted(found, key=lambda one: one[:2])[:2]
    return [
        Draft(_entry_shown(entry), entry.excerpts, MUST if index == 0 else MORE)
        for index, (_, _, entry) in enumerate(best)
    ]


def _entry_shown(entry: Entry) -> str:
    name = entry.path.split(".")[-1].replace("_", " ")
    owner = entry.item or " ".join(entry.path.split(".")[:-1]).replace("_", " ")
    return sentence(
        f"Configured for {owner}: {name} {', '.join(entry.values)}"
        if owner
        else f"Configured: {name} {', '.join(entry.values)}"
    )


def _told(case: Case, drafts: Sequence[Draft]) -> list[Draft]:
    """Lines so near to the question that an answer without them would leave something out."""
    cited = {excerpt for draft in drafts for excerpt in draft.excerpts}
    near = nearest(case, least=0.5)
    if _WAIVES.search(case.question.prompt):
        near = [
            fact
            for fact in case.view.statements
            if _WAIVES.search(fact.text) and re.search(r"exception|waive|overrid", fact.text, re.IGNORECASE)
        ][:1] + near
    weighed = {fact.excerpt for kind in case.question.kinds for fact in case.view.of(_WEIGHED.get(kind, Reference))}
    lines = [fact for fact in near if fact.excerpt not in cited and fact.excerpt not in weighed]
    return [Draft(_spoken(case, fact.text, fact.severities), fact.excerpts, CORE) for fact in lines[:2]]


def _spoken(case: Case, text: str, severities: tuple[int, ...]) -> str:
    """A line with the severity it stands under, where it does not name it."""
    name = case.view.name(severities[0]) if len(severities) == 1 else ""
    return sentence(f"{name}: {text}" if name and name.lower() not in text.lower() else text)
