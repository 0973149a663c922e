"""Finds in measured series how long a limit was passed: longest run, peak, baseline."""

import datetime
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from kapelle.evidence.model import Excerpt
from kapelle.incident.decide.evidence import MetricPoint
from kapelle.incident.facts.model import CompanyFacts, Condition, Statement
from kapelle.incident.question.model import Question
from kapelle.incident.reading.quantities import durations, meets


class Baseline(NamedTuple):
    """What a latency is measured against, in milliseconds."""

    value: float
    words: str


class Run(NamedTuple):
    """The longest stretch of points that pass a limit; `minutes` counts each point until the next."""

    first: MetricPoint
    last: MetricPoint
    minutes: float


class Finding(NamedTuple):
    """What the series says of one condition."""

    condition: Condition
    peak: MetricPoint
    peak_value: float
    """In the condition's unit."""
    run: Run | None
    """None when no point passes."""
    met: bool
    baseline: Baseline | None


def examine(points: Sequence[MetricPoint], condition: Condition, baseline: Baseline | None) -> Finding | None:
    """Hold a condition against points of one service, by time; None when the series cannot tell."""
    values = _values(condition, baseline)
    known = [(point, value) for point in points if values is not None and (value := values(point)) is not None]
    if not known or condition.comparator not in ("gt", "ge"):
        return None
    peak, peak_value = max(known, key=lambda pair: pair[1])
    run = _longest_run(known, condition)
    met = run is not None and (
        condition.minutes is None or meets(run.minutes, condition.minutes_comparator, condition.minutes)
    )
    return Finding(
        condition,
        peak,
        peak_value,
        run,
        met,
        baseline if condition.metric.startswith("latency") and condition.unit != "ms" else None,
    )


def baseline_of(points: Sequence[MetricPoint], start: datetime.datetime | None, *, average: bool) -> Baseline | None:
    """The usual p95 latency: over the points before `start`; without any, over the quietest quarter of the points.

    The median, unless the policy names an average.
    """
    earlier = [
        point.latency_p95_ms for point in points if start and point.at < start and point.latency_p95_ms is not None
    ]
    if earlier:
        value = statistics.fmean(earlier) if average else statistics.median(earlier)
        return Baseline(value, f"{'average' if average else 'median'} of the {len(earlier)} points before the window")
    inside = sorted(point.latency_p95_ms for point in points if point.latency_p95_ms is not None)
    quiet = inside[: max(1, len(inside) // 4)]
    return (
        Baseline(statistics.median(quiet), "quietest quarter of the window, no earlier points were read")
        if len(inside) >= 4
        else None
    )


def baseline_rule(statements: Sequence[Statement]) -> Statement | None:
    """The line that says how the baseline is taken."""
    for fact in statements:
        words = fact.text.lower()
        if "baseline" in words and any(word in words for word in ("median", "average", "mean")):
            return fact
    return None


def baseline_window(question: Question, facts: CompanyFacts) -> tuple[datetime.datetime, datetime.datetime] | None:
    """The period before the question's window over which the policy in force takes its baseline; an hour when
    it names none.
    """
    if question.window_start is None:
        return None
    current = {policy.source for policy in facts.policies if policy.current}
    lines = [fact for fact in facts.facts if fact.source in current and "baseline" in fact.text.lower()]
    amounts = [
        one.value
        for fact in lines
        for one in durations(fact.text)
        if fact.kind == "statement" and _about_past(fact.text, one.end)
    ]
    minutes = max(amounts, default=60.0)
    return question.window_start - datetime.timedelta(minutes=minutes), question.window_start - datetime.timedelta(
        seconds=1
    )


def rows_of(finding: Finding) -> tuple[Excerpt, ...]:
    """The rows that show a finding: the peak, then first and last of the run."""
    shown = [finding.peak, finding.run.first, finding.run.last] if finding.run else [finding.peak]
    return tuple(dict.fromkeys(point.ref for point in shown if point.ref is not None))


def _about_past(text: str, end: int) -> bool:
    after = text[end : end + 30].lower()
    return (
        "before" in after
        or "baseline" in after
        or "average" in after
        or "median" in after
        or any(word in text.lower() for word in ("previous", "preceding", "last", "prior", "trailing", "rolling"))
    )


def _values(condition: Condition, baseline: Baseline | None) -> Callable[[MetricPoint], float | None] | None:
    if condition.metric == "error_rate":
        return lambda point: point.error_rate
    if condition.metric != "latency_p95_ms":
        return None
    if condition.unit == "ms":
        return lambda point: point.latency_p95_ms
    if baseline is None or baseline.value <= 0:
        return None
    usual = baseline.value
    percent = condition.unit == "percent"
    return lambda point: (
        None
        if point.latency_p95_ms is None
        else (point.latency_p95_ms / usual - (1 if percent else 0)) * (100 if percent else 1)
    )


def _longest_run(known: Sequence[tuple[MetricPoint, float]], condition: Condition) -> Run | None:
    """A gap longer than the limit's own duration ends a run: what was not measured cannot be consecutive."""
    limit = condition.minutes or 0.0
    best: Run | None = None
    first = last = None
    for index, (point, value) in enumerate(known):
        if not meets(value, condition.comparator, condition.value):
            first = last = None
            continue
        if first is None or last is None or _gap(last, point) > max(limit, 5.0):
            first = point
        last = point
        minutes = _gap(first, point) + _step(known, index)
        if best is None or minutes > best.minutes:
            best = Run(first, point, minutes)
    return best


def _step(known: Sequence[tuple[MetricPoint, float]], index: int) -> float:
    """Minutes that the point at `index` stands for: the shorter of the distances to its neighbors, one at least
    known.
    """
    near = [_gap(known[left][0], known[left + 1][0]) for left in (index - 1, index) if 0 <= left < len(known) - 1]
    return min(near, default=0.0)


def _gap(first: MetricPoint, last: MetricPoint) -> float:
    return (last.at - first.at).total_seconds() / 60
