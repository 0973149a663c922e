"""Decides which policy version stands, and which files a policy makes mandatory references."""

import re

from kapelle.incident.decide.model import CORE, MUST, Answer, Case, Draft
from kapelle.incident.decide.wording import sentence
from kapelle.incident.facts.model import Policy, Reference
from kapelle.incident.reading.terms import terms_of

_PLAIN = frozenset(terms_of("decision consult file document config configuration policy reference mandatory"))


def decide_versions(case: Case) -> Answer:
    """The version in force, or at the date asked about, with what it replaces."""
    policies = case.view.facts.policies
    if not policies:
        return Answer(missing=("policy: the folder holds none",))
    chosen = case.view.policies[-1] if case.view.policies else policies[-1]
    if case.question.dates and not case.question.window_start:
        day = min(case.question.dates).isoformat()
        valid = [policy for policy in policies if policy.effective and policy.effective <= day]
        chosen = valid[-1] if valid else chosen
    drafts = [Draft(_shown(case, chosen), chosen.header, MUST)] if chosen.header else []
    others = [
        policy
        for policy in policies
        if (policy is not chosen and (policy.source == chosen.superseded_by))
        or (policy is not chosen and re.search(rf"\b{re.escape(policy.name)}\b", case.question.prompt))
    ]
    return Answer(
        tuple(drafts + [Draft(_shown(case, policy), policy.header, CORE) for policy in others if policy.header])
    )


def _shown(case: Case, policy: Policy) -> str:
    since = f", effective {policy.effective}" if policy.effective else ""
    names = {other.source: other.name for other in case.view.facts.policies}
    replaces = (
        f" and supersedes {', '.join(names[source] for source in policy.supersedes)}" if policy.supersedes else ""
    )
    if policy.superseded_by:
        return sentence(f"{policy.name}{since}, is superseded by {names[policy.superseded_by]}")
    return sentence(f"{policy.name} is in force{since}{replaces}")


def decide_references(case: Case) -> Answer:
    """The files that decisions of the asked kind must consult."""
    every = [fact for fact in case.view.of(Reference) if fact.mandatory]
    asked = set(case.question.terms) - _PLAIN
    scored = [(len(set(terms_of(re.sub(r"\S+\.\w+", " ", fact.text))) & asked), fact) for fact in every]
    best = max((score for score, _ in scored), default=0)
    chosen = [fact for score, fact in scored if score == best][:6]
    if not chosen:
        return Answer(missing=("references: no policy line names a file that must be consulted",))
    return Answer(
        tuple(
            Draft(sentence(fact.text), fact.excerpts, MUST if index == 0 else CORE) for index, fact in enumerate(chosen)
        )
    )
