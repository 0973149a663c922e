"""Decides how many approvals something needs, who may give them, and whether what is there is enough."""

import re
from collections.abc import Sequence

from kapelle.incident.decide.approval_rules import (
    best_rules,
    count_shown,
    is_known,
    kind_of_rule,
    pipeline,
    rule_shown,
    verb_for,
)
from kapelle.incident.decide.lookup import nearest
from kapelle.incident.decide.model import CORE, MORE, MUST, Answer, Case, Draft
from kapelle.incident.decide.wording import listed, lower_first, merged, sentence
from kapelle.incident.facts.model import Approval, Timing
from kapelle.incident.reading.quantities import minutes_shown
from kapelle.incident.reading.terms import speaks_of, terms_of

_ASKS_MAY = re.compile(
    r"\b(?:allowed|may|can|could|entitled|permitted|enough|sufficient|valid|eligible|suffic\w*|ok|okay"
    r"|count|counts|alone|instead|compliant|comply|good to go|go ahead|in order|valid|right|missing|start"
    r"|proceed|ready|done|complete)\b",
    re.IGNORECASE,
)
_OWN = re.compile(
    r"\b(?:my own|their own|his own|her own|own change|author|myself|themselves|self-approv\w*|i wrote"
    r"|(?:also|himself|herself) wrote|wrote (?:it|the change)|authored)\b",
    re.IGNORECASE,
)
_ASKS_AGE = re.compile(
    r"expir|how long .{0,40}(?:valid|last|count|hold)|lapse|(?:still|stay|remain|yet) .{0,20}(?:valid"
    r"|count|good|hold|use|ok)|approv\w*.{0,40}(?:\bago\b|\bold\b|yesterday|earlier|\bfrom (?:mon|tue|wed"
    r"|thu|fri|sat|sun|yester|\d))",
    re.IGNORECASE,
)
_EXPIRES = re.compile(r"expire|valid|lapse|last", re.IGNORECASE)


def decide_approvals(case: Case) -> Answer:
    """Count and roles of what is asked about; whether a role may approve; whether the approvals at hand suffice."""
    rules = case.view.of(Approval)
    if not rules:
        return Answer(missing=("approvals: no policy line gives a count or roles",))
    if _OWN.search(case.question.prompt) and (
        lines := [
            fact
            for fact in nearest(
                case, f"author approve own change {case.question.prompt}", topics=("approval", "change")
            )
            if _OWN.search(fact.text)
        ]
    ):
        return Answer(
            (
                Draft(sentence(f"No: {lower_first(lines[0].text)}"), lines[0].excerpts, MUST),
                *_stated(case, best_rules(case, rules)[:1], MORE),
            )
        )
    if aged := _expiry(case):
        return Answer((aged, *_stated(case, best_rules(case, rules)[:1], MORE)))
    chosen = best_rules(case, rules)
    if not chosen:
        return _any_subject(case, rules)
    if tied := _tie(case, chosen[0]):
        return Answer((tied, *_stated(case, chosen[:1], CORE), *pipeline(case, chosen[0])))
    judged = _enough(case, chosen[0])
    drafts = [judged, *_stated(case, chosen[1:2], MORE)] if judged else _stated(case, chosen[:2], MUST)
    return Answer((*drafts, *_closed_list(case, judged), *pipeline(case, chosen[0])))


def _stated(case: Case, rules: Sequence[Approval], rank: int) -> list[Draft]:
    return [Draft(rule_shown(rule), rule.excerpts, rank if index == 0 else CORE) for index, rule in enumerate(rules)]


def _enough(case: Case, rule: Approval) -> Draft | None:
    """Whether the roles or approvals the task speaks of fulfil the rule; None when it asks for the rule only."""
    named = [role for role in rule.roles if speaks_of(case.question.terms, role)]
    strangers = [role for role in case.question.roles if not is_known(role, rule.roles)]
    given = case.question.approvals_given
    if not _ASKS_MAY.search(case.question.prompt) and given is None:
        return None
    if strangers and not (named and given):
        return Draft(sentence(_refused(strangers[0], rule)), rule.excerpts, MUST)
    if named and given is None and _asks_leave(case.question.prompt):
        return Draft(
            sentence(f"Yes, {listed(named)} may approve: {lower_first(rule_shown(rule))}"), rule.excerpts, MUST
        )
    if not given and not named:
        return None
    return Draft(sentence(_counted(rule, named, given)), rule.excerpts, MUST)


def _asks_leave(prompt: str) -> bool:
    """Whether a role asks for leave to approve, and not whether its approval suffices."""
    leave = r"\b(?:may|can|could|allowed|entitled|permitted|eligible|is|are)\b.{0,60}\b(?:approve|sign|authori[sz]e)\b"
    may = re.search(leave, prompt, re.IGNORECASE)
    return bool(may) and not re.search(r"enough|alone|suffic|without|instead|only", prompt, re.IGNORECASE)


