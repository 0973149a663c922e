"""Decides: the kinds a task asks for, each by its own module, put together within the limits of an answer."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from kapelle.incident.decide.approvals import decide_approvals
from kapelle.incident.decide.change_window import decide_change_window
from kapelle.incident.decide.communication import decide_communication
from kapelle.incident.decide.comparison import decide_comparison
from kapelle.incident.decide.escalation import decide_escalation
from kapelle.incident.decide.evidence import Evidence
from kapelle.incident.decide.fallback import nearest_lines, told_lines
from kapelle.incident.decide.fit import fit
from kapelle.incident.decide.lateness import with_lateness
from kapelle.incident.decide.metrics import decide_metrics
from kapelle.incident.decide.model import CORE, MORE, Answer, Case, Decision, Draft
from kapelle.incident.decide.obligations import decide_audit, decide_closing
from kapelle.incident.decide.on_call import decide_on_call
from kapelle.incident.decide.records import decide_logs, decide_tickets
from kapelle.incident.decide.rollback import decide_rollback
from kapelle.incident.decide.scope import out_of_scope
from kapelle.incident.decide.settle import SUPPORT, kinds_asked, settle, with_tickets
from kapelle.incident.decide.sources import path_of, reference_drafts, wanted_drafts
from kapelle.incident.decide.standing import decide_references, decide_versions
from kapelle.incident.decide.ticket_fields import decide_ticket_fields
from kapelle.incident.decide.triage import decide_triage
from kapelle.incident.decide.view import view_for
from kapelle.incident.decide.wording import lower_first, sentence
from kapelle.incident.facts.model import (
    CompanyFacts,
)
from kapelle.incident.question.model import Kind, Question

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
_BY_SEVERITY: tuple[Kind, ...] = ("escalation", "communication")


def decide(question: Question, facts: CompanyFacts, evidence: Evidence) -> Decision:
    """Decide a task from typed facts and evidence; the first claim is the decision."""
    view = view_for(question, facts)
    question = with_tickets(question, evidence)
    case = settle(Case(question, view, evidence))
    kinds = kinds_asked(case)
    answers = [
        (kind, answer)
        for index, kind in enumerate(kinds)
        for answer in _answers(replace(case, primary=index == 0), kind)
    ]
    drafts = [draft for kind, answer in answers for draft in _ranked(answer, kind, first=kind == kinds[0])]
    drafts = with_lateness(case, drafts or nearest_lines(case))
    if outside := out_of_scope(case):
        drafts = [outside, *(replace(draft, rank=MORE) for draft in drafts[:1] if draft.excerpts != outside.excerpts)]
    if drafts:
        drafts += _severity_taken(case, kinds)
        drafts += [draft for kind in kinds[:1] for draft in reference_drafts(case, drafts, kind)] + told_lines(
            case, drafts
        )
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
    later = [MORE if index and kind in SUPPORT else CORE for index in range(len(answer.drafts))]
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
