"""What changed between two versions of a policy: the same obligation in both, its old and its new value, and
the direction.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from kapelle.evidence.model import Excerpt
from kapelle.incident.decide.wording import (
    limit_shown,
    listed,
    lower_first,
    merged,
    metric_shown,
    timing_shown,
    without_prefix,
)
from kapelle.incident.facts.model import (
    Approval,
    CompanyFacts,
    Condition,
    Fact,
    FieldList,
    Policy,
    SeverityRule,
    Timing,
    Topic,
    Trigger,
    Window,
)
from kapelle.incident.reading.calendar import WEEK
from kapelle.incident.reading.terms import overlap, terms_of

Direction = Literal["tightened", "relaxed", "changed", "added", "removed", "unchanged"]
_PLAIN = frozenset(terms_of("change within time minutes hours day product"))
_COUNTED = re.compile(
    r"\d+(?:\.\d+)?%?|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Difference:
    """One obligation in two versions."""

    topic: Topic
    severities: tuple[int, ...]
    what: str
    """What it is about, such as `acknowledgement` or `Standard change approvals`."""
    old: str
    new: str
    direction: Direction
    excerpts: tuple[Excerpt, ...]
    words: str
    """All its words, to see whether the task asks about it."""

    @property
    def shown(self) -> str:
        """In words, such as `acknowledgement tightened from 10 minutes to 5 minutes`."""
        if self.direction == "added":
            return f"{self.what} was added: {self.new}"
        if self.direction == "removed":
            return f"{self.what} was removed: {self.old}"
        if self.direction == "unchanged":
            return f"{self.what} is unchanged at {self.new}"
        return f"{self.what} {self.direction} from {self.old} to {self.new}"


def differences(facts: CompanyFacts, old: Policy, new: Policy) -> tuple[Difference, ...]:
    """Every obligation of either version, aligned with that of the other."""
    before = [fact for fact in facts.facts if fact.source == old.source]
    after = [fact for fact in facts.facts if fact.source == new.source]
    parts = (_timings, _triggers, _approvals, _windows, _fields, _severities)
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
            yield _single(new, "added", _subject(new), _amount(new))
    yield from (_single(old, "removed", _subject(old), _amount(old)) for old in left)


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


def _triggers(before: Sequence[Fact], after: Sequence[Fact]) -> Iterator[Difference]:
    olds = [(fact, condition) for fact in before if isinstance(fact, Trigger) for condition in fact.conditions]
    for fact in (fact for fact in after if isinstance(fact, Trigger)):
        for condition in fact.conditions:
            match = next(
                ((old, one) for old, one in olds if (one.metric, one.unit) == (condition.metric, condition.unit)), None
            )
            what = f"rollback trigger on {metric_shown(condition.metric)}"
            if match is None:
                yield _single(fact, "added", what, limit_shown(condition))
                continue
            olds.remove(match)
            yield Difference(
                "rollback",
                fact.severities,
                what,
                limit_shown(match[1]),
                limit_shown(condition),
                _stricter(match[1], condition),
                merged(match[0].excerpts, fact.excerpts),
                f"rollback {match[0].text} {fact.text}",
            )
        if not fact.conditions and not any(
            isinstance(old, Trigger) and overlap(terms_of(fact.words), terms_of(old.words)) > 0.6 for old in before
        ):
            yield _single(fact, "added", "rollback trigger", f'"{lower_first(fact.words)}"')
    yield from (
        _single(old, "removed", f"rollback trigger on {metric_shown(condition.metric)}", limit_shown(condition))
        for old, condition in olds
    )


def _stricter(old: Condition, new: Condition) -> Direction:
    """A lower limit or a shorter time triggers earlier."""
    moves = {
        (new.value > old.value) - (new.value < old.value),
        ((new.minutes or 0) > (old.minutes or 0)) - ((new.minutes or 0) < (old.minutes or 0)),
    } - {0}
    return "unchanged" if not moves else "tightened" if moves == {-1} else "relaxed" if moves == {1} else "changed"


def _approvals(before: Sequence[Fact], after: Sequence[Fact]) -> Iterator[Difference]:
    olds = [fact for fact in before if isinstance(fact, Approval)]
    for new in (fact for fact in after if isinstance(fact, Approval)):
        old = next((fact for fact in olds if set(terms_of(fact.subject)) == set(terms_of(new.subject))), None)
        what = f"{new.subject}:"
        if old is None:
            yield _single(new, "added", what, _count(new))
            continue
        olds.remove(old)
        more, less = set(new.roles) - set(old.roles), set(old.roles) - set(new.roles)
        counts = (new.count or 0) - (old.count or 0)
        direction: Direction = (
            "tightened" if counts > 0 else "relaxed" if counts < 0 else "changed" if more or less else "unchanged"
        )
        yield Difference(
            "approval",
            new.severities,
            what,
            _count(old),
            _count(new),
            direction,
            merged(old.excerpts, new.excerpts),
            f"approval {old.text} {new.text}",
        )
    yield from (_single(old, "removed", f"{old.subject}:", _count(old)) for old in olds)


def _count(rule: Approval) -> str:
    return f"{rule.count} approval{'' if rule.count == 1 else 's'}" + (
        f" ({', '.join(rule.roles)})" if rule.roles else ""
    )


def _windows(before: Sequence[Fact], after: Sequence[Fact]) -> Iterator[Difference]:
    olds = [fact for fact in before if isinstance(fact, Window) and fact.topic == "change"]
    for new in (fact for fact in after if isinstance(fact, Window) and fact.topic == "change"):
        old = next(
            (
                fact
                for fact in olds
                if fact.allows == new.allows and set(terms_of(fact.subject)) == set(terms_of(new.subject))
            ),
            None,
        )
        what = (
            new.subject if new.allows and new.subject else "change window" if new.allows else (new.subject or "freeze")
        )
        if old is None:
            yield _single(new, "added", what, new.shown)
            continue
        olds.remove(old)
        change = _minutes(new) - _minutes(old)
        direction: Direction = (
            "unchanged"
            if old.shown == new.shown
            else "changed"
            if not change
            else "tightened"
            if (change < 0) == new.allows
            else "relaxed"
        )
        yield Difference(
            "change",
            new.severities,
            f"{what} window" if new.allows and "window" not in what else what,
            old.shown,
            new.shown,
            direction,
            merged(old.excerpts, new.excerpts),
            f"window freeze {old.text} {new.text}",
        )
    yield from (_single(old, "removed", old.subject or "window", old.shown) for old in olds)


def _minutes(window: Window) -> int:
    return sum((span.end - span.start) % WEEK or WEEK for span in window.spans)


def _fields(before: Sequence[Fact], after: Sequence[Fact]) -> Iterator[Difference]:
    for subject in dict.fromkeys(fact.subject for fact in after if isinstance(fact, FieldList)):
        olds = [fact for fact in before if isinstance(fact, FieldList) and fact.subject == subject]
        news = [fact for fact in after if isinstance(fact, FieldList) and fact.subject == subject]
        old_names = list(dict.fromkeys(name for fact in olds for name in fact.fields))
        new_names = list(dict.fromkeys(name for fact in news for name in fact.fields))
        excerpts = merged(*(fact.excerpts for fact in (*olds, *news)))
        more, less = (
            [name for name in new_names if name not in old_names],
            [name for name in old_names if name not in new_names],
        )
        what, words = f"{subject} ticket field", f"ticket field {subject} {' '.join(old_names + new_names)}"
        if more:
            yield Difference("fields", (), f"{what}s", "", listed(more), "added", excerpts, words)
        if less:
            yield Difference("fields", (), f"{what}s", listed(less), "", "removed", excerpts, words)


def _severities(before: Sequence[Fact], after: Sequence[Fact]) -> Iterator[Difference]:
    olds = [(fact, condition) for fact in before if isinstance(fact, SeverityRule) for condition in fact.conditions[:1]]
    for fact in (fact for fact in after if isinstance(fact, SeverityRule)):
        for condition in fact.conditions[:1]:
            match = next(
                (
                    (old, one)
                    for old, one in olds
                    if old.severities == fact.severities
                    and (one.metric, one.unit) == (condition.metric, condition.unit)
                ),
                None,
            )
            if match:
                what = f"severity threshold on {metric_shown(condition.metric)}"
                yield Difference(
                    "severity",
                    fact.severities,
                    what,
                    limit_shown(match[1]),
                    limit_shown(condition),
                    _stricter(match[1], condition),
                    merged(match[0].excerpts, fact.excerpts),
                    f"severity {match[0].text} {fact.text}",
                )


def _single(fact: Timing | Trigger | Approval | Window, direction: Direction, what: str, shown: str) -> Difference:
    topic = fact.topic
    text = timing_shown(fact) if isinstance(fact, Timing) and fact.action == "escalate" else shown
    return Difference(
        topic,
        fact.severities,
        what,
        text if direction == "removed" else "",
        text if direction == "added" else "",
        direction,
        fact.excerpts,
        f"{topic} {fact.text}",
    )
