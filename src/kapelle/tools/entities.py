"""Find the named things of a text: people, organizations, places, dates, amounts, addresses, keys."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kapelle.language.sentences import sentences
from kapelle.language.stopwords import ASKING_WORDS, STOP_WORDS
from kapelle.tools.actions import VERBS

_MONTHS = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?"
)
_WEEKDAY = r"(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
# In this order: what an earlier pattern took, a later one leaves alone.
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("url", re.compile(r"\bhttps?://[^\s<>\"')\]]*[^\s<>\"')\].,;:!?]")),
    ("email", re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}\b")),
    ("ip", re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")),
    (
        "date",
        re.compile(
            rf"\b\d{{4}}-\d{{2}}-\d{{2}}(?:[T ]\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d+)?)?(?:Z|[+-]\d{{2}}:?\d{{2}})?)?"
            rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTHS}(?:,?\s+\d{{4}})?"
            rf"|\b{_MONTHS}\s+\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s+\d{{4}})?|\b{_MONTHS}\s+\d{{4}}"
            rf"|\b\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}\b|\b(?:(?:next|last|this)\s+)?{_WEEKDAY}\b|\bQ[1-4]\s+\d{{4}}\b"
        ),
    ),
    (
        "time",
        re.compile(
            r"\b\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]\.?m\b)?(?:\s?(?:UTC|GMT|CET|CEST|EST|PST))?|\b\d{1,2}\s?[ap]m\b"
        ),
    ),
    (
        "money",
        re.compile(
            r"[$€£¥]\s?\d[\d,]{0,24}(?:\.\d{1,8})?(?:\s?(?:million|billion|thousand|[kKmM]\b))?"
            r"|\b\d[\d,]{0,24}(?:\.\d{1,8})?\s?(?:USD|EUR|GBP|CHF|JPY|dollars|euros|pounds)\b"
        ),
    ),
    ("percent", re.compile(r"\b\d+(?:\.\d+)?\s?(?:%|percent\b|per cent\b)")),
    (
        "duration",
        re.compile(
            r"\b(?:\d+(?:\.\d+)?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
            r"[ -]?(?:business |working )?"
            r"(?:ms|milliseconds?|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?)\b"
        ),
    ),
    ("ticket", re.compile(r"\b[A-Z][A-Z0-9]{1,9}-\d+\b")),
    ("severity", re.compile(r"\b(?:P[0-5]|SEV-?[0-5])\b", re.IGNORECASE)),
    ("channel", re.compile(r"(?<![\w&])#[a-z][\w-]*")),
    ("handle", re.compile(r"(?<![\w.])@[A-Za-z][\w.-]*\w")),
    ("code", re.compile(r"`[^`\n]+`")),
    ("version", re.compile(r"\bv\d+(?:\.\d+)*\b|\b\d+\.\d+\.\d+\b")),
    ("phone", re.compile(r"(?<![\w.])\+\d[\d ()-]{6,}\d\b")),
    (
        "service",
        re.compile(
            r"\b[a-z][a-z0-9]+-(?:api|worker|service|gateway|db|web|app|server|primary|store|backend|frontend)\b"
        ),
    ),
)
_WORD = r"(?:[A-Z][\w'’]*(?:-[A-Z]?\w+)*|[A-Z]\.)"
_NAME = re.compile(
    rf"(?:(?:Dr|Mr|Mrs|Ms|Prof)\.\s+)?{_WORD}(?:[ \t]+(?:(?:of|de|van|von|der|la|the|and|&)[ \t]+)?{_WORD})*"
)
_TITLED = re.compile(r"^(?:Dr|Mr|Mrs|Ms|Prof)\.\s")
_ORGANIZATION = re.compile(
    r"\b(?:Inc|Ltd|LLC|GmbH|AG|Corp|Corporation|Company|Co|Group|University|Institute|Bank|Team|Department|Office|Agency|"
    r"Ministry|Council|Committee|Board|Foundation|Association|Union|Labs?|Systems|Technologies|Airlines|Hospital|School)\b\.?"
)
_PLACE_BEFORE = re.compile(r"\b(?:in|at|from|near|to|towards|outside|inside)\s+(?:the\s+)?$")
_PERSON_AFTER = re.compile(
    r"^(?:'s\b|,?\s+(?:will|said|says|asked|asks|told|wrote|writes|shall|should|must|has|had|is|was|owns|leads|reported|"
    r"reports|agreed|agrees|thinks|needs|wants|can|could|and|to|from|please|takes?|took|joined|confirmed|approved)\b|:)"
)
# What a person does and a thing hardly ever: it makes a name even of a sentence's first word.
_PERSON_DOES = re.compile(
    r"^\s+(?:will (?!be\b)|said\b|says\b|asked\b|asks\b|told\b|wrote\b|writes\b|agreed\b|thinks\b|wants to\b|"
    r"needs to\b|has to\b|joined\b|confirmed\b|approved\b|owns\b|leads\b|reported\b|promised\b|volunteered\b)"
)
_LABEL_THEN = re.compile(r"^:\s+([a-z]+)\b")
_PERSON_BEFORE = re.compile(
    r"\b(?:with|by|ask|tell|contact|call|email|page|ping|assigned to|owner:?|assignee:?|engineer|manager|"
    r"director|colleague|from|cc|and|for|author:?)\s+$",
    re.IGNORECASE,
)
_LETTERS = (
    "todo action note please hello hi dear thanks regards subject re fw fwd utc api p1 p2 p3 sev ok fyi asap eod cob "
    "important urgent priority deadline due owner status"
)
_COMMON = STOP_WORDS | ASKING_WORDS | frozenset(_LETTERS.split())


@dataclass(frozen=True, slots=True)
class Found:
    """A named thing: its characters as they stand, and its kind."""

    text: str
    kind: str
    start: int


def find_entities(text: str) -> list[Found]:
    """The named things of a text in order of appearance, each once."""
    taken = bytearray(len(text))
    found: list[Found] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if not any(taken[match.start() : match.end()]):
                taken[match.start() : match.end()] = b"\1" * (match.end() - match.start())
                found.append(Found(match.group().strip("`"), kind, match.start()))
    found.extend(_names(text, taken))
    unique: dict[tuple[str, str], Found] = {}
    for one in sorted(found, key=lambda one: one.start):
        unique.setdefault((one.text, one.kind), one)
    return list(unique.values())


def _names(text: str, taken: bytearray) -> Iterator[Found]:
    inside = {match.group() for match in re.finditer(rf"(?<=[a-z,;] ){_WORD}", text)}
    for start, end in sentences(text):
        for match in _NAME.finditer(text, start, end):
            first = _opens(text, start, match) and not _speaks_of_person(text, start, match)
            low, name = _without_opener(match.group(), match.start(), first=first, inside=inside)
            if name and not any(taken[low : low + len(name)]):
                kind = _kind(name, text[max(start, low - 30) : low], text[low + len(name) : low + len(name) + 20])
                yield Found(name, kind, low)


def _opens(text: str, start: int, name: re.Match[str]) -> bool:
    """Whether a name opens its sentence, where any word is written with a capital."""
    before = text[start : name.start()]
    return not any(letter.isalnum() for letter in before) or before.rstrip()[-1:] in (":", "-", "•")


def _speaks_of_person(text: str, start: int, name: re.Match[str]) -> bool:
    after = text[name.end() : name.end() + 30]
    label = _LABEL_THEN.match(after)
    told = bool(label and label.group(1) in VERBS)
    return told or bool(_PERSON_DOES.match(after)) or bool(_PERSON_BEFORE.search(text[start : name.start()]))


def _without_opener(name: str, start: int, *, first: bool, inside: set[str]) -> tuple[int, str]:
    """A name without common words at its ends; a sentence's first word counts only if it is a name elsewhere too."""
    parts = list(re.finditer(r"\S+", name))
    while parts and (parts[0].group().lower().strip(".'’") in _COMMON):
        parts, first = parts[1:], False
    while parts and parts[-1].group().lower().strip(".'’") in _COMMON:
        parts = parts[:-1]
    if not parts:
        return start, ""
    low, high = parts[0].start(), parts[-1].end()
    kept = re.sub(r"['’]s$", "", name[low:high])
    if first and len(parts) == 1 and kept not in inside and not kept.isupper():
        return start, ""
    return start + low, kept if len(kept) > 1 else ""


def _kind(name: str, before: str, after: str) -> str:
    if _TITLED.match(name):
        return "person"
    if _ORGANIZATION.search(name):
        return "organization"
    if _PERSON_AFTER.match(after) or _PERSON_BEFORE.search(before):
        return "organization" if name.isupper() and " " not in name else "person"
    if _PLACE_BEFORE.search(before):
        return "place"
    return "name"
