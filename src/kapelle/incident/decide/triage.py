"""Decides the severity of a described incident: numbers, impact, scope and named functions against the severity
matrix.
"""

import re
from typing import NamedTuple

from kapelle.incident.decide.lookup import nearest
from kapelle.incident.decide.model import CORE, MORE, MUST, Answer, Case, Draft
from kapelle.incident.decide.thresholds import compare
from kapelle.incident.decide.wording import lower_first, sentence, timing_shown, without_prefix
from kapelle.incident.facts.model import ChannelUse, Entry, SeverityRule, Timing
from kapelle.incident.reading.terms import concepts_of, overlap, terms_of

_IMPACT = {
    "outage": 4.0,
    "degraded": 3.0,
    "data_exposed": 4.5,
    "data_lost": 4.0,
    "delayed": 3.0,
    "cosmetic": 3.5,
    "internal": 2.5,
    "minor": 2.0,
    "single": 3.0,
    "question": 3.0,
}
_SCOPE = {"all": 1.0, "most": 1.0, "some": 1.0}
_AGAINST = {
    ("some", "all"): -1.5,
    ("single", "all"): -3.0,
    ("single", "most"): -2.5,
    ("degraded", "outage"): -1.0,
    ("no_workaround", "workaround"): -2.5,
    ("workaround", "no_workaround"): -2.5,
    ("all", "single"): -3.0,
    ("all", "some"): -1.0,
    ("most", "single"): -2.0,
    ("outage", "cosmetic"): -2.0,
    ("outage", "minor"): -1.0,
    ("cosmetic", "outage"): -3.0,
    ("cosmetic", "degraded"): -1.5,
}
"""What the task says against what a criterion asks for."""
_AKIN = {("cosmetic", "minor"): 3.0, ("internal", "minor"): 1.0}
"""What the task says that comes near to what a criterion asks for."""
_AKIN = {("cosmetic", "minor"): 2.5, ("cosmetic", "internal"): 0.5, ("outage", "degraded"): 1.5}
"""What the task says that comes near to what a criterion asks for without being the same."""
_GENERIC = frozenset(
    terms_of("customer service system incident unavailable down slow request part more product partly")
)
_CHANGES_SEVERITY = re.compile(
    r"\b(?:lower|downgrad\w*|reduc\w*|rais\w*|upgrad\w*|chang\w*|re-?classif\w*)\b", re.IGNORECASE
)
_LEAST = 2.0


class Fit(NamedTuple):
    """A criterion that fits, with how well; a number that meets it is certain."""

    score: float
    certain: bool
    rule: SeverityRule
    why: str


def classify(case: Case) -> Fit | None:
    """The severity that fits best; of two that fit alike the more severe. None when nothing fits."""
    fits = [fit for rule in case.view.of(SeverityRule) if (fit := _fit(rule, case))]
    certain = [fit for fit in fits if fit.certain]
    if certain:
        return min(certain, key=lambda fit: fit.rule.severities[0])
    good = [fit for fit in fits if fit.score >= _LEAST]
    if not good:
        return None
    best = max(fit.score for fit in good)
    return min((fit for fit in good if fit.score >= best - 0.5), key=lambda fit: (fit.rule.severities[0], -fit.score))


def decide_triage(case: Case) -> Answer:
    """The severity with the criterion that carries it, then the first response it asks for."""
    if "jira" in case.question.prompt.lower() and (mapped := _priority(case)):
        return Answer((mapped,))
    if _CHANGES_SEVERITY.search(case.question.prompt) and (rules := nearest(case, topics=("severity",), least=0.25)):
        rules = [fact for fact in rules if _CHANGES_SEVERITY.search(fact.text)] or rules
        verdict = (
            "No: "
            if re.search(r"\bonly\b", rules[0].text, re.IGNORECASE)
            and overlap(_only(rules[0].text), case.question.terms) != 1.0
            else ""
        )
        return Answer(
            (
                Draft(
                    sentence(f"{verdict}{lower_first(rules[0].text) if verdict else rules[0].text}"),
                    rules[0].excerpts,
                    MUST,
                ),
            )
        )
    fit = classify(case)
    if fit is None:
        return _criteria_of(case)
    rank = fit.rule.severities[0]
    name = case.view.name(rank)
    named = case.question.severities
    lead = (
        f"No, this is {name}, not {case.view.name(named[0])}"
        if len(named) == 1 and rank not in named
        else f"This is {name}"
    )
    drafts = [Draft(sentence(f"{lead}: {fit.why}"), fit.rule.excerpts, MUST)]
    if others := _tie_rule(case, fit):
        drafts.append(others)
    return Answer(tuple(drafts + first_response(case, rank)))


def _only(text: str) -> tuple[str, ...]:
    """Who alone may do it, as `only the incident manager may ...` says."""
    match = re.search(r"\bonly\s+(?:the\s+|an?\s+)?(?P<who>.+?)\s+(?:may|can|is|must)\b", text, re.IGNORECASE)
    return terms_of(match["who"]) if match else ()


