"""Decides whether a rollback is mandatory: stated numbers, measured series and circumstances against the triggers."""

import re
from typing import NamedTuple

from kapelle.incident.decide.lookup import nearest
from kapelle.incident.decide.metrics import Judged, Measured, measure
from kapelle.incident.decide.model import CORE, MORE, MUST, Answer, Case, Draft
from kapelle.incident.decide.thresholds import Held, compare
from kapelle.incident.decide.wording import (
    limit_shown,
    listed,
    lower_first,
    merged,
    metric_shown,
    sentence,
    without_prefix,
)
from kapelle.incident.facts.model import Approval, Timing, Trigger, Workflow
from kapelle.incident.reading.terms import ROLLBACK, overlap, terms_of

_UNCERTAIN = re.compile(
    r"\b(?:unconfirmed|suspect\w*|not (?:yet )?(?:been )?confirmed|possibl[ye]|rumou?r|maybe|might have|unverified)\b",
    re.IGNORECASE,
)
_ASKS_WHEN = re.compile(
    r"mandat|requir|must|when|trigger|threshold|limit|condition|criteria|should|do we|have to", re.IGNORECASE
)
_PLAIN = frozenset(terms_of("rollback immediately immediate once mandatory any triggers requires causes forces leads"))
_ROLLBACK = re.compile(ROLLBACK, re.IGNORECASE)


class _Judged(NamedTuple):
    trigger: Trigger
    met: bool | None
    why: str


def decide_rollback(case: Case) -> Answer:
    """Mandatory, not mandatory, or not yet decidable, with the limits and what a rollback then needs."""
    triggers = case.view.of(Trigger)
    if not triggers:
        return Answer(missing=("rollback triggers: no policy line gives one",))
    stated = [judged for trigger in triggers if (judged := _judge(trigger, case))]
    measured = measure(case, triggers) if case.evidence.points is not None else None
    if not stated and not (measured and measured.findings) and (line := _plain_line(case, triggers)):
        return Answer((line, *_needs(case)))
    drafts = [_verdict(case, triggers, stated, measured), *_measured_drafts(measured)]
    return Answer(
        tuple(drafts + _others(triggers, stated, measured) + _needs(case)),
        _missing(stated, measured),
        _conflicts(stated, measured),
    )


def _plain_line(case: Case, triggers: tuple[Trigger, ...]) -> Draft | None:
    """The line of the section that answers a question that is not about the triggers, such as which workflow to use."""
    if _ASKS_WHEN.search(case.question.prompt):
        return None
    own = [trigger.excerpt for trigger in triggers]
    lines = [fact for fact in nearest(case, topics=("rollback",), least=0.45) if fact.excerpt not in own]
    return Draft(sentence(lines[0].text), lines[0].excerpts, MUST) if lines else None


def triggered(case: Case) -> bool:
    """Whether what the task states makes a rollback mandatory, though it may not ask."""
    judged = [_judge(trigger, case) for trigger in case.view.of(Trigger) if trigger.mandatory and not trigger.joint]
    return any(one is not None and one.met for one in judged)


def _judge(trigger: Trigger, case: Case) -> _Judged | None:
    """A trigger against what the task states; None when the task says nothing about it."""
    if not trigger.conditions:
        return _judge_words(trigger, case)
    results = [_best(case, condition_index, trigger) for condition_index in range(len(trigger.conditions))]
    known = [held for held in results if held is not None]
    if not known:
        return None
    if any(held.met is False for held in known):
        return _Judged(trigger, False, next(held.why for held in known if held.met is False))
    complete = len(known) == len(results) and all(held.met for held in known)
    return _Judged(trigger, True if complete else None, listed([held.why for held in known]))


