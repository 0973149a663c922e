"""Tell what kind of answer a question wants, and whether a sentence holds one."""

import re
from typing import Literal

from kapelle.language.numbers import has_number

Wanted = Literal["number", "name", "place", "reason", "text"]

_NUMBER = re.compile(
    r"\b(?:how (?:many|much|long|often|old|far|large|big|tall|high|fast|soon|late|early)|when|what time|"
    r"(?:what|which) (?:\w+ ){0,4}(?:year|date|day|percentage|percent|rate|number|amount|limit|threshold|"
    r"deadline|price|cost|fee|age|period|duration|size|population|maximum|minimum|budget|version)s?|until what|"
    r"percentage of|number of)\b",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"\b(?:who|whom|whose|(?:what|which) (?:\w+ )?(?:person|people|player|team|company|king|queen|president|author|"
    r"scientist|engineer|manager|role|country|city|state|university|organization|department|name)s?)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(r"\bwhere\b", re.IGNORECASE)
_REASON = re.compile(r"\bwhy\b|\bfor what reason\b|\bwhat (?:is|was) the reason\b", re.IGNORECASE)
_CAPITALS = re.compile(r"(?<!^)(?<![.!?:|] )\b[A-Z][\w'-]*[a-z]")
_PREPOSED = re.compile(r"\b(?:in|at|near|from|to|on|inside|outside|of)\s+(?:the\s+)?[A-Z`#]|\b\w+/\w+|#\w+")
_BECAUSE = re.compile(
    r"\b(?:because|since|due to|as a result|so that|in order to|reason|caused?|therefore|thus)\b", re.IGNORECASE
)


def wanted(question: str) -> Wanted:
    """What kind of answer a question asks for, by its words."""
    for kind, pattern in _ORDER:
        if pattern.search(question):
            return kind
    return "text"


_ORDER: tuple[tuple[Wanted, re.Pattern[str]], ...] = (
    ("number", _NUMBER),
    ("name", _NAME),
    ("place", _PLACE),
    ("reason", _REASON),
)


def holds(kind: Wanted, sentence: str) -> bool:
    """Whether a sentence holds an answer of a kind; any sentence holds text."""
    match kind:
        case "number":
            return has_number(sentence)
        case "name":
            return bool(_CAPITALS.search(sentence))
        case "place":
            return bool(_PREPOSED.search(sentence) or _CAPITALS.search(sentence))
        case "reason":
            return bool(_BECAUSE.search(sentence))
        case "text":
            return True