def _priority(case: Case) -> Draft | None:
    """The ticket system's priority of a severity."""
    if case.rank is None:
        return None
    name = case.view.name(case.rank)
    entry = next(
        (
            entry
            for entry in case.view.configured(Entry)
            if entry.topic == "severity" and entry.path.split(".")[-1] == name
        ),
        None,
    )
    return (
        Draft(sentence(f"{name} has the ticket priority {', '.join(entry.values)}"), entry.excerpts, MUST)
        if entry
        else None
    )


def first_response(case: Case, rank: int) -> list[Draft]:
    """What is due first for a severity: acknowledgement and the first escalation."""
    rules = [
        rule
        for rule in case.view.of(Timing)
        if rank in rule.severities and (rule.action == "acknowledge" or rule.topic not in ("severity", "closing"))
    ]
    first = [rule for rule in rules if rule.action == "acknowledge"][:1]
    first += sorted((rule for rule in rules if rule.action == "escalate"), key=lambda rule: rule.length.minutes)[:1]
    drafts = [
        Draft(sentence(f"{case.view.name(rank)}: {timing_shown(rule, case.question.started)}"), rule.excerpts, MORE)
        for rule in first
    ]
    channel = next(
        (fact for fact in case.view.of(ChannelUse) if rank in fact.severities and fact.topic == "communication"), None
    )
    return drafts + (
        [
            Draft(
                sentence(f"{case.view.name(rank)}: {lower_first(without_prefix(channel.text))}"), channel.excerpts, MORE
            )
        ]
        if channel
        else []
    )


def _fit(rule: SeverityRule, case: Case) -> Fit | None:
    numbers = [
        held
        for reading in case.question.readings
        for condition in rule.conditions
        if (held := compare(reading, condition))
    ]
    if any(held.met is False for held in numbers):
        return None
    if numbers and all(held.met is not False for held in numbers) and any(held.met for held in numbers):
        return Fit(10.0, True, rule, f"{'; '.join(held.why for held in numbers if held.met)}")
    parts = [part for part in re.split(r";\s+|,?\s+\bor\b\s+(?!more|higher)", rule.criteria) if part.strip()]
    scores = [_score(part, case) for part in (rule.criteria, *parts)]
    best = max(scores)
    return Fit(best, False, rule, f'the description fits "{lower_first(rule.criteria)}"') if best > 0 else None


def _score(criterion: str, case: Case) -> float:
    asked = concepts_of(criterion)
    said = _partial(case.question.concepts, asked)
    score = sum(weight for name, weight in {**_IMPACT, **_SCOPE}.items() if name in said and name in asked)
    score += sum(
        weight for (mine, theirs), weight in _AGAINST.items() if mine in said and theirs in asked and theirs not in said
    )
    near = {mine for mine, theirs in _AKIN if mine in said and theirs in asked and mine not in asked}
    score += sum(_AKIN.get((mine, theirs), 0.0) for mine in near for theirs in asked)
    score += 1.0 * ("workaround" in said and "workaround" in asked) + 1.0 * (
        "no_workaround" in said and "no_workaround" in asked
    )
    shared = set(case.question.terms) & set(terms_of(criterion))
    score += sum(min(1.5, case.view.weights.get(term, 1.0) * 0.5) for term in shared - _GENERIC) + 0.3 * len(
        shared & _GENERIC
    )
    # Without any shared impact the words alone say little of how bad it is.
    return score if near or said & asked & _IMPACT.keys() else score * 0.5


def _partial(said: frozenset[str], asked: frozenset[str]) -> frozenset[str]:
    """What fails for some only is no outage of all: held against a line on all, or on a partial failure, it
    counts as degraded.
    """
    if not {"outage", "some"} <= said or "all" in said or ("outage" in asked and "all" not in asked):
        return said
    return said - {"outage"} | {"degraded"}


def _tie_rule(case: Case, fit: Fit) -> Draft | None:
    """The line that says which severity counts when two fit, where two do."""
    others = [
        other
        for rule in case.view.of(SeverityRule)
        if rule.severities != fit.rule.severities
        and (other := _fit(rule, case))
        and other.score >= max(_LEAST, fit.score - 1)
    ]
    line = next(
        (
            fact
            for fact in case.view.statements
            if fact.topic == "severity"
            and re.search(r"higher|more severe|in doubt|two severit", fact.text, re.IGNORECASE)
        ),
        None,
    )
    return Draft(sentence(line.text), line.excerpts, MORE) if others and line else None


def _criteria_of(case: Case) -> Answer:
    """Without a description: what makes a severity; without a severity either, what is missing."""
    rules = [rule for rule in case.view.of(SeverityRule) if set(rule.severities) & set(case.question.severities)]
    if not rules:
        return Answer(missing=("severity: the description fits no line of the severity matrix",))
    name = case.view.name(rules[0].severities[0])
    drafts = [
        Draft(sentence(f"{case.view.name(rule.severities[0])}: {lower_first(rule.criteria)}"), rule.excerpts, CORE)
        for rule in rules[1:6]
    ]
    head = Draft(sentence(f"{name} applies when {lower_first(rules[0].criteria)}"), rules[0].excerpts, MUST)
    return Answer((head, *drafts))
