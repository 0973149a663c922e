"""Decides where and how often to report: channels, cadence and deadlines by severity and audience."""

import re
from collections.abc import Sequence

from kapelle.incident.decide.lookup import nearest
from kapelle.incident.decide.model import CORE, MORE, MUST, Answer, Case, Draft
from kapelle.incident.decide.wording import clock_after, listed, lower_first, sentence, without_prefix
from kapelle.incident.facts.model import ChannelUse, DefaultChannel, NamedChannel, Timing
from kapelle.incident.reading.calendar import clock_shown, shifted
from kapelle.incident.reading.quantities import minutes_shown, shown
from kapelle.incident.reading.terms import terms_of

# Whom a report is for: the word of `reporting_defaults`, and how tasks and policies speak of it.
_AUDIENCES: tuple[tuple[str, str], ...] = (
    ("executive", r"exec\w*|leadership|management team|\bboard\b|c-level|director\w*|\bceo\b|\bmanagement\b"),
    ("escalation", r"escalat\w*|ownership gaps?"),
    ("change", r"\bchange(?:s| request| calendar)?\b|deploy\w*|freeze"),
    ("audit", r"audit\w*"),
    ("handoff", r"hand-?\s?(?:off|over)"),
    (
        "statuspage",
        r"status ?page|public(?:ly)?|\bcustomers? (?:be )?(?:told|informed|notified)|tell (?:the |our "
        r")?customers",
    ),
)
_FORBIDS = re.compile(
    r"\b(?:must not|may not|never|no |not be|forbidden|prohibited|not allowed|read-only)\b", re.IGNORECASE
)
_RETENTION = re.compile(r"retention|retain|how long .{0,40}(?:kept|keep|stored?|available)|kept|delete", re.IGNORECASE)
_ASKS_MAY = re.compile(
    r"^\s*(?:can|may|could|is|are|should|do)\b|\b(?:allowed|permitted|ok to|okay to|fine to)\b", re.IGNORECASE
)
_USES = re.compile(
    r"\b(?:post\w*|us(?:e|ing)|writ\w*|shar\w*|announc\w*|report\w*|open\w*|send\w*|right|correct)\b", re.IGNORECASE
)
_ASKS_WHICH = re.compile(r"\b(?:how|where|which|what|when|who)\b", re.IGNORECASE)
_SINCE = re.compile(
    r"\b(?:last|latest|previous) (?:\w+ )?(?:update|post|message|status)|ago|since|silent|overdue|late", re.IGNORECASE
)


def decide_communication(case: Case) -> Answer:
    """The channel, the cadence and the deadlines for the severity and audience asked about."""
    audiences = [name for name, pattern in _AUDIENCES if re.search(pattern, case.question.prompt, re.IGNORECASE)]
    if _RETENTION.search(case.question.prompt) and (kept := _retention(case)):
        return Answer(tuple(kept))
    drafts = _forbidden(case) + _named_channel(case) + _overdue(case) + _next_due(case, audiences)
    drafts += _rules(case, audiences)
    drafts += _defaults(case, audiences, bool(drafts))
    if not drafts:
        return Answer(missing=("communication: no line names a channel or a cadence for this",))
    first, *rest = drafts
    return Answer((Draft(first.text, first.excerpts, MUST), *rest))


def _rules(case: Case, audiences: Sequence[str]) -> list[Draft]:
    """Lines of the policy on channels and cadence, of the severity and the audience asked about."""
    found: dict[tuple[int, int], ChannelUse | Timing] = {}
    timings = [rule for rule in case.view.of(Timing) if rule.action in ("update", "other")]
    facts_of_both: list[ChannelUse | Timing] = [*timings, *case.view.of(ChannelUse)]
    for fact in facts_of_both:
        if fact.topic in ("communication", "other") and _of_severity(case, fact.severities):
            found.setdefault((fact.excerpt.start, fact.excerpt.end), fact)
    facts = sorted(found.values(), key=lambda fact: fact.excerpt.start)
    about = [fact for fact in facts if not audiences or any(_speaks_of(name, fact.text) for name in audiences)]
    if not audiences:
        about = [fact for fact in facts if not _FORBIDS.search(fact.text)] or facts
    elif case.rank is not None and not about:
        about = [fact for fact in facts if fact.topic == "communication"][:2]
    return [Draft(sentence(f"{_spoken(case, fact)}{_clock(case, fact)}"), fact.excerpts, CORE) for fact in about[:5]]


def _spoken(case: Case, fact: ChannelUse | Timing) -> str:
    """The line with the severity it answers for."""
    if case.rank is not None:
        return f"{case.view.name(case.rank)}: {lower_first(without_prefix(fact.text))}"
    return f"{_severity_of(case, fact)}{lower_first(without_prefix(fact.text))}" if fact.severities else fact.text


def _clock(case: Case, fact: ChannelUse | Timing) -> str:
    timed = next(
        (rule for rule in case.view.of(Timing) if rule.excerpt == fact.excerpt and rule.mode == "within"), None
    )
    return clock_after(case.question.started, timed) if timed else ""


def _severity_of(case: Case, fact: ChannelUse | Timing) -> str:
    return f"{case.view.name(fact.severities[0])}: " if len(fact.severities) == 1 else ""


def _of_severity(case: Case, severities: tuple[int, ...]) -> bool:
    return not severities or case.rank is None or case.rank in severities


def _speaks_of(audience: str, text: str) -> bool:
    return bool(re.search(dict(_AUDIENCES)[audience], text, re.IGNORECASE))


