"""What the measured series say of the rollback triggers, and of the window as a whole."""

from collections.abc import Sequence
from typing import NamedTuple

from kapelle.evidence.model import Excerpt
from kapelle.incident.decide.evidence import MetricPoint
from kapelle.incident.decide.model import CORE, MORE, Answer, Case, Draft
from kapelle.incident.decide.series import Baseline, Finding, baseline_of, baseline_rule, examine, rows_of
from kapelle.incident.decide.wording import limit_shown, metric_shown, sentence, value_shown
from kapelle.incident.facts.model import Trigger
from kapelle.incident.reading.quantities import minutes_shown, shown


class Judged(NamedTuple):
    """A trigger against the measured series."""

    trigger: Trigger
    findings: tuple[Finding, ...]
    met: bool
    why: str
    rows: tuple[Excerpt, ...]


class Measured(NamedTuple):
    """All triggers that the series can tell of, those met first."""

    findings: tuple[Judged, ...]
    baseline_draft: Draft | None

    @property
    def met(self) -> tuple[Judged, ...]:
        """Triggers the measured series meet."""
        return tuple(judged for judged in self.findings if judged.met)


def measure(case: Case, triggers: Sequence[Trigger]) -> Measured:
    """Hold every numeric trigger against the measured points of the question's window."""
    points, inside = _points(case)
    rule = baseline_rule(case.view.statements)
    average = rule is not None and "median" not in rule.text.lower()
    baseline = baseline_of(points, case.question.window_start, average=average)
    judged = [one for trigger in triggers if (one := _judge(trigger, inside, baseline))]
    relative = [finding for one in judged for finding in one.findings if finding.baseline]
    draft = (
        Draft(
            f"The baseline used is {shown(relative[0].baseline.value)} ms p95 latency ({relative[0].baseline.words}).",
            rule.excerpts,
            MORE,
        )
        if relative and rule and relative[0].baseline
        else None
    )
    return Measured(tuple(sorted(judged, key=lambda one: not one.met)), draft)


def decide_metrics(case: Case) -> Answer:
    """What was measured, where no other part of the answer says it."""
    if case.evidence.points is None:
        return Answer()
    _, inside = _points(case)
    if not inside:
        return Answer(missing=("metrics: no points were measured in the window",))
    measured = measure(case, case.view.of(Trigger))
    drafts = [
        Draft(sentence(f"Metrics: {one.why}"), (one.trigger.excerpt, *one.rows), CORE, least=2)
        for one in measured.findings[:2]
    ]
    return Answer(tuple(drafts or _peaks(inside)))


def _points(case: Case) -> tuple[tuple[MetricPoint, ...], tuple[MetricPoint, ...]]:
    """All points of the service, and those in the question's window."""
    points = case.evidence.points or ()
    services = {point.service for point in points}
    service = case.question.service or next((name for name in services if name and name in case.question.prompt), "")
    own = tuple(point for point in points if not service or point.service in (service, ""))
    start, end = case.question.window_start, case.question.window_end
    return own, tuple(
        point for point in own if (start is None or point.at >= start) and (end is None or point.at <= end)
    )


def _judge(trigger: Trigger, points: Sequence[MetricPoint], baseline: Baseline | None) -> Judged | None:
    findings = [examine(points, condition, baseline) for condition in trigger.conditions]
    known = tuple(finding for finding in findings if finding is not None)
    if not known:
        return None
    met = len(known) == len(findings) and all(finding.met for finding in known)
    rows = tuple(dict.fromkeys(row for finding in known for row in rows_of(finding)))
    return Judged(trigger, known, met, " and ".join(_words(finding) for finding in known), rows)


def _words(finding: Finding) -> str:
    condition = finding.condition
    above = " above the baseline" if finding.baseline else ""
    peak = f"peak {value_shown(finding.peak_value, condition.unit)}{above} at {finding.peak.at:%H:%M} UTC"
    if finding.run is None:
        return f"{metric_shown(condition.metric)} never passed the limit of {limit_shown(condition)} ({peak})"
    run = f"{finding.run.first.at:%H:%M} to {finding.run.last.at:%H:%M} UTC"
    limit = f"the limit of {limit_shown(condition)}"
    verdict = f"meets {limit}" if finding.met else f"is shorter than {limit}"
    return (
        f"{metric_shown(condition.metric)} was {_beyond(finding)} for {minutes_shown(finding.run.minutes)}, "
        f"{run} ({peak}), which {verdict}"
    )


def _beyond(finding: Finding) -> str:
    value = value_shown(finding.condition.value, finding.condition.unit)
    above = " above the baseline" if finding.baseline else ""
    return (
        f"above {value}{' over the baseline' if above else ''}"
        if finding.condition.comparator == "gt"
        else f"at {value}{above} or more"
    )


def _peaks(points: Sequence[MetricPoint]) -> list[Draft]:
    drafts = []
    for metric, unit in (("error_rate", "percent"), ("latency_p95_ms", "ms")):
        known = [(value, point) for point in points if (value := getattr(point, metric)) is not None and point.ref]
        if known:
            value, point = max(known, key=lambda pair: pair[0])
            drafts.append(
                Draft(
                    f"Metrics: {metric_shown(metric)} peaked at {value_shown(value, unit)} at {point.at:%H:%M} UTC.",
                    (point.ref,) if point.ref else (),
                    CORE,
                )
            )
    return drafts
