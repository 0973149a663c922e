"""Decides who is due when: acknowledgement, escalations already due and the next one, by severity, time and
circumstances.
"""

import re
from collections.abc import Sequence

from kapelle.incident.decide.acknowledgement import acknowledge
from kapelle.incident.decide.model import CORE, MORE, MUST, SPARE, Answer, Case, Draft
from kapelle.incident.decide.on_call import engineer_for, on_duty, shown_by
from kapelle.incident.decide.wording import (
    clock_after,
    listed,
    lower_first,
    merged,
    sentence,
    shift_shown,
    timing_shown,
    without_prefix,
)
from kapelle.incident.facts.model import DefaultChannel, RotaShift, Timing
from kapelle.incident.question.model import Elapsed
from kapelle.incident.reading.quantities import minutes_shown
from kapelle.incident.reading.signals import Signal
from kapelle.incident.reading.terms import speaks_of, terms_of

_ESCALATES = re.compile(r"escalat|\bpag(?:e|ed|ing)\b|\bw[ao]ke|\bnext\b|\bwhom?\b|\bcall", re.IGNORECASE)


def decide_escalation(case: Case) -> Answer:
    """Who is due at the stated time, else the whole chain of the severity."""
    if case.rank is None:
        return _without_severity(case)
    rules = rules_for(case, case.rank)
    if not rules:
        return Answer(missing=(f"escalation: no line gives a time for {case.view.name(case.rank)}",))
    elapsed = case.question.elapsed[0] if case.question.elapsed else None
    if (nobody := _nobody(case, rules)) and case.primary and _ESCALATES.search(case.question.prompt):
        return Answer((nobody, *(_step(case, case.view.name(case.rank), rule, CORE) for rule in rules), *_more(case)))
    if stranger := _stranger(case, rules):
        return Answer((stranger, *(_step(case, case.view.name(case.rank), rule, MORE) for rule in rules)))
    acknowledgement = acknowledge(case, rules, elapsed)
    if acknowledgement and not _ESCALATES.search(case.question.prompt):
        return Answer(tuple(acknowledgement))
    if elapsed is None:
        return Answer((*_chain(case, rules), *_more(case)))
    asked = _asked(case, rules, elapsed)
    return Answer((*asked, *_at(case, rules, elapsed), *acknowledgement[1:], *_more(case)))


def _nobody(case: Case, rules: Sequence[Timing]) -> Draft | None:
    """The line by which a severity without a step is not escalated."""
    if any(rule.action == "escalate" for rule in rules):
        return None
    lines = [fact for fact in case.view.statements if fact.topic == "escalation" and case.rank in fact.severities]
    line = next((fact for fact in lines if re.match(r"(?:no|never|nobody)\b", _bare(fact.text), re.IGNORECASE)), None)
    if line is None:
        return None
    said = f"No, not for {case.view.name(case.rank or 0)}: {lower_first(_bare(line.text))}"
    return Draft(sentence(said), line.excerpts, MUST)


def _bare(text: str) -> str:
    """A line without the severity and the headers before what it says."""
    return re.sub(r"^(?:\w+:\s+)+", "", without_prefix(text))


def rules_for(case: Case, rank: int) -> list[Timing]:
    """Acknowledgement and escalations of a severity, in the order of their times."""
    rules = [
        rule
        for rule in case.view.of(Timing)
        if rule.action in ("acknowledge", "escalate") and (rank in rule.severities or not rule.severities)
    ]
    return sorted(rules, key=lambda rule: (rule.action != "acknowledge", rule.length.minutes))


def contradicted(rule: Timing, signals: dict[Signal, bool]) -> bool:
    """Whether the task denies a circumstance that the rule asks for."""
    known = dict(signals)
    # Nobody acknowledges what nobody owns; what is owned was acknowledged.
    if "unacknowledged" not in known and "unowned" in known:
        known["unacknowledged"] = known["unowned"]
    return any(name in known and known[name] != value for name, value in rule.needs.items())