def _refused(stranger: str, rule: Approval) -> str:
    required = (
        f"{rule.subject} {verb_for(rule.subject)} {count_shown(rule)} from "
        f"{listed(rule.roles, 'or' if rule.any_of else 'and')}"
    )
    return f"No, {_article(stranger)} is not allowed to approve this: {required}, and {stranger} is not on that list"


def _counted(rule: Approval, named: Sequence[str], given: int | None) -> str:
    """Whether the approvals at hand suffice: their number, and, where the roles are named, each of them."""
    needed, have = rule.count or 0, len(named) if given is None else given
    lacking = [] if rule.any_of else [role for role in rule.roles if role not in named]
    if have >= needed and (not lacking or (given is not None and not named)):
        plural = "approval suffices" if have == 1 else "approvals suffice"
        return f"Yes, {have} {plural}: {lower_first(rule_shown(rule))}"
    more = f"; {needed - have} more needed" if needed > have else ""
    still = f"; still missing: {listed(lacking)}" if lacking and named else more
    return (
        f"No, not enough: {rule.subject} {verb_for(rule.subject)} {count_shown(rule)} ({', '.join(rule.roles)}){still}"
    )


def _tie(case: Case, rule: Approval) -> Draft | None:
    """A line that ties this kind of change to incidents of some severities, where the task names another."""
    if not case.question.severities or "emergency" not in kind_of_rule(rule):
        return None
    lines = [
        fact
        for fact in case.view.statements
        if fact.topic in ("change", "approval")
        and fact.severities
        and "emergency" in terms_of(fact.text)
        and re.search(r"\b(?:tied|linked|open|only|belong|needs?|requires?|must)\b", fact.text, re.IGNORECASE)
    ]
    line = next((fact for fact in lines if not set(fact.severities) & set(case.question.severities)), None)
    if line is None:
        return None
    return Draft(
        sentence(
            f"No, not compliant: it is tied to {case.view.name(case.question.severities[0])}, but "
            f"{lower_first(line.text)}"
        ),
        line.excerpts,
        MUST,
    )


def _article(role: str) -> str:
    return f"{'an' if role[:1] in 'aeiou' else 'a'} {role}"


def _any_subject(case: Case, rules: Sequence[Approval]) -> Answer:
    """The task names no kind of change: whether a role may approve anything, else every rule."""
    strangers = [role for role in case.question.roles if not any(is_known(role, rule.roles) for rule in rules)]
    if strangers and _ASKS_MAY.search(case.question.prompt):
        every = merged(*(rule.excerpts for rule in rules[:6]))
        roles = list(dict.fromkeys(role for rule in rules for role in rule.roles))
        return Answer(
            (
                Draft(
                    sentence(
                        f"No, {_article(strangers[0])} is not allowed to approve: "
                        f"the roles that may are {listed(roles)}"
                    ),
                    every,
                    MUST,
                ),
                *_closed_list(case, None),
            )
        )
    known = [rule for rule in rules if any(speaks_of(case.question.terms, role) for role in rule.roles)]
    chosen = list(known or rules)[:5]
    return Answer((*_stated(case, chosen, MUST), *_closed_list(case, None)))


def _closed_list(case: Case, judged: Draft | None) -> list[Draft]:
    """The line that says nobody else may approve, where somebody else was asked about."""
    if judged is None and not case.question.roles:
        return []
    lines = [
        fact
        for fact in case.view.statements
        if fact.topic == "approval"
        and re.search(r"\bonly\b|no (?:other|one else)|nobody else", fact.text, re.IGNORECASE)
    ]
    return [Draft(sentence(fact.text), fact.excerpts, MORE) for fact in lines[:1]]


def _expiry(case: Case) -> Draft | None:
    """Whether an approval of some hours ago still counts."""
    rule = next(
        (
            rule
            for rule in case.view.of(Timing)
            if rule.topic in ("approval", "change")
            and re.search(r"approv", rule.clause, re.IGNORECASE)
            and _EXPIRES.search(rule.clause)
        ),
        None,
    )
    if rule is None or not _ASKS_AGE.search(case.question.prompt):
        return None
    elapsed = case.question.elapsed[0] if case.question.elapsed else case.question.between
    if elapsed is None:
        return Draft(sentence(rule.clause), rule.excerpts, MUST)
    if elapsed.minutes >= rule.length.minutes:
        return Draft(
            sentence(f"No, it is no longer valid after {elapsed.text}: {lower_first(rule.clause)}"), rule.excerpts, MUST
        )
    return Draft(
        sentence(
            f"Yes, it is still valid after {elapsed.text}, for another "
            f"{minutes_shown(rule.length.minutes - elapsed.minutes)}: {lower_first(rule.clause)}"
        ),
        rule.excerpts,
        MUST,
    )
