"""Decides by when an alert must be acknowledged, and whether a stated time kept the limit."""

import re
from collections.abc import Sequence

from kapelle.incident.decide.model import MUST, Case, Draft
from kapelle.incident.decide.wording import kept_shown, sentence, timing_shown
from kapelle.incident.facts.model import Timing
from kapelle.incident.question.model import Elapsed
from kapelle.incident.reading.quantities import minutes_shown

_ACKNOWLEDGED_AFTER = re.compile(
    r"(?<!un)(?<!not )(?<!yet )\b(?:acknowledg\w*|ack(?:ed)?|answered|responded|picked up)\b", re.IGNORECASE
)


_ASKS_ACKNOWLEDGE = re.compile(
    r"\b(?:how|when|what|which|until|must|should|time|deadline|limit|target)\b.{0,60}\back(?!\w*\s+(?:but"
    r"|and))|\back\w*\s+(?:it\s+)?(?:after|within|in|took|at|by|only|time|deadline|limit|\d|window)"
    r"|\back\w*.{0,40}\b(?:late|in time|on time|compliant|comply|ok|okay|fine|slow|enough)\b|minutes? to "
    r"ack|(?:overdue|late|missed|due)\b.{0,40}\back|hours? to ack|first response|response (?:time|deadline)|respond",
    re.IGNORECASE,
)


def acknowledge(case: Case, rules: Sequence[Timing], elapsed: Elapsed | None) -> list[Draft]:
    """The limit, and whether a stated time kept it."""
    rule = next((rule for rule in rules if rule.action == "acknowledge"), None)
    if rule is None or not _ASKS_ACKNOWLEDGE.search(case.question.prompt):
        return []
    name = case.view.name(case.rank or 0)
    if elapsed is None:
        return [Draft(sentence(f"{name}: {timing_shown(rule, case.question.started)}"), rule.excerpts, MUST)]
    if case.question.claimed:
        right = elapsed.minutes == rule.length.minutes and elapsed.business == rule.length.business
        verdict = "Yes, that is right" if right else f"No, not {elapsed.text}"
        return [
            Draft(
                sentence(f"{verdict}: {name} must be acknowledged within {rule.length.text}{_by_policy(case)}"),
                rule.excerpts,
                MUST,
            )
        ]
    limit = f"{name} must be acknowledged within {rule.length.text}"
    if elapsed.minutes <= rule.length.minutes:
        prompt = case.question.prompt
        done = _ACKNOWLEDGED_AFTER.search(prompt)
        verdict = kept_shown(prompt, kept=True, words="in time") if done else "Not late yet"
        return [Draft(sentence(f"{verdict}: {limit}, and {elapsed.text} is within that limit"), rule.excerpts, MUST)]
    late = kept_shown(case.question.prompt, kept=False, words="too late")
    over = "" if rule.length.business else f", {minutes_shown(elapsed.minutes - rule.length.minutes)} over"
    return [
        Draft(
            sentence(f"{late}: {limit}, and {elapsed.text} is past that limit{over}, so it is not compliant"),
            rule.excerpts,
            MUST,
        )
    ]


def _by_policy(case: Case) -> str:
    return f" under {case.view.policies[-1].name}" if case.view.policies else ""
