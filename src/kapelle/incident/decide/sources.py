"""Sees to it that every wanted source, and every file the policy makes a mandatory reference, is cited with a
line that bears on the answer.
"""

import re
from collections.abc import Sequence

from kapelle.incident.decide.model import CORE, MORE, Case, Draft
from kapelle.incident.decide.on_call import on_duty
from kapelle.incident.decide.rollback import workflow_shown
from kapelle.incident.decide.wording import listed, sentence, shift_shown
from kapelle.incident.facts.model import (
    DefaultChannel,
    Entry,
    Fact,
    FieldList,
    NamedChannel,
    Protection,
    RotaShift,
    Statement,
    Workflow,
)
from kapelle.incident.question.model import Kind
from kapelle.incident.reading.terms import terms_of

# How policies speak of the decisions of a kind, in the lines that name other files.
_WORDS: dict[Kind, str] = {
    "triage": "severity ticket priority",
    "escalation": "escalation paging response",
    "communication": "communication channel",
    "rollback": "rollback",
    "change_window": "change deployment release",
    "approvals": "approval",
    "on_call": "on-call rota",
    "audit": "audit record",
    "ticket_fields": "ticket field",
    "closing": "closing incident ticket",
}
_USEFUL: dict[Kind, str] = {
    "triage": "priority severity",
    "escalation": "escalation order incident channel",
    "communication": "incident channel",
    "rollback": "rollback production approvals",
    "change_window": "production change approvals",
    "approvals": "required approvals production",
    "on_call": "escalation order",
    "audit": "audit tables retention",
    "ticket_fields": "required fields",
    "closing": "workflows incident status",
    "tickets": "incident fields",
    "metrics": "service latency",
}


def wanted_drafts(case: Case, drafts: Sequence[Draft]) -> tuple[list[Draft], list[str]]:
    """A sentence from each wanted source that the drafts do not cite yet; names that stand for no file are missing."""
    cited = {excerpt.source for draft in drafts for excerpt in draft.excerpts}
    added: list[Draft] = []
    missing: list[str] = []
    for name in case.question.wanted:
        path = path_of(case, name)
        if path is None:
            missing.append(f"`{name}`: the folder has no such source")
        elif path not in cited:
            draft = _bearing(case, path, CORE)
            cited.add(path)
            if draft:
                added.append(draft)
            else:
                missing.append(f"`{name}`: no line of it bears on this")
    return added, missing


def reference_drafts(case: Case, drafts: Sequence[Draft], kind: Kind) -> list[Draft]:
    """A sentence from each file that the policy makes a mandatory reference of this kind of decision."""
    cited = {excerpt.source for draft in drafts for excerpt in draft.excerpts}
    targets = dict.fromkeys(
        fact.target for fact in case.view.references(_WORDS.get(kind, "")) if fact.target not in cited
    )
    return [draft for path in targets if (draft := _bearing(case, path, MORE))]


def path_of(case: Case, name: str) -> str | None:
    """The file a name stands for."""
    names = case.view.facts.names
    plain = name.strip("`'\" ").lower()
    key = re.sub(r"[\s-]+", "_", plain)
    if key in names:
        return names[key]
    paths = set(names.values())
    return next(
        (
            path
            for path in paths
            if path.lower() == plain
            or path.lower().endswith(f"/{plain}")
            or path.rsplit("/", 1)[-1].rsplit(".", 1)[0].lower() == key
        ),
        None,
    )


def _bearing(case: Case, path: str, rank: int) -> Draft | None:
    """The line of a file that shares most with the task, worded as what it says."""
    facts = [fact for fact in case.view.facts.facts if fact.source == path]
    if shifts := [fact for fact in facts if isinstance(fact, RotaShift)]:
        days = case.question.dates
        duty = on_duty(shifts, days[0]) if days else ()
        if duty:
            people = listed([f"{shift.tier} on-call is {shift_shown(shift)}" for shift in duty])
            return Draft(
                sentence(f"In the week starting {duty[0].week_start.isoformat()}, {people}"),
                tuple(excerpt for shift in duty for excerpt in shift.excerpts),
                rank,
            )
    useful = " ".join(_USEFUL.get(kind, "") for kind in case.question.kinds)
    severity = case.view.name(case.rank) if case.rank is not None else ""
    asked = set(terms_of(f"{case.question.prompt} {useful} {severity}"))
    scored = [
        (_score(fact, asked, useful), -index, fact)
        for index, fact in enumerate(facts)
        if (words := _words(fact)) and words
    ]
    best = max(scored, key=lambda one: one[:2], default=None)
    if best is None or best[0] <= 0:
        return None
    return Draft(sentence(_words(best[2])), best[2].excerpts, rank)


def _score(fact: Fact, asked: set[str], useful: str) -> float:
    words = set(terms_of(f"{_words(fact)} {fact.heading.replace('_', ' ').replace('.', ' ')}"))
    shared = len(words & asked) + len(words & set(terms_of(useful)))
    return (
        shared / (1 + 0.05 * len(words)) + (0.3 if isinstance(fact, (DefaultChannel, Workflow, FieldList)) else 0.0)
        if shared
        else 0.0
    )


def _words(fact: Fact) -> str:
    """A fact of a wanted source as a sentence; empty for facts that say nothing on their own."""
    match fact:
        case Workflow():
            return workflow_shown(fact)
        case DefaultChannel():
            return f"The {fact.key.replace('_', ' ')} is {fact.channel}"
        case NamedChannel():
            return f"{fact.name}: {fact.purpose}"
        case Protection():
            return (
                f"Environment {fact.environment} is protected by reviewers {listed(fact.reviewers)}"
                if fact.reviewers
                else ""
            )
        case FieldList():
            return f"Required {fact.subject} fields: {', '.join(fact.fields)}"
        case Entry():
            return (
                f"Configured: {fact.path.replace('_', ' ').replace('.', ' ')} {', '.join(fact.values)}"
                if fact.values
                else ""
            )
        case Statement():
            return fact.text if len(fact.text.split()) > 3 else ""
        case _:
            return ""
