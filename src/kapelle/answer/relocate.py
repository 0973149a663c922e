"""Find where a quote that was copied with small changes stands: the span is corrected, never the source."""

import re
from typing import NamedTuple

_SINGLE = "'‘’‚‛′`´"
_DOUBLE = '"“”„‟″«»'
_DASHES = "-‐‑‒–—―−"
_OUTER = f"{_SINGLE}{_DOUBLE}"
_SAME = str.maketrans({**dict.fromkeys(_SINGLE, "'"), **dict.fromkeys(_DOUBLE, '"'), **dict.fromkeys(_DASHES, "-")})
_WORD = re.compile(r"\w")


class Located(NamedTuple):
    """Where a quote stands: `text[start:end] == quote`."""

    start: int
    end: int
    quote: str
    """The source's own characters."""
    exact: bool
    """The quote was given so; False: it was found by what is left of it."""


def relocate(quote: str, text: str, *, start: int = 0, end: int | None = None) -> Located | None:
    """Find a quote in a stretch of a text; None where it does not stand.

    A quote that differs only in white space, quotation marks, dashes or case is found; one that lacks, adds or changes
    a word, a digit or another mark is not. The first place counts. A quote without a letter or digit stands nowhere.
    """
    end = len(text) if end is None else end
    if not _WORD.search(quote):
        return None
    at = text.find(quote, start, end)
    if at >= 0:
        return Located(at, at + len(quote), quote, True)
    held, places = _folded(text, start, end)
    for wanted in dict.fromkeys((quote.strip(), quote.strip().strip(_OUTER).strip())):
        found = _find(_folded(wanted, 0, len(wanted))[0], held, places)
        if found is not None:
            low, high = found
            return Located(low, high, text[low:high], False)
    return None


def _find(wanted: str, held: str, places: list[int]) -> tuple[int, int] | None:
    """The span of a folded quote in a folded text, of whole characters of the text itself."""
    at = held.find(wanted)
    while at >= 0:
        last = at + len(wanted) - 1
        # One character may fold to several (ß to ss): a match must not begin or end inside one.
        begins = at == 0 or places[at - 1] != places[at]
        ends = last + 1 == len(places) or places[last + 1] != places[last]
        if begins and ends:
            return places[at], places[last] + 1
        at = held.find(wanted, at + 1)
    return None


def _folded(text: str, start: int, end: int) -> tuple[str, list[int]]:
    """A text as it is compared, and for each of its characters the place it is from; a run of blanks is one."""
    kept: list[str] = []
    places: list[int] = []
    for place in range(start, end):
        letter = text[place]
        if letter.isspace():
            if kept and kept[-1] == " ":
                continue
            letter = " "
        for part in letter.translate(_SAME).casefold():
            kept.append(part)
            places.append(place)
    return "".join(kept), places
