"""Tell what kind of answer a question wants, and whether a sentence holds one that the question does not."""

import re
from typing import Literal

from kapelle.language.numbers import WORDS, has_number
from kapelle.language.words import words

Wanted = Literal["date", "number", "place", "name", "reason", "text"]

_MONTHS = (
    "january|february|march|april|may|june|july|august|september|october|november|december|"
    "jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
)
_COUNTS = "|".join(WORDS)
_DAYS = "(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_DATE = re.compile(
    rf"\b(?:1\d{{3}}|20\d\d)s?\b|\b\d{{1,4}} (?:bc|ad|bce|ce)\b|\b(?:{_MONTHS})\b\.?|\b{_DAYS}\b|"
    r"\b(?:\d{1,2}(?:st|nd|rd|th)|first|early|late|mid)[ -](?:\w+[ -])?centur(?:y|ies)\b|"
    r"\b(?:today|yesterday|tomorrow|daily|weekly|monthly|quarterly|annually|yearly|noon|midnight)\b|\b\d{1,2}:\d\d\b|"
    r"\b\d{1,2} ?(?:am|pm|a\.m\.|p\.m\.)|\b(?:within|after|before|every|until|by|for) (?:\w+ )?\w+ "
    r"(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|quarters?)\b|"
    rf"\b(?:\d+|{_COUNTS}) (?:\w+ )?(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?)\b",
    re.IGNORECASE,
)
_NAMED = re.compile(r"[A-Z][\w'’.-]*(?:\s+(?:(?:of|the|de|von|van|and|for)\s+)?[A-Z][\w'’.-]*)*")
_LOCATED = re.compile(r"\b(?:in|at|near|from|to|on|of|inside|outside|within|along)\s+(?:the\s+)?[A-Z`#]|\b\w+/\w+|#\w+")
_BECAUSE = re.compile(
    r"\b(?:because|since|due to|as a result|so that|in order to|reasons?|caus(?:e|es|ed|ing)|therefore|thus|hence|"
    r"leads? to|led to|results? (?:in|from)|resulted)\b",
    re.IGNORECASE,
)
_PERSONS = (
    "person|people|player|team|company|king|queen|president|author|scientist|engineer|manager|role|country|nation|city|"
    "state|university|organi[sz]ation|school|department|actor|actress|singer|band|group|man|woman|emperor|leader|"
    "architect|artist|composer|river|language|award|book|film|movie|song|album|newspaper|magazine|church|street|"
    "building|religion|island|name|owner|vendor|supplier|customer|service|tool|product"
)
_ASKS: tuple[tuple[Wanted, re.Pattern[str]], ...] = (
    (
        "date",
        re.compile(
            r"\bwhen\b|\b(?:what|which) (?:\w+ ){0,4}(?:year|date|day|month|decade|century|time|deadline|period|"
            r"quarter|weekday)s?\b|\bsince what\b|\buntil what\b|\bhow (?:long|often|soon|late|early)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "number",
        re.compile(
            r"\bhow (?:many|much|old|far|large|big|tall|high|fast|deep|wide|heavy)\b|\b(?:what|which) (?:\w+ ){0,4}"
            r"(?:percentage|percent|rate|number|amount|limit|threshold|price|cost|fee|age|duration|size|population|"
            r"maximum|minimum|budget|version|proportion|fraction|distance|length|height|score|salary|share)s?\b|"
            r"\bpercentage of\b|\bnumber of\b",
            re.IGNORECASE,
        ),
    ),
    (
        "place",
        re.compile(r"\bwhere\b|\bin (?:what|which) (?:country|city|state|place|region|town|room)\b", re.IGNORECASE),
    ),
    (
        "name",
        re.compile(rf"\b(?:who|whom|whose)\b|\b(?:what|which) (?:\w+ )?(?:{_PERSONS})s?\b|\bname of\b", re.IGNORECASE),
    ),
    (
        "reason",
        re.compile(r"\bwhy\b|\bfor what reason\b|\bwhat (?:is|was) the reason\b|\bwhat caused\b", re.IGNORECASE),
    ),
)


def wanted(question: str) -> Wanted:
    """What kind of answer a question asks for, by its words."""
    for kind, pattern in _ASKS:
        if pattern.search(question):
            return kind
    return "text"


def holds(kind: Wanted, sentence: str, question: str = "") -> bool:
    """Whether a sentence holds an answer of a kind; what the question says itself is none. Any sentence holds text."""
    asked = frozenset(words(question))
    match kind:
        case "date":
            return any(_is_new(found.group(), asked) for found in _DATE.finditer(sentence))
        case "number":
            return has_number(" ".join(word for word in sentence.split() if _is_new(word, asked)))
        case "name":
            return any(_is_new(name, asked) for name in _names(sentence))
        case "place":
            return bool(_LOCATED.search(sentence)) and any(_is_new(name, asked) for name in _names(sentence))
        case "reason":
            return bool(_BECAUSE.search(sentence))
        case "text":
            return True


def _names(sentence: str) -> list[str]:
    """What is written with capitals; the first word of a sentence alone is no name."""
    found = [match for match in _NAMED.finditer(sentence) if match.start() > 0 or " " in match.group()]
    paths = re.findall(r"#\w+|`[^`]+`|\b\w+/\w+", sentence)
    return [match.group() for match in found] + paths


def _is_new(text: str, asked: frozenset[str]) -> bool:
    return not set(words(text)) <= asked
