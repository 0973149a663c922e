"""Answers from lines and configured values that no typed decision used."""

import re
from collections.abc import Sequence

from kapelle.incident.decide.lookup import nearest
from kapelle.incident.decide.model import CORE, MORE, MUST, Case, Draft
from kapelle.incident.decide.wording import sentence
from kapelle.incident.facts.model import (
    Approval,
    Entry,
    Fact,
    FieldList,
    Reference,
    SeverityRule,
    Trigger,
    Window,
)
from kapelle.incident.question.model import Kind
from kapelle.incident.reading.terms import overlap, terms_of

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


def nearest_lines(case: Case) -> list[Draft]:
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


def told_lines(case: Case, drafts: Sequence[Draft]) -> list[Draft]:
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
