"""What changed in rules without a clock: rollback triggers, approvals, windows, ticket fields, severity thresholds."""

from collections.abc import Iterator, Sequence

from kapelle.incident.decide.difference import Difference, Direction, in_one_only, stricter
from kapelle.incident.decide.wording import (
    limit_shown,
    listed,
    lower_first,
    merged,
    metric_shown,
)
from kapelle.incident.facts.model import (
    Approval,
    Fact,
    FieldList,
    SeverityRule,
    Trigger,
    Window,
)
from kapelle.incident.reading.calendar import WEEK
from kapelle.incident.reading.terms import overlap, terms_of


def trigger_differences(before: Sequence[Fact], after: Sequence[Fact]) -> Iterator[Difference]:
    """Rollback triggers, aligned by metric and unit."""
    olds = [(fact, condition) for fact in before if isinstance(fact, Trigger) for condition in fact.conditions]
    for fact in (fact for fact in after if isinstance(fact, Trigger)):
        for condition in fact.conditions:
            match = next(
                ((old, one) for old, one in olds if (one.metric, one.unit) == (condition.metric, condition.unit)), None
            )
            what = f"rollback trigger on {metric_shown(condition.metric)}"
            if match is None:
                yield in_one_only(fact, "added", what, limit_shown(condition))
                continue
            olds.remove(match)
            yield Difference(
                "rollback",
                fact.severities,
                what,
                limit_shown(match[1]),
                limit_shown(condition),
                stricter(match[1], condition),
                merged(match[0].excerpts, fact.excerpts),
                f"rollback {match[0].text} {fact.text}",
            )
        if not fact.conditions and not any(
            isinstance(old, Trigger) and overlap(terms_of(fact.words), terms_of(old.words)) > 0.6 for old in before
        ):
            yield in_one_only(fact, "added", "rollback trigger", f'"{lower_first(fact.words)}"')
    yield from (
        in_one_only(old, "removed", f"rollback trigger on {metric_shown(condition.metric)}", limit_shown(condition))
        for old, condition in olds
    )


def approval_differences(before: Sequence[Fact], after: Sequence[Fact]) -> Iterator[Difference]:
    """Approval rules, aligned by their subject."""
    olds = [fact for fact in before if isinstance(fact, Approval)]
    for new in (fact for fact in after if isinstance(fact, Approval)):
        old = next((fact for fact in olds if set(terms_of(fact.subject)) == set(terms_of(new.subject))), None)
        what = f"{new.subject}:"
        if old is None:
            yield in_one_only(new, "added", what, _count(new))
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
    yield from (in_one_only(old, "removed", f"{old.subject}:", _count(old)) for old in olds)


def _count(rule: Approval) -> str:
    return f"{rule.count} approval{'' if rule.count == 1 else 's'}" + (
        f" ({', '.join(rule.roles)})" if rule.roles else ""
    )


def window_differences(before: Sequence[Fact], after: Sequence[Fact]) -> Iterator[Difference]:
    """Change windows and freezes, aligned by their subject."""
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
            yield in_one_only(new, "added", what, new.shown)
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
    yield from (in_one_only(old, "removed", old.subject or "window", old.shown) for old in olds)


def _minutes(window: Window) -> int:
    return sum((span.end - span.start) % WEEK or WEEK for span in window.spans)


def field_differences(before: Sequence[Fact], after: Sequence[Fact]) -> Iterator[Difference]:
    """Fields of a kind of ticket that came or went."""
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


def severity_differences(before: Sequence[Fact], after: Sequence[Fact]) -> Iterator[Difference]:
    """Numbers of the severity matrix, aligned by severity and metric."""
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
                    stricter(match[1], condition),
                    merged(match[0].excerpts, fact.excerpts),
                    f"severity {match[0].text} {fact.text}",
                )
