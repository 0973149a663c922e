"""Judge how urgent a text is, by what it says; every sign is named in the reasons."""

import re
from typing import Literal

Priority = Literal["high", "medium", "low"]

_DENIED = re.compile(
    r"\b(?:no|not|isn['’]t|never|without|no longer|nothing)\s+(?:an?\s+|any\s+|very\s+)?$", re.IGNORECASE
)
_SIGN_WORDS: tuple[tuple[Priority, str, str], ...] = (
    ("high", "states the highest severity", r"p0|p1|sev-?[01]|severity[ -]?[01]|priority[ -]?[01]|blocker|critical"),
    (
        "high",
        "says it is urgent",
        r"urgent(?:ly)?|asap|as soon as possible|immediate(?:ly)?|emergency|right away|high(?:est)? priority",
    ),
    (
        "high",
        "something is down",
        r"outage|(?:is|are|went|goes|completely) down|unavailable|not (?:available|responding|working)|"
        r"crash(?:ed|ing|es)?|cannot (?:log ?in|sign ?in|pay|check ?out)|data loss|lost data",
    ),
    (
        "high",
        "security or customer data is at stake",
        r"breach(?:ed)?|leak(?:ed)?|compromised|exploit(?:ed)?|vulnerabilit(?:y|ies)|ransomware|unauthori[sz]ed|exposed",
    ),
    (
        "high",
        "all customers or money are affected",
        r"all (?:customers|users)|every (?:customer|user)|production (?:is|outage|incident|down)|"
        r"payments? (?:fail\w*|down|broken)|losing money",
    ),
    (
        "high",
        "is due today",
        r"by (?:today|tonight|noon|eod|cob|end of (?:the )?day)|today|overdue|"
        r"within (?:the )?(?:hour|(?:an|one|\d{1,2}) (?:hour|minutes?|mins?))",
    ),
    ("medium", "states a middle severity", r"p2|sev-?2|severity[ -]?2|priority[ -]?2|major|medium priority|important"),
    (
        "medium",
        "something is degraded",
        r"degraded|slow(?:er|ness)?|latenc(?:y|ies)|intermittent(?:ly)?|timeouts?|errors?|fail(?:s|ed|ing|ures?)?|broken|"
        r"bug|incident|delay(?:ed|s)?|workaround",
    ),
    (
        "medium",
        "names a deadline",
        r"(?:by|before|until|due|deadline|no later than)\s+(?:on\s+)?(?:the\s+)?(?:tomorrow|next|this|end of|\d|"
        r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*|"
        r"tomorrow|this week",
    ),
    ("low", "states a low severity", r"p[345]|sev-?[345]|severity[ -]?[345]|low priority|minor|trivial|cosmetic|typo"),
    (
        "low",
        "leaves time",
        r"no (?:rush|hurry)|whenever|nice to have|not urgent|when you (?:have time|get a chance|can)|some ?day|"
        r"eventually|fyi|for your information|backlog|low urgency",
    ),
)
_SIGNS = tuple(
    (priority, why, re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)) for priority, why, pattern in _SIGN_WORDS
)
_STATED = re.compile(r"states the .*severity|states a .*severity|leaves time")


def judge_priority(text: str) -> tuple[Priority, tuple[str, ...]]:
    """How urgent a text is, and why: each reason quotes the words it rests on.

    A severity or urgency that is stated wins over signs; among several the highest; without any sign, `low`.
    """
    found = [(priority, why, said) for priority, why, pattern in _SIGNS if (said := _said(text, pattern))]
    if not found:
        return "low", ("nothing in it says that it is urgent",)
    stated = [priority for priority, why, _ in found if _STATED.match(why)]
    order: tuple[Priority, ...] = ("high", "medium", "low")
    among = stated or [priority for priority, _, _ in found]
    chosen = next(priority for priority in order if priority in among)
    first = sorted(found, key=lambda sign: sign[0] != chosen)
    return chosen, tuple(f"{why}: {', '.join(f'`{word}`' for word in said)}" for _, why, said in first)


def _said(text: str, pattern: re.Pattern[str]) -> list[str]:
    """The words that give a sign, each once; denied ones ("not urgent") give none."""
    hits = (match for match in pattern.finditer(text) if not _DENIED.search(text[: match.start()]))
    return list(dict.fromkeys(match.group().lower() for match in hits))[:3]
