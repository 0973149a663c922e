"""Cut a text into sentences, as spans of its characters."""

import re
from collections.abc import Iterator

Span = tuple[int, int]

_LIST_MARK = r"(?:[-*+•‣–]|\d{1,3}[.)]|[A-Za-z][.)]|\([A-Za-z0-9]{1,3}\))[ \t]"
# A line that starts like this begins something new, however the line before ended.
_NEW_LINE = re.compile(rf"[ \t]*(?:{_LIST_MARK}|#{{1,6}}[ \t]|\||>|```|~~~|---+\s*$|===+\s*$)")
_TABLE_RULE = re.compile(r"[ \t]*(?:\|?[ \t]*:?-{2,}:?[ \t]*)+(?:\|[ \t:|-]*)*$")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
# Only at the first of several: from each of a million dots the rest would be looked at.
_STOP = re.compile(r"(?:(?<![.!?…])[.!?…]+[\"'”’»)\]*_]*(?=\s)|[。！？]+[」』”’）]*)")
_SHORT = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|rev|gen|col|capt|lt|sgt|st|jr|sr|vs|etc|approx|no|nos|fig|figs|eq|sec|vol|ed|eds|pp?|ch|"
    r"inc|ltd|co|corp|dept|est|al|cf|viz|ca|min|max|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|e\.g|i\.e|a\.m|p\.m|"
    r"u\.s|u\.k|u\.n|e\.u)|(?:^|[\s(\"'“])(?:[A-Z]\.)*[A-Z])\.$",
    re.IGNORECASE,
)
# These may end a sentence as well: they do when a capital follows that is not a name's part.
_ENDS_TOO = re.compile(r"(?:\betc|\binc|\bltd|\bco|\bcorp|a\.m|p\.m|\bal|\bno|\bmin|\bmax)\.$", re.IGNORECASE)
_NUMBERED = re.compile(r"\s*(?:[-*+•]\s*)?\(?(?:\d{1,3}|[A-Za-z])[.)]")
_SHORT_SENTENCE = 15
"""After fewer characters an abbreviation does not end a sentence."""
_WRAPPED_LINE = 50
"""Shorter lines are not wrapped prose: a line break after one ends its sentence when a capital follows."""


def sentences(text: str) -> list[Span]:
    """Cut `text` into sentences.

    Spans are (start, end), end exclusive, ascending, without blanks at their ends; together they hold every character
    that is not blank. List items, headings, table rows and paragraphs end at their line; decimals, abbreviations,
    initials and addresses do not end a sentence.
    """
    spans: list[Span] = []
    for start, end in _stretches(text):
        spans.extend(_cut(text, start, end))
    return spans


def trim(text: str, start: int, end: int) -> Span:
    """Move both ends of a span inward over blanks (and a byte order mark)."""
    while start < end and (text[start].isspace() or text[start] == "\ufeff"):
        start += 1
    while end > start and (text[end - 1].isspace() or text[end - 1] == "\ufeff"):
        end -= 1
    return start, end


def lines(text: str, start: int = 0, end: int | None = None) -> Iterator[Span]:
    """The lines of a stretch of text, without their line ends; `\\r\\n`, `\\n` and `\\r` end one."""
    end = len(text) if end is None else end
    while start < end:
        match = _LINE.match(text, start, end)
        stop = match.end() if match else end
        yield start, start + len(text[start:stop].rstrip("\r\n"))
        start = stop


def _stretches(text: str) -> Iterator[Span]:
    """Lines joined to what a sentence may run over."""
    begin: int | None = None
    last, last_line = 0, (0, 0)
    for start, end in lines(text):
        blank = not text[start:end].strip()
        if begin is not None and (blank or _breaks(text, last_line, (start, end))):
            yield begin, last
            begin = None
        if not blank:
            begin, last = (start if begin is None else begin), end
        last_line = (start, end)
    if begin is not None:
        yield begin, last


def _breaks(text: str, before: Span, line: Span) -> bool:
    """Whether a line begins something new, given the line above it."""
    here, above = text[slice(*line)], text[slice(*before)].strip()
    if _NEW_LINE.match(here) or above.startswith(("#", "|")) or _TABLE_RULE.match(above):
        return True
    first = here.strip()[:1]
    return len(above) < _WRAPPED_LINE and not first.islower() and not above.endswith((",", ";", "-", "&"))


def _cut(text: str, start: int, end: int) -> Iterator[Span]:
    begin = start
    for match in _STOP.finditer(text, start, end):
        if match.end() < end and _ends(text, begin, match, end):
            span = trim(text, begin, match.end())
            if span[0] < span[1]:
                yield span
            begin = match.end()
    span = trim(text, begin, end)
    if span[0] < span[1]:
        yield span


def _ends(text: str, begin: int, stop: re.Match[str], end: int) -> bool:
    rest = text[stop.end() : min(end, stop.end() + 80)].lstrip().lstrip("\"'“‘«([*_`")
    if not rest:
        return True
    if stop.group()[0] in "。！？":
        return True
    if rest[0].islower():
        return False
    said = text[max(begin, stop.start() - 20) : stop.start() + 1]
    if stop.group().startswith(".") and not stop.group().startswith("..") and _SHORT.search(said):
        return bool(_ENDS_TOO.search(said)) and rest[0].isupper() and stop.start() - begin > _SHORT_SENTENCE
    # "1. Do this": the number of a list item is no sentence.
    return stop.end() - begin > 12 or not _NUMBERED.fullmatch(text, begin, stop.end())
