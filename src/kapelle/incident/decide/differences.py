"""What changed between two versions of a policy: the same obligation in both, its old and its new value, and
the direction.
"""

import re
from collections.abc import Iterator, Sequence

from kapelle.incident.decide.difference import Difference, Direction, in_one_only
from kapelle.incident.decide.rule_differences import (
    approval_differences,
    field_differences,
    severity_differences,
    trigger_differences,
    window_differences,
)
from kapelle.incident.decide.wording import (
    lower_first,
    merged,
    without_prefix,
)
from kapelle.incident.facts.model import (
    CompanyFacts,
    Fact,
    Policy,
    Timing,
)
from kapelle.incident.reading.terms import overlap, terms_of

_PLAIN = frozenset(terms_of("change within time minutes hours day product"))
_COUNTED = re.compile(
    r"\d+(?:\.\d+)?%?|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b", re.IGNORECASE
)


def differences(facts: CompanyFacts, old: Policy, new: Policy) -> tuple[Difference, ...]:
    """Every obligation of either version, aligned with that of the other."""
    before = [fact for fact in facts.facts if fact.source == old.source]
    after = [fact for fact in facts.facts if fact.source == new.source]
    parts = (
        _timings,
        trigger_differences,
        approval_differences,
        window_differences,
        field_differences,
        severity_differences,
    )
    return tuple(difference for part in parts for difference in part(before, after))


def _timings(before: Sequence[Fact], after: Sequence[Fact]) -> Iterator[Difference]:
    olds = [fact for fact in before if isinstance(fact, Timing)]
    left = list(olds)
    for new in (fact for fact in after if isinstance(fact, Timing)):
        old = max(left, key=lambda fact: _alike(fact, new), default=None)
        if old is not None and _alike(old, new) >= 0.55:
            left.remove(old)
            yield _timing(old, new)
        else:
            yield in_one_only(new, "added", _subject(new), _amount(new))
    yield from (in_one_only(old, "removed", _subject(old), _amount(old)) for old in left)


def _alike(old: Timing, new: Timing) -> float:
    """0 to 1: the same action for the same severity, by role for escalations and by words for the rest."""
    if old.action != new.action or (old.mode == "every") != (new.mode == "every"):
        return 0.0
    if old.severities and new.severities and not set(old.severities) & set(new.severities):
        return 0.0
    if old.action == "acknowledge":
        return 1.0
    mine, theirs = (terms_of(old.role), terms_of(new.role)) if old.action == "escalate" else (_words(old), _words(new))
    return (overlap(mine, theirs) + overlap(theirs, mine)) / 2


def _words(rule: Timing) -> list[str]:
    return [
        term for term in terms_of(_COUNTED.sub(" ", rule.clause)) if term not in _PLAIN and not term.startswith("#")
    ]


def _timing(old: Timing, new: Timing) -> Difference:
    longer_is_stricter = new.action == "retain"
    direction: Direction = "unchanged"
    if old.length.minutes != new.length.minutes or old.length.business != new.length.business:
        direction = "tightened" if (new.length.minutes < old.length.minutes) != longer_is_stricter else "relaxed"
    return Difference(
        new.topic,
        new.severities,
        _subject(new),
        _amount(old),
        _amount(new),
        direction,
        merged(old.excerpts, new.excerpts),
        f"{old.text} {new.text}",
    )


def _subject(rule: Timing) -> str:
    if rule.action == "acknowledge":
        return "acknowledgement"
    if rule.action == "escalate":
        return f"escalation to {rule.role}"
    clause = without_prefix(rule.clause)
    cut = re.split(
        r"\s*(?:,\s*)?\b(?:within|every|for|after|at|in|once|no later than)\b\s+(?=\+?\d|one|two|three|four"
        r"|five|six|seven|eight|nine|ten|eleven|twelve|an?\b)",
        clause,
    )[0]
    return f'"{lower_first(cut)}"'


def _amount(rule: Timing) -> str:
    before = {"at": "+", "every": "every ", "within": ""}[
        rule.mode if rule.action in ("escalate", "update", "other") else "within"
    ]
    return f"{before}{rule.length.text}"