def _best(case: Case, index: int, trigger: Trigger) -> Held | None:
    """Of several numbers for one metric the one that comes closest to meeting the condition."""
    found = [held for reading in case.question.readings if (held := compare(reading, trigger.conditions[index]))]
    return (
        next((held for held in found if held.met), None)
        or next((held for held in found if held.met is None), None)
        or (found[0] if found else None)
    )


def _judge_words(trigger: Trigger, case: Case) -> _Judged | None:
    """A circumstance in words: it holds when the task speaks of all that tells it apart."""
    words = [term for term in terms_of(trigger.words) if term not in _PLAIN]
    firm = [term for term in words if not term.startswith("confirm")]
    if not firm or overlap(firm, case.question.terms) < 0.6:
        return None
    doubtful = bool(_UNCERTAIN.search(case.question.prompt)) and len(firm) < len(words)
    why = f'the circumstance "{trigger.words}" '
    return _Judged(trigger, not doubtful, why + ("is not confirmed" if doubtful else "is given"))


def _verdict(case: Case, triggers: tuple[Trigger, ...], stated: list[_Judged], measured: Measured | None) -> Draft:
    met = [judged for judged in stated if judged.met and judged.trigger.mandatory]
    joint = [trigger for trigger in triggers if trigger.joint]
    open_ones = [trigger for trigger in joint if trigger not in [judged.trigger for judged in met]]
    met = [judged for judged in met if not judged.trigger.joint] or met
    if met and met[0].trigger.joint and open_ones:
        return Draft(
            f"Rollback is not mandatory on this alone: {met[0].why}, but all triggers must hold together, also "
            f"{listed([trigger.words for trigger in open_ones])}.",
            merged(*(trigger.excerpts for trigger in joint)),
            MUST,
        )
    if met:
        return Draft(
            f"Rollback is mandatory: {'; '.join(judged.why for judged in met[:3])}.",
            merged(*(judged.trigger.excerpts for judged in met[:3])),
            MUST,
        )
    measured_met = _enough(measured, joint) if measured else []
    if measured_met and not stated:
        one = measured_met[0]
        return Draft(f"Rollback is mandatory: {one.why}.", merged(one.trigger.excerpts, one.rows), MUST)
    optional = [judged for judged in stated if judged.met]
    if optional:
        return Draft(
            f"Rollback should be considered, it is not mandatory: {optional[0].why}.",
            optional[0].trigger.excerpts,
            MUST,
        )
    return _not_met(triggers, stated, measured)


def _enough(measured: Measured, joint: list[Trigger]) -> list[Judged]:
    """Mandatory triggers that the series meet; those that must hold together only when all do."""
    met = [finding for finding in measured.met if finding.trigger.mandatory]
    together = all(trigger in [finding.trigger for finding in met] for trigger in joint)
    return [finding for finding in met if together or not finding.trigger.joint]


def _not_met(triggers: tuple[Trigger, ...], stated: list[_Judged], measured: Measured | None) -> Draft:
    unknown = [judged for judged in stated if judged.met is None]
    failed = [judged for judged in stated if judged.met is False]
    if unknown:
        return Draft(
            f"Rollback is not mandatory until the whole condition is shown: {unknown[0].why}.",
            unknown[0].trigger.excerpts,
            MUST,
        )
    if failed:
        return Draft(
            f"Rollback is not mandatory: {'; '.join(judged.why for judged in failed[:3])}.",
            merged(*(judged.trigger.excerpts for judged in failed[:3])),
            MUST,
        )
    if measured and measured.findings:
        one = measured.findings[0]
        return Draft(f"Rollback is not mandatory: {one.why}.", merged(one.trigger.excerpts, one.rows), MUST)
    triggers = tuple(trigger for trigger in triggers if trigger.mandatory) or triggers
    rules = listed([_rule(trigger) for trigger in triggers[:6]], "or")
    return Draft(
        f"Rollback is mandatory when one of these holds: {rules}.",
        merged(*(trigger.excerpts for trigger in triggers[:6])),
        MUST,
    )


