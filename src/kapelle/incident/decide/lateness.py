"""Decides whether a stated time kept the deadline it belongs to, whatever part of the policy sets that deadline."""

import re
from collections.abc import Sequence

from kapelle.incident.decide.model import CORE, MUST, Case, Draft
from kapelle.incident.decide.wording import lower_first, sentence, without_prefix
from kapelle.incident.facts.model import Timing
from kapelle.incident.question.model import Elapsed
from kapelle.incident.reading.calendar import DAY
from kapelle.incident.reading.quantities import minutes_shown
from kapelle.incident.reading.terms import terms_of
from kapelle.incident.reading.times import clocks_in

_ASKS_KEPT = re.compile(
    r"\bcomplian\w*|\bcompl(?:y|ied)\b|\b(?:in|on) time\b|\blate\b|\boverdue\b|\bmissed\b|\bviolat\w*|\bbreach\w*"
    r"|\bwithin (?:the |our )?(?:rules?|limits?|deadlines?|policy|target|time)\b|\bsoon enough\b|\bfast enough\b"
    r"|\b(?:ok|okay|fine|acceptable|alright|good enough|enough|allowed|correct|tolerable)\s*\?|\btoo (?:long|slow)\b"
    r"|\bheard nothing\b|\bnot heard\b|\bno (?:update|message|word|news)\b|\bnothing (?:was|has been|went)\b",
    re.IGNORECASE,
)
_AHEAD = re.compile(
    r"\bat least\b|\bno later than\b.*\bbefore\b|\bbefore (?:it|the|any|each|every|an?)\b", re.IGNORECASE
)
_BEFORE = re.compile(r"\b(?:before|ahead of|prior to|in advance|until the start)\b", re.IGNORECASE)
_OTHER_KINDS = frozenset({"change_window", "approvals", "comparison", "on_call", "versions", "ticket_fields"})
_DECIDED = re.compile(r"\b(?:in time|compliant|overdue|too late|must be kept|shorter than|late by)\b", re.IGNORECASE)
_SAME = (
    frozenset(terms_of("deploy change migration")),
    frozenset(terms_of("finish complete end done")),
    frozenset(terms_of("write written log row export insert")),
    frozenset(terms_of("message notice post thread")),
    frozenset(terms_of("publish hold send share")),
)
"""Words that an event and its record go by, beyond those that always mean the same."""
_SILENT = frozenset(terms_of("minute hour day business limit deadline within time rule severity event production"))
_LABEL = re.compile(r"\d+|(?:p|s|sev)-?\d", re.IGNORECASE)
"""Numbers and severities tell nothing of what is due."""
_LEAST = 1


def with_lateness(case: Case, drafts: Sequence[Draft]) -> list[Draft]:
    """Put the verdict on a stated time first, unless the answer gives one already."""
    if not drafts or _DECIDED.search(drafts[0].text) or (verdict := _lateness(case)) is None:
        return list(drafts)
    others = [
        Draft(draft.text, draft.excerpts, max(draft.rank, CORE), draft.least)
        for draft in drafts
        if draft.excerpts != verdict.excerpts and not re.match(r"(?:Yes|No)\b", draft.text)
    ]
    return [verdict, *others]


def _lateness(case: Case) -> Draft | None:
    """The verdict, where one deadline fits the task better than the others."""
    elapsed = _elapsed(case)
    others = bool(set(case.question.kinds) & _OTHER_KINDS) or case.question.kinds[:1] == ("escalation",)
    if elapsed is None or others or not _ASKS_KEPT.search(case.question.prompt):
        return None
    rules = _best(case, [rule for rule in case.view.of(Timing) if _may_judge(case, rule, elapsed)])
    verdicts = {_kept(rule, elapsed) for rule in rules}
    return _verdict(case, rules[0], elapsed) if len(verdicts) == 1 else None


def _elapsed(case: Case) -> Elapsed | None:
    """The one time span that the task states, or the time between the only two clock times in it."""
    if case.question.elapsed:
        return case.question.elapsed[0] if len(case.question.elapsed) == 1 else None
    if case.question.between:
        return case.question.between
    clocks = clocks_in(case.question.prompt)
    if len(clocks) != 2 or case.question.readings:
        return None
    minutes = float((clocks[1].minute - clocks[0].minute) % DAY)
    return Elapsed(minutes=minutes, text=minutes_shown(minutes))


def _may_judge(case: Case, rule: Timing, elapsed: Elapsed) -> bool:
    of_severity = not rule.severities or not case.ranks or bool(set(case.ranks) & set(rule.severities))
    ahead = _is_ahead(rule) == bool(_BEFORE.search(case.question.prompt))
    return of_severity and ahead and rule.action not in ("escalate", "retain") and _comparable(rule, elapsed)


def _comparable(rule: Timing, elapsed: Elapsed) -> bool:
    """Business time compares with business time alone."""
    return rule.length.business == elapsed.business


def _is_ahead(rule: Timing) -> bool:
    """Whether a line asks for so much time before an event, rather than at most so much after it."""
    return bool(_AHEAD.search(rule.text) and _BEFORE.search(rule.text))


def _best(case: Case, rules: Sequence[Timing]) -> list[Timing]:
    """The rules that share the most telling words with the task."""
    asked = _widened(case.question.terms)
    scored = [(len(_widened(terms_of(rule.text)) & asked), rule) for rule in rules]
    best = max((score for score, _ in scored), default=0)
    return [rule for score, rule in scored if score == best] if best >= _LEAST else []


def _widened(terms: Sequence[str]) -> set[str]:
    """Telling terms, each of a group of like words standing for the group."""
    telling = set(terms) - _SILENT
    return {
        next((min(group) for group in _SAME if term in group), term) for term in telling if not _LABEL.fullmatch(term)
    }


def _kept(rule: Timing, elapsed: Elapsed) -> bool:
    limit = rule.length.minutes
    return elapsed.minutes >= limit if _is_ahead(rule) else elapsed.minutes <= limit


def _verdict(case: Case, rule: Timing, elapsed: Elapsed) -> Draft:
    name = f"{case.view.name(rule.severities[0])}: " if len(rule.severities) == 1 else ""
    said = f"{name}{lower_first(without_prefix(rule.clause))}"
    limit = rule.length.text
    if _is_ahead(rule):
        least = f"{'reaches' if _kept(rule, elapsed) else 'is less than'} the {limit} needed beforehand"
        words = "In time, compliant" if _kept(rule, elapsed) else "Too late, not compliant"
        return Draft(sentence(f"{words}: {elapsed.text} {least} ({said})"), rule.excerpts, MUST)
    if _kept(rule, elapsed):
        words = f"In time, compliant: {elapsed.text} is within the limit of {limit} ({said})"
    else:
        words = f"Late, not compliant: {elapsed.text} exceeds the limit of {limit} ({said})"
    return Draft(sentence(words), rule.excerpts, MUST)