def _defaults(case: Case, audiences: Sequence[str], stated: bool) -> list[Draft]:
    """What the chat configuration says: defaults for the audience, and channels whose purpose speaks of it."""
    defaults = case.view.configured(DefaultChannel)
    wanted = list(audiences) or ["incident"]
    if case.evidence.tickets is not None and "tickets" in case.question.kinds:
        wanted = ["incident", "escalation", *audiences]
    chosen = [fact for fact in defaults if any(name in fact.key for name in wanted)]
    drafts = [
        Draft(sentence(f"The {fact.key.replace('_', ' ')} is {fact.channel}"), fact.excerpts, MORE if stated else CORE)
        for fact in chosen[:3]
    ]
    named = {fact.channel for fact in chosen}
    asked = set(case.question.terms)
    for channel in case.view.configured(NamedChannel):
        purpose = set(terms_of(channel.purpose))
        if (channel.name not in named and channel.name in case.question.prompt) or (
            not drafts and len(purpose & asked) >= 2
        ):
            drafts.append(Draft(sentence(f"{channel.name}: {channel.purpose}"), channel.excerpts, MORE))
    return drafts


def _named_channel(case: Case) -> list[Draft]:
    """Whether a channel that the task would use is one the policy gives for the severity, with the lines that
    speak of it.
    """
    named = next((name for name in case.question.names if name.startswith("#")), "")
    if not named or not _USES.search(case.question.prompt) or _ASKS_WHICH.search(case.question.prompt):
        return []
    uses = [
        fact
        for fact in case.view.of(ChannelUse)
        if fact.topic == "communication" and _of_severity(case, fact.severities)
    ]
    given = list(dict.fromkeys(channel for fact in uses for channel in fact.channels))
    if not given:
        return []
    name = f" for {case.view.name(case.rank)}" if case.rank is not None else ""
    own = [fact for fact in uses if named in fact.channels]
    if own:
        return [
            Draft(
                sentence(f"Yes, {named} is used{name}: {lower_first(without_prefix(own[0].text))}"),
                own[0].excerpts,
                MUST,
            )
        ]
    lines = [fact for fact in case.view.statements if named in fact.text and not fact.severities]
    told = [Draft(sentence(fact.text), fact.excerpts, CORE) for fact in lines[:1]]
    update = next((fact for fact in uses if re.search(r"update", fact.text, re.IGNORECASE)), uses[0])
    refusal = f"No, {named} is not a channel{name}: {lower_first(without_prefix(update.text))}"
    return [Draft(sentence(refusal), update.excerpts, MUST), *told]


def _forbidden(case: Case) -> list[Draft]:
    lines = [
        fact for fact in nearest(case, topics=("communication", "other"), least=0.35) if _FORBIDS.search(fact.text)
    ]
    if not lines or not _ASKS_MAY.search(case.question.prompt):
        return []
    return [Draft(sentence(f"No, not allowed: {lower_first(lines[0].text)}"), lines[0].excerpts, MUST)]


def _overdue(case: Case) -> list[Draft]:
    """Whether an update is overdue, where the task says how long the last one is ago."""
    elapsed = case.question.elapsed[0] if case.question.elapsed else None
    rules = [
        rule
        for rule in case.view.of(Timing)
        if rule.action == "update" and _of_severity(case, rule.severities) and rule.topic == "communication"
    ]
    if elapsed is None or not rules or not _SINCE.search(case.question.prompt):
        return []
    audiences = [name for name, pattern in _AUDIENCES if re.search(pattern, case.question.prompt, re.IGNORECASE)]
    about = (
        [rule for rule in rules if any(_speaks_of(name, rule.clause) for name in audiences)]
        or [rule for rule in rules if rule.mode == "every"]
        or rules
    )
    rule = about[0]
    limit = f"{'every' if rule.mode == 'every' else 'within'} {rule.length.text}"
    name = f"{case.view.name(case.rank)}: " if case.rank is not None else ""
    if elapsed.minutes > rule.length.minutes:
        late = minutes_shown(elapsed.minutes - rule.length.minutes)
        return [
            Draft(
                sentence(
                    f"{name}Overdue by {late}: {elapsed.text} have passed and the limit is {limit} "
                    f"({lower_first(without_prefix(rule.clause))})"
                ),
                rule.excerpts,
                MUST,
            )
        ]
    return [
        Draft(
            sentence(
                f"{name}In time: {elapsed.text} have passed and the limit is {limit} "
                f"({lower_first(without_prefix(rule.clause))})"
            ),
            rule.excerpts,
            MUST,
        )
    ]


def _next_due(case: Case, audiences: Sequence[str]) -> list[Draft]:
    """When the next update is due, where the task says when the last one went out."""
    last = case.question.last_done
    rules = [
        rule
        for rule in case.view.of(Timing)
        if rule.mode == "every" and _of_severity(case, rule.severities) and rule.topic == "communication"
    ]
    about = [rule for rule in rules if any(_speaks_of(name, rule.text) for name in audiences)] or rules
    if last is None or last.minute is None or not about:
        return []
    rule = about[0]
    then = shifted(last, round(rule.length.minutes))
    channels = f" in {listed(rule.channels)}" if rule.channels else ""
    return [
        Draft(
            sentence(
                f"The next one is due by {clock_shown(then.minute or 0)} UTC{channels}: every {rule.length.text} "
                f"({lower_first(without_prefix(rule.clause))})"
            ),
            rule.excerpts,
            MUST,
        )
    ]


def _retention(case: Case) -> list[Draft]:
    asked = set(case.question.names)
    channels = [
        fact
        for fact in case.view.configured(NamedChannel)
        if fact.retention_days is not None
        and (fact.name in asked or (not asked and set(terms_of(fact.purpose)) & set(case.question.terms)))
    ]
    return [
        Draft(
            sentence(f"Messages in {fact.name} are kept for {shown(fact.retention_days or 0)} days"),
            fact.excerpts,
            CORE,
        )
        for fact in channels[:2]
    ]