def _rule(trigger: Trigger) -> str:
    if not trigger.conditions:
        return lower_first(trigger.words)
    return listed(
        [
            f"{'' if condition.unit == 'count' else metric_shown(condition.metric) + ' '}{limit_shown(condition)}"
            for condition in trigger.conditions
        ]
    )


def _measured_drafts(measured: Measured | None) -> list[Draft]:
    if measured is None:
        return []
    drafts = [
        Draft(sentence(f"Metrics: {finding.why}"), merged((finding.trigger.excerpt,), finding.rows), CORE, least=2)
        for finding in measured.findings[:2]
    ]
    return drafts + ([measured.baseline_draft] if measured.baseline_draft else [])


def _others(triggers: tuple[Trigger, ...], stated: list[_Judged], measured: Measured | None) -> list[Draft]:
    """Triggers that were met beside the decision's own, and those judged not met beside one that was."""
    if not any(judged.met for judged in stated):
        return []
    failed = [judged for judged in stated if judged.met is False]
    return [Draft(sentence(f"Not met: {judged.why}"), judged.trigger.excerpts, CORE) for judged in failed[:2]]


def _needs(case: Case) -> list[Draft]:
    """What a rollback needs: approvals, deadline, pipeline, record."""
    drafts: list[Draft] = []
    for rule in (rule for rule in case.view.of(Approval) if _ROLLBACK.search(rule.subject)):
        roles = f" ({', '.join(rule.roles)})" if rule.roles else ""
        drafts.append(
            Draft(
                f"{rule.subject} needs {rule.count} approval{'' if rule.count == 1 else 's'}{roles}.",
                rule.excerpts,
                MORE,
            )
        )
        break
    for timing in case.view.of(Timing):
        if timing.topic in ("rollback", "audit") and _ROLLBACK.search(timing.text) and timing.mode == "within":
            drafts.append(Draft(sentence(without_prefix(timing.clause)), timing.excerpts, MORE))
    drafts += [
        Draft(workflow_shown(flow), flow.excerpts, MORE)
        for flow in case.view.configured(Workflow)
        if _ROLLBACK.search(f"{flow.name} {flow.environment}")
    ]
    below = [
        fact
        for fact in nearest(case, "discretion below limits rollback incident manager decides", topics=("rollback",))
        if re.search(r"discretion|judg|decide|may", fact.text)
    ]
    return drafts + [Draft(sentence(fact.text), fact.excerpts, MORE) for fact in below[:1]]


def workflow_shown(flow: Workflow) -> str:
    """A pipeline with what it asks for."""
    parts = [f"Workflow {flow.name}"]
    if flow.environment:
        parts.append(f"runs in environment {flow.environment}")
    if flow.required_approvals is not None:
        parts.append(f"requires {flow.required_approvals} approval{'' if flow.required_approvals == 1 else 's'}")
    asks = [
        name
        for name, needed in (("a change ticket", flow.needs_ticket), ("the on-call acknowledgement", flow.needs_ack))
        if needed
    ]
    if asks:
        parts.append(f"needs {listed(asks)}")
    return f"{parts[0]} {listed(parts[1:])}." if len(parts) > 1 else f"{parts[0]} exists."


def _missing(stated: list[_Judged], measured: Measured | None) -> tuple[str, ...]:
    short = tuple(f"duration: {judged.why}" for judged in stated if judged.met is None)
    none = ("metrics: no points were measured in the window",) if measured is not None and not measured.findings else ()
    return short + none


def _conflicts(stated: list[_Judged], measured: Measured | None) -> tuple[str, ...]:
    if measured is None or not measured.findings or not stated:
        return ()
    said, shown = any(judged.met for judged in stated), bool(measured.met)
    if said == shown:
        return ()
    return (
        f"the task's numbers {'meet' if said else 'do not meet'} a rollback trigger, the measured ones "
        f"{'do' if shown else 'do not'}",
    )
