"""Decides what is due by when and whether it was kept: audit records, ticket openings, reviews, and what
closing asks for.
"""

import re
from collections.abc import Sequence

from kapelle.incident.decide.lookup import nearest
from kapelle.incident.decide.model import CORE, MORE, MUST, Answer, Case, Draft
from kapelle.incident.decide.wording import kept_shown, lower_first, metric_shown, sentence, without_prefix
from kapelle.incident.facts.model import Entry, Statement, Timing, Topic
from kapelle.incident.question.model import Elapsed
from kapelle.incident.reading.quantities import durations, minutes_shown
from kapelle.incident.reading.terms import overlap, terms_of

_KEEPS = re.compile(
    r"how long (?!after|until|before|do (?:we|i|you) have|may|can)|retention|retain|kept|keep|delete|purge",
    re.IGNORECASE,
)
_MAY = re.compile(r"\b(?:may|can|could|allowed|permitted|ok|okay|fine|legal|compliant|must we not)\b", re.IGNORECASE)
FORBIDS = re.compile(
    r"\b(?:must not|may not|never|cannot|not be|forbidden|prohibited|not allowed|not permitted|read-only|only)\b",
    re.IGNORECASE,
)
"""What forbids."""
_WEAK = frozenset(
    terms_of("record audit within time policy log soon long deadline minutes hours days years incident trail entry")
)
_ABSENT = re.compile(
    r"\b(?:no|without(?: an?| any)?|missing(?: an?| the)?|lacks?(?: an?)?|not (?:yet )?(?:an? "
    r")?)\s+(?P<what>[a-z][\w-]*(?:\s+[a-z][\w-]*)?)(?=[\s,.;?!]|$)",
    re.IGNORECASE,
)
_DONE = re.compile(
    r"\b(?:later|after|ago|passed|took|late|in time|on time|compliant|comply|ok|okay|enough|fine|still"
    r"|already|violat\w*|breach\w*|met|delete|purge)\b",
    re.IGNORECASE,
)


def decide_audit(case: Case) -> Answer:
    """Which record is due by when, where it goes and how long it is kept; whether a stated time kept the limit."""
    keeps = bool(_KEEPS.search(case.question.prompt))
    rules = [rule for rule in case.view.of(Timing) if rule.topic in ("audit", "closing") and _of_severity(case, rule)]
    ruling = _ruling(case, ("audit",))
    of_kind = [rule for rule in rules if rule.topic == "audit" and (rule.action == "retain") == keeps]
    chosen = _fitting(case, of_kind, all_if_none=ruling is None) or ([] if ruling else _fitting(case, rules))
    if ruling is not None and not _judges(case, chosen):
        return Answer(
            (ruling, *(Draft(sentence(without_prefix(rule.clause)), rule.excerpts, MORE) for rule in chosen[:1]))
        )
    drafts = [draft for rule in chosen[:4] for draft in [_judged(case, rule, _elapsed(case))]]
    lines = [
        fact
        for fact in nearest(case, topics=("audit",), least=0.35)
        if fact.excerpt not in [rule.excerpt for rule in chosen]
    ]
    drafts += [
        Draft(sentence(fact.text), fact.excerpts, CORE if drafts else MUST) for fact in lines[: 2 if drafts else 3]
    ]
    config = _configured(case, keeps)
    if not drafts and not config:
        return Answer(missing=("audit: no line gives a deadline or a record for this",))
    return Answer((*drafts, *config))


def decide_closing(case: Case) -> Answer:
    """What must hold before an incident is closed, and when its review is due."""
    lines = [fact for fact in case.view.statements if fact.topic == "closing" and _fits_severity(case, fact)]
    if not lines:
        return Answer(missing=("closing: no line says what must hold before an incident is closed",))
    rules = [rule for rule in case.view.of(Timing) if rule.topic == "closing" and _of_severity(case, rule)]
    about_review = re.search(r"review|post-?mortem|post-?incident|retrospective", case.question.prompt, re.IGNORECASE)
    if about_review and (
        reviews := [
            rule
            for rule in rules
            if re.search(r"review|post-?mortem|post-?incident|retrospective", rule.text, re.IGNORECASE)
        ]
    ):
        return Answer(tuple(_judged(case, rule, _elapsed(case)) for rule in reviews[:3]))
    head = "Before closing" + (f" a {case.view.name(case.rank)}" if case.rank is not None else "")
    checks = [fact for fact in lines if not re.search(r":$", fact.text)]
    if unmet := [(fact, why) for fact in checks if (why := _unmet(case, fact))]:
        told = [
            Draft(
                sentence(
                    f"No, {head[7:]} is not allowed yet: {why}; {lower_first(fact.text)}"
                    if index == 0
                    else f"Also not met: {why}; {lower_first(fact.text)}"
                ),
                fact.excerpts,
                MUST if index == 0 else CORE,
            )
            for index, (fact, why) in enumerate(unmet[:4])
        ]
        rest = [
            Draft(sentence(fact.text), fact.excerpts, MORE) for fact in checks if fact not in [one for one, _ in unmet]
        ]
        return Answer((*told, *rest[:3]))
    drafts = [
        Draft(
            sentence(f"{head}: {lower_first(without_prefix(fact.text))}" if index == 0 else fact.text),
            fact.excerpts,
            MUST if index == 0 else CORE,
        )
        for index, fact in enumerate(checks[:6])
    ]
    return Answer(tuple(drafts))


