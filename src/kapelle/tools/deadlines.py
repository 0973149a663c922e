"""Find the deadlines of a text: dates, days and spans of time that something is due by."""

import re
from dataclasses import dataclass
from datetime import date

from kapelle.language.numbers import WORDS, number
from kapelle.language.sentences import sentences

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = (
    r"(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)\b"
)
_CLOCK = r"(?:\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]\.?m\b\.?)?|\d{1,2}\s?[ap]\.?m\b\.?|noon\b|midnight\b)"
_ZONE = r"(?:\s?(?:UTC|GMT|Z|CET|CEST|EST|EDT|PST|PDT|[+-]\d{2}:?\d{2})\b)?"
_COUNT = rf"(?:\d+(?:\.\d+)?|an?|{'|'.join(sorted(WORDS, key=len, reverse=True))})"
_UNIT = r"(?:(?:business|working|calendar)\s+)?(?:minutes?|mins?|hours?|hrs?|days?|weeks?|months?|quarters?|years?)\b"
_DATE = (
    rf"(?:\d{{4}}-\d{{2}}-\d{{2}}(?:[T ]\d{{2}}:\d{{2}}(?::\d{{2}})?(?:Z|[+-]\d{{2}}:?\d{{2}})?)?"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+\d{{4}})?"
    rf"|{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s+\d{{4}})?"
    r"|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
    rf"|(?:next|this|coming)\s+(?:{_DAY}|week|month|quarter|year)|{_DAY}"
    r"|today|tonight|tomorrow(?:\s+(?:morning|noon|afternoon|evening|night))?|the day after tomorrow"
    r"|(?:the\s+)?(?:end|close|start|beginning|middle)\s+of\s+(?:the\s+|this\s+|next\s+)?"
    r"(?:business(?:\s+day)?|(?:working\s+)?day|week|month|quarter|year|sprint|Q[1-4])(?:\s+\d{4})?"
    rf"|EOD|EOB|COB|EOW|EOM|Q[1-4](?:\s+\d{{4}})?|{_MONTH}\s+\d{{4}})"
)
_MOMENT = (
    rf"(?:(?:{_DAY},?\s+)?{_DATE}(?:,?\s+(?:at\s+|by\s+)?{_CLOCK}{_ZONE})?|{_CLOCK}{_ZONE}(?:,?\s+(?:on\s+)?{_DATE})?)"
)
_SPAN = rf"{_COUNT}\s*(?:-\s*)?{_UNIT}"
_CUE = (
    r"(?:by|before|until|till|no\s+later\s+than|not\s+later\s+than|latest\s+by|at\s+the\s+latest\s+by|due(?:\s+(?:on|by|at|in))?|"
    r"deadline(?:\s+(?:is|of|on|for\s+\w+(?:\s+\w+){0,3}\s+is))?:?|expires?(?:\s+(?:on|at|in))?|ends?\s+(?:on|at)|"
    r"(?:is|are)\s+due(?:\s+(?:on|by|at|in))?|(?:scheduled|planned|set)\s+for|closes?\s+(?:on|at))"
)
_DUE = re.compile(rf"\b{_CUE}\s+(?:the\s+)?(?P<moment>{_MOMENT})(?:\s+at\s+the\s+latest)?", re.IGNORECASE)
_WITHIN = re.compile(
    rf"\b(?:within|in|no\s+later\s+than|due\s+in)\s+(?:the\s+)?(?:next\s+)?(?P<span>{_SPAN})", re.IGNORECASE
)
_AT_ONCE = re.compile(r"\b(?:ASAP|as soon as possible|immediately|right away|at once)\b", re.IGNORECASE)
_BARE = re.compile(rf"\b(?:on\s+)?(?P<moment>{_MOMENT})(?!['’]s)(?:\s+at\s+the\s+latest)?", re.IGNORECASE)
# A date alone is a deadline only where something is owed.
_OWED = re.compile(
    r"\b(?:must|should|shall|due|deadline|submit\w*|deliver\w*|complete[ds]?|finish\w*|expir\w+|please|need(?:s|ed)?\s+to|"
    r"has\s+to|have\s+to|at\s+the\s+latest|hand\s+in|send|file[ds]?|respond|reply|review|pay|renew|will\s+\w+)\b",
    re.IGNORECASE,
)
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_DAY_FIRST = re.compile(rf"(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_MONTH})(?:,?\s+(\d{{4}}))?", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"({_MONTH})\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(\d{{4}}))?", re.IGNORECASE)
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_SECONDS = {"min": 60, "hour": 3600, "hr": 3600, "day": 86_400, "week": 604_800}


@dataclass(frozen=True, slots=True)
class Found:
    """A deadline: `text` as it stands, and what can be told of it without knowing today's date."""

    text: str
    date: str | None
    """ISO 8601, where the year, month and day are named."""
    seconds: float | None
    """Of a span counted from now or an event; None for business days, months and years."""
    sentence: str
    start: int


def find_deadlines(text: str) -> list[Found]:
    """The deadlines of a text, in order; one that lies inside another is not repeated."""
    found: list[Found] = []
    for start, end in sentences(text):
        found.extend(_of_sentence(text[start:end], start))
    return found


def _of_sentence(sentence: str, offset: int) -> list[Found]:
    taken: list[tuple[int, int, Found]] = []

    def add(match: re.Match[str], moment: str | None, span: str | None) -> None:
        if any(match.start() < end and start < match.end() for start, end, _ in taken):
            return
        said = " ".join(match.group().split())
        said = said if said.lower().endswith(".m.") else said.rstrip(".,;:")
        found = Found(said, _date_of(moment or ""), _seconds_of(span or ""), sentence, offset + match.start())
        taken.append((match.start(), match.end(), found))

    for match in _DUE.finditer(sentence):
        add(match, match["moment"], None)
    for match in _WITHIN.finditer(sentence):
        first = match.group().split()[0].lower()
        if first in ("within", "no", "due") or (first == "in" and _OWED.search(sentence)):
            add(match, None, match["span"])
    for match in _AT_ONCE.finditer(sentence):
        add(match, None, None)
    if _OWED.search(sentence):
        for match in _BARE.finditer(sentence):
            add(match, match["moment"], None)
    return [found for _, _, found in sorted(taken, key=lambda item: item[0])]


def _date_of(moment: str) -> str | None:
    for pattern, order in ((_ISO, (1, 2, 3)), (_DAY_FIRST, (3, 2, 1)), (_MONTH_FIRST, (3, 1, 2)), (_DOTTED, (3, 2, 1))):
        match = pattern.search(moment)
        if match and match.group(order[0]):
            year, month, day = (match.group(group) for group in order)
            try:
                return date(int(year), _month(month), int(day)).isoformat()
            except ValueError:
                return None
    return None


def _month(text: str) -> int:
    return int(text) if text.isdigit() else _MONTHS.index(text[:3].lower()) + 1


def _seconds_of(span: str) -> float | None:
    if re.search(r"business|working", span, re.IGNORECASE):
        return None
    count, unit = re.split(r"[\s-]+", span.strip(), maxsplit=1) if re.search(r"[\s-]", span) else ("", "")
    value = 1 if count.lower() in ("a", "an") else number(count)
    seconds = next((each for name, each in _SECONDS.items() if unit.lower().startswith(name)), None)
    return None if value is None or seconds is None else float(value) * seconds