def _at(case: Case, rules: Sequence[Timing], elapsed: Elapsed) -> list[Draft]:
    steps = [rule for rule in rules if rule.action == "escalate"]
    open_steps = [rule for rule in steps if not contradicted(rule, case.question.signals)]
    due = [rule for rule in open_steps if rule.length.minutes <= elapsed.minutes]
    coming = [rule for rule in open_steps if rule.length.minutes > elapsed.minutes]
    name = case.view.name(case.rank or 0)
    drafts = [_due_now(case, name, due, elapsed)] if due else [_nothing_due(case, name, coming, elapsed)]
    drafts += [Draft(sentence(f"Before that: {timing_shown(rule)}"), rule.excerpts, CORE) for rule in due[:-1]]
    if due and coming:
        drafts.append(
            Draft(
                sentence(
                    f"Next: {timing_shown(coming[0], case.question.started)}, in "
                    f"{minutes_shown(coming[0].length.minutes - elapsed.minutes)}"
                ),
                coming[0].excerpts,
                CORE,
            )
        )
    skipped = [rule for rule in steps if rule not in open_steps]
    drafts += [
        Draft(sentence(f"Does not apply here: {rule.role} at +{rule.length.text} {_if(rule)}"), rule.excerpts, MORE)
        for rule in skipped[:2]
    ]
    late = next((rule for rule in rules if rule.action == "acknowledge"), None)
    if late is not None:
        passed = elapsed.minutes > late.length.minutes and not late.length.business
        known = case.question.signals.get("unacknowledged") is False or case.question.signals.get("unowned") is False
        over = f"; at +{elapsed.text} that limit has passed" if passed and not known else ""
        drafts.append(Draft(sentence(f"{name}: {timing_shown(late)}{over}"), late.excerpts, CORE))
    return drafts


def _if(rule: Timing) -> str:
    return rule.condition if re.match(r"(?:unless|until|without)\b", rule.condition) else f"if {rule.condition}"


def _due_now(case: Case, name: str, due: Sequence[Timing], elapsed: Elapsed) -> Draft:
    rule = due[-1]
    over = elapsed.minutes - rule.length.minutes
    when = "exactly now" if over == 0 else f"{minutes_shown(over)} ago"
    person, shown = engineer_for(case, rule.role)
    condition = f" if {rule.condition}" if rule.condition and not set(rule.needs) & set(case.question.signals) else ""
    clock = clock_after(case.question.started, rule)
    text = (
        f"Escalate to {rule.role}{person} now{condition}: for {_described(case, name)} the escalation at "
        f"+{rule.length.text}{clock} was due {when}"
    )
    return Draft(sentence(text), merged(rule.excerpts, shown), MUST)


def _nothing_due(case: Case, name: str, coming: Sequence[Timing], elapsed: Elapsed) -> Draft:
    if not coming:
        return Draft(
            sentence(f"No further escalation is due for {_described(case, name)} at +{elapsed.text}"),
            merged(*(rule.excerpts for rule in rules_for(case, case.rank or 0)[:2])),
            MUST,
        )
    rule = coming[0]
    person, shown = engineer_for(case, rule.role)
    left = minutes_shown(rule.length.minutes - elapsed.minutes)
    return Draft(
        sentence(
            f"No escalation is due yet for {_described(case, name)} at +{elapsed.text}: next, "
            f"{timing_shown(rule)}{person}, in {left}"
        ),
        merged(rule.excerpts, shown),
        MUST,
    )


def _asked(case: Case, rules: Sequence[Timing], elapsed: Elapsed) -> list[Draft]:
    """Whether the role that the task asks about is due."""
    if not re.search(r"\b(?:does|do|must|should|has|have|is|need)\b", case.question.prompt, re.IGNORECASE):
        return []
    rule = next((rule for rule in rules if rule.role and speaks_of(case.question.terms, rule.role)), None)
    if rule is None:
        return []
    when = f"{rule.role} is due at +{rule.length.text}" + (f" {_if(rule)}" if rule.condition else "")
    if contradicted(rule, case.question.signals):
        return [Draft(sentence(f"No, it does not apply here: {when}"), rule.excerpts, MUST)]
    if rule.length.minutes <= elapsed.minutes:
        return [Draft(sentence(f"Yes: {when}"), rule.excerpts, MUST)]
    return [
        Draft(
            sentence(f"No, not yet: {when}, in {minutes_shown(rule.length.minutes - elapsed.minutes)}"),
            rule.excerpts,
            MUST,
        )
    ]


