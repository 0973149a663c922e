"""Decides what a newer policy version tightened, relaxed, added or removed, within what the task asks about."""

import re
from collections.abc import Sequence

from kapelle.incident.decide.difference import Difference, Direction
from kapelle.incident.decide.differences import differences
from kapelle.incident.decide.model import CORE, MUST, Answer, Case, Draft
from kapelle.incident.decide.view import named_policies
from kapelle.incident.decide.wording import listed, sentence
from kapelle.incident.facts.model import Policy, Topic
from kapelle.incident.question.model import Kind
from kapelle.incident.reading.terms import terms_of

_TOPICS: dict[Kind, tuple[Topic, ...]] = {
    "escalation": ("escalation",),
    "triage": ("severity",),
    "communication": ("communication",),
    "rollback": ("rollback",),
    "change_window": ("change",),
    "approvals": ("approval",),
    "audit": ("audit",),
    "ticket_fields": ("fields",),
    "closing": ("closing", "audit"),
    "on_call": ("escalation", "on_call"),
}
_DIRECTIONS: tuple[tuple[str, tuple[Direction, ...]], ...] = (
    (r"tighten\w*|strict\w*|harder|shorten\w*|faster|quicker|more demanding", ("tightened", "added")),
    (r"relax\w*|loosen\w*|easier|less strict|weaker|softer|lenient", ("relaxed", "removed")),
    (r"\badd(?:ed|s)?\b|\bnew\b|introduc\w*", ("added", "tightened", "relaxed", "changed")),
    (r"remov\w*|dropp\w*|no longer|gone", ("removed", "relaxed", "tightened", "changed")),
)
_ORDER: tuple[Direction, ...] = ("tightened", "relaxed", "changed", "added", "removed", "unchanged")
_PLAIN = frozenset(
    terms_of(
        "policy policies version v1 v2 v3 difference compare change old new tighten relaxed obligation "
        "summarize escalation incident strict stricter less more"
    )
)


def decide_comparison(case: Case) -> Answer:
    """What differs between the versions asked about, one sentence for each obligation, old value and new."""
    pair = _pair(case)
    if pair is None:
        return Answer(missing=("comparison: the folder holds no two versions of a policy",))
    old, new = pair
    every = differences(case.view.facts, old, new)
    asked = _about(case, [one for one in every if one.direction != "unchanged"])
    same = [] if asked else _about(case, [one for one in every if one.direction == "unchanged"])
    chosen = _directed(case, asked) or asked
    if not chosen and not same:
        return Answer(missing=(f"comparison: nothing asked about differs between {old.name} and {new.name}",))
    head = _head(case, old, new, chosen, same)
    drafts = [Draft(_sentence(case, one), one.excerpts, CORE) for one in (*chosen[:8], *same[:2])]
    return Answer((head, *drafts))


def _pair(case: Case) -> tuple[Policy, Policy] | None:
    """The two named versions, older first; else the one in force with the one it replaced."""
    facts = case.view.facts
    named = named_policies(case.question, facts)
    if len(named) >= 2:
        return named[0], named[-1]
    for new in reversed(facts.policies):
        replaced = [policy for policy in facts.policies if policy.superseded_by == new.source]
        if replaced and (not named or named[0] in (new, replaced[-1])):
            return replaced[-1], new
    return None


def _about(case: Case, found: Sequence[Difference]) -> list[Difference]:
    """Those of the severities and topics asked about; of a narrower question those that share its words."""
    question = case.question
    if question.severities:
        found = [one for one in found if set(one.severities) & set(question.severities)] or [
            one for one in found if not one.severities
        ]
    topics = {topic for kind in question.kinds for topic in _TOPICS.get(kind, ())}
    of_topic = [one for one in found if one.topic in topics] if topics else list(found)
    asked = set(question.terms) - _PLAIN
    scored = [(len(set(terms_of(f"{one.what} {one.words}")) & asked), one) for one in (of_topic or found)]
    best = max((score for score, _ in scored), default=0)
    narrow = (
        [one for score, one in scored if score == best]
        if best >= 2 and not _is_wide(case)
        else [one for _, one in scored]
    )
    narrow.sort(key=lambda one: _ORDER.index(one.direction))
    named = [] if _is_wide(case) else [one for one in found if _is_named(one, asked)]
    return list(dict.fromkeys([*named, *narrow]))


def _is_named(one: Difference, asked: set[str]) -> bool:
    """Whether the task says all that an obligation is about, such as `acknowledgement` or `freeze window`."""
    what = set(terms_of(one.what)) - _PLAIN
    return bool(what) and what <= asked


def _is_wide(case: Case) -> bool:
    return bool(
        re.search(
            r"\b(?:all|everything|summar\w*|obligations|overall|in general|list|which changes|what (?:has |was "
            r")?(?:changed|tightened|relaxed)|differences)\b",
            case.question.prompt,
            re.IGNORECASE,
        )
    )


def _directed(case: Case, found: Sequence[Difference]) -> list[Difference]:
    matched = [
        directions for pattern, directions in _DIRECTIONS if re.search(pattern, case.question.prompt, re.IGNORECASE)
    ]
    wanted = {direction for directions in matched for direction in directions} or set(_ORDER)
    if "relaxed" in wanted and len(matched) > 1:  # what goes against the trend is the rarer, and is said first
        found = sorted(found, key=lambda one: one.direction != "relaxed")
    return [one for one in found if one.direction in wanted]


def _head(case: Case, old: Policy, new: Policy, chosen: Sequence[Difference], same: Sequence[Difference]) -> Draft:
    if not chosen:
        return Draft(sentence(f"From {old.name} to {new.name} {same[0].what} did not change"), same[0].excerpts, MUST)
    counts = {direction: sum(one.direction == direction for one in chosen) for direction in _ORDER}
    kinds = listed([direction for direction, count in counts.items() if count])
    scope = " and ".join(case.view.name(rank) for rank in case.question.severities)
    first = chosen[0]
    text = f"From {old.name} to {new.name}{', for ' + scope if scope else ''}, obligations were {kinds}"
    header = case.view.header(new, "supersedes") or case.view.header(new, "replaces") or first.excerpts
    return Draft(sentence(text), header, MUST)


def _sentence(case: Case, one: Difference) -> str:
    name = (
        f"{'/'.join(case.view.name(rank) for rank in one.severities)} "
        if one.severities and len(one.severities) < 3
        else ""
    )
    return sentence(f"{name}{one.shown}")
