"""The part of a passage that shows why it was found, its words marked."""

import re
from collections.abc import Collection

from rich.text import Text

from kapelle.language.words import base

WIDTH = 240
_WORD = re.compile(r"[^\W_]+")
_MARK = "bold yellow"


def snippet(text: str, stems: Collection[str], *, width: int = WIDTH) -> Text:
    """At most `width` characters of a text, where most of the words are, with the words marked.

    Args:
        stems: of the words, as `base` gives them.
    """
    plain = " ".join(text.split())
    found = [word.span() for word in _WORD.finditer(plain) if base(word.group().lower()) in stems]
    start, end = _window(plain, found, stems, width)
    shown = Text(("… " if start else "") + plain[start:end] + (" …" if end < len(plain) else ""))
    moved = start - (2 if start else 0)
    for first, last in found:
        if start <= first and last <= end:
            shown.stylize(_MARK, first - moved, last - moved)
    return shown


def _window(plain: str, found: list[tuple[int, int]], stems: Collection[str], width: int) -> tuple[int, int]:
    """Where to begin and end: at the word from which on most different ones are near, cut at blanks."""
    if len(plain) <= width:
        return 0, len(plain)

    def different(start: int) -> int:
        within = [span for span in found if start <= span[0] and span[1] <= start + width]
        return len({base(plain[first:last].lower()) for first, last in within})

    begins = [0, *(max(0, first - width // 6) for first, _ in found)]
    best = max(begins, key=lambda start: (different(start), -start))
    start = 0 if best == 0 else plain.find(" ", best) + 1
    end = min(start + width, len(plain))
    blank = plain.rfind(" ", start + width // 2, end)
    return start, end if end == len(plain) or blank < 0 else blank