def _described(case: Case, name: str) -> str:
    return f"an unowned {name}" if case.question.signals.get("unowned") else name


def _chain(case: Case, rules: Sequence[Timing]) -> list[Draft]:
    """Every step of the severity; the role the task asks about comes first."""
    name = case.view.name(case.rank or 0)
    asked = [rule for rule in rules if rule.role and speaks_of(case.question.terms, rule.role)]
    if asked and not re.search(
        r"recommend|chain|all|timing|steps|obligation|order", case.question.prompt, re.IGNORECASE
    ):
        others = [rule for rule in rules if rule not in asked]
        return [*(_step(case, name, rule, MUST) for rule in asked), *(_step(case, name, rule, MORE) for rule in others)]
    steps = [timing_shown(rule, case.question.started) for rule in rules[:6]]
    head = Draft(sentence(f"{name}: {listed(steps)}"), merged(*(rule.excerpts for rule in rules[:6])), MUST)
    return [head, *_people(case)]


def _people(case: Case) -> list[Draft]:
    """Who is on call at the question's date."""
    duty = on_duty(case.view.configured(RotaShift), case.question.dates[0]) if case.question.dates else ()
    if not duty or "on_call" in case.question.kinds:
        return []
    people = listed([f"{shift.tier} on-call is {shift_shown(shift)}" for shift in duty])
    return [
        Draft(
            sentence(f"In the week starting {duty[0].week_start.isoformat()}, {people}"),
            shown_by(duty),
            CORE,
            least=len(duty),
        )
    ]


def _step(case: Case, name: str, rule: Timing, rank: int) -> Draft:
    person, shown = engineer_for(case, rule.role) if rule.role else ("", ())
    return Draft(
        sentence(f"{name}: {timing_shown(rule, case.question.started)}{person}"), merged(rule.excerpts, shown), rank
    )


def _stranger(case: Case, rules: Sequence[Timing]) -> Draft | None:
    """A role the task asks about that no step names: absence from the closed list of steps."""
    known = [term for rule in rules for term in terms_of(rule.role)] + [
        "oncall",
        "primary",
        "secondary",
        "engineer",
        "somebody",
        "anybody",
        "person",
    ]
    unknown = [role for role in case.question.roles if not set(terms_of(role)) & set(known)]
    if not unknown:
        return None
    name = case.view.name(case.rank or 0)
    steps = listed([rule.role for rule in rules if rule.role])
    return Draft(
        sentence(f"Never: the policy does not name {unknown[0]} in any {name} escalation, which goes to {steps}"),
        merged(*(rule.excerpts for rule in rules if rule.role)),
        MUST,
    )


def _more(case: Case) -> list[Draft]:
    channel = next((fact for fact in case.view.configured(DefaultChannel) if "escalation" in fact.key), None)
    return [Draft(f"Escalations are announced in {channel.channel}.", channel.excerpts, SPARE)] if channel else []


def _without_severity(case: Case) -> Answer:
    """No severity is known: the acknowledgement limits of all, and what is missing."""
    rules = [rule for rule in case.view.of(Timing) if rule.action == "acknowledge" and len(rule.severities) == 1]
    asked = [rule for rule in case.view.of(Timing) if rule.role and speaks_of(case.question.terms, rule.role)]
    chosen = sorted({rule.text: rule for rule in (asked or rules)}.values(), key=lambda rule: rule.severities)[:6]
    drafts = [
        Draft(
            sentence(
                f"{case.view.name(rule.severities[0])}: {timing_shown(rule)}" if rule.severities else timing_shown(rule)
            ),
            rule.excerpts,
            MUST if index == 0 else CORE,
        )
        for index, rule in enumerate(chosen)
    ]
    return Answer(tuple(drafts), ("severity: the task neither names nor describes one",))