def _unmet(case: Case, fact: Statement) -> str:
    """Why the task's own words say that a condition for closing does not hold; empty when they do not."""
    asked = [one for one in durations(fact.text) if one.comparator != "le" and fact.topic == "closing"]
    elapsed = [one for one in case.question.elapsed if asked and not one.business and one.minutes < asked[0].value]
    if (
        elapsed
        and not asked[0].business
        and re.search(r"stay|remain|below|stable|for\b|normal|since", fact.text, re.IGNORECASE)
    ):
        return f"{elapsed[0].text} is less than {asked[0].text}"
    for reading in case.question.readings:
        spoken = terms_of(metric_shown(reading.metric))
        short = asked and reading.minutes is not None and reading.minutes < asked[0].value
        if short and not asked[0].business and overlap(spoken, terms_of(fact.text)) == 1.0:
            return f"{minutes_shown(reading.minutes or 0)} is less than {asked[0].text}"
    for match in _ABSENT.finditer(case.question.prompt):
        words = [term for term in terms_of(match["what"]) if term not in ("ticket", "incident", "yet")] or list(
            terms_of(match["what"])
        )
        if words and overlap(words[:2], terms_of(fact.text)) == 1.0:
            return f"there is no {match['what'].strip()}"
    return ""


def due(case: Case, topics: Sequence[Topic]) -> list[Draft]:
    """Obligations with a time, of some topics, that speak of what is asked."""
    rules = [rule for rule in case.view.of(Timing) if rule.topic in topics and _of_severity(case, rule)]
    return [_judged(case, rule, _elapsed(case)) for rule in _fitting(case, rules, least=2)[:2]]


def _judges(case: Case, rules: Sequence[Timing]) -> bool:
    return bool(rules and case.question.elapsed)


def _ruling(case: Case, topics: Sequence[Topic]) -> Draft | None:
    """The line that allows or forbids what the task asks leave for."""
    if not _MAY.search(case.question.prompt):
        return None
    lines = [fact for fact in nearest(case, topics=topics, least=0.25) if FORBIDS.search(fact.text)]
    return Draft(sentence(f"No: {lower_first(lines[0].text)}"), lines[0].excerpts, MUST) if lines else None


def _fitting(case: Case, rules: Sequence[Timing], *, least: int = 1, all_if_none: bool = True) -> list[Timing]:
    """Rules that share the most telling words with the task, all of them when none does better than another."""
    asked = set(case.question.terms) - _WEAK
    scored = [(len((set(terms_of(rule.clause)) - _WEAK) & asked), rule) for rule in rules]
    best = max((score for score, _ in scored), default=0)
    return [rule for score, rule in scored if score == best and best >= least] or (
        list(rules) if all_if_none and least == 1 else []
    )


def _judged(case: Case, rule: Timing, elapsed: Elapsed | None) -> Draft:
    statement = without_prefix(rule.clause)
    if elapsed is None or rule.mode == "every" or not _DONE.search(case.question.prompt):
        return Draft(sentence(statement), rule.excerpts, MUST)
    if rule.action == "retain":
        kept = elapsed.minutes >= rule.length.minutes
        verdict = (
            f"Yes, {elapsed.text} is past the {rule.length.text} they must be kept"
            if kept
            else f"No, {elapsed.text} is shorter than the {rule.length.text} they must be kept"
        )
        return Draft(sentence(f"{verdict}: {lower_first(statement)}"), rule.excerpts, MUST)
    if elapsed.business != rule.length.business:
        return Draft(sentence(statement), rule.excerpts, MUST)
    if elapsed.minutes <= rule.length.minutes:
        return Draft(
            sentence(
                f"{kept_shown(case.question.prompt, kept=True, words='in time and compliant')}: {elapsed.text} is "
                f"within the limit of {rule.length.text} "
                f"({lower_first(statement)})"
            ),
            rule.excerpts,
            MUST,
        )
    over = minutes_shown(elapsed.minutes - rule.length.minutes)
    return Draft(
        sentence(
            f"{kept_shown(case.question.prompt, kept=False, words='not compliant')}: {elapsed.text} is {over} too "
            f"late, the limit is {rule.length.text} "
            f"({lower_first(statement)})"
        ),
        rule.excerpts,
        MUST,
    )


def _elapsed(case: Case) -> Elapsed | None:
    return case.question.elapsed[0] if case.question.elapsed else None


def _of_severity(case: Case, rule: Timing) -> bool:
    return not rule.severities or not case.ranks or bool(set(case.ranks) & set(rule.severities))


def _fits_severity(case: Case, fact: Statement) -> bool:
    return not fact.severities or not case.ranks or bool(set(case.ranks) & set(fact.severities))


def _configured(case: Case, keeps: bool) -> list[Draft]:
    """What the configurations say of records: tables, retention, export."""
    entries = [entry for entry in case.view.configured(Entry) if entry.topic == "audit" and entry.values]
    consulted = [fact.target for fact in case.view.references("audit record")]
    entries = sorted(entries, key=lambda entry: entry.source not in consulted)
    telling = [
        entry
        for entry in entries
        if ("retention" in entry.path) == keeps
        and set(terms_of(entry.path.replace("_", " ").replace(".", " "))) - {"audit", "log"} & set(case.question.terms)
    ]
    tables = [
        entry
        for entry in entries
        if any(value in case.question.prompt or value in _tables(case) for value in entry.values)
    ]
    chosen = list(dict.fromkeys([*telling, *tables]))
    return [
        Draft(
            sentence(f"Configured: {entry.path.split('.')[-1].replace('_', ' ')} {', '.join(entry.values)}"),
            entry.excerpts,
            MORE,
        )
        for entry in chosen[:2]
    ]


def _tables(case: Case) -> set[str]:
    """Tables that the audit rules which fit the task name."""
    rules = _fitting(case, [rule for rule in case.view.of(Timing) if rule.topic == "audit"])
    return {name.rsplit(".", 1)[-1] for rule in rules for name in re.findall(r"\w+(?:\.\w+)+|\w+_\w+", rule.clause)}
