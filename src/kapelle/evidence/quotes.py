"""Cut a passage into what can be quoted: its sentences, list items, rows and entries."""

import re

from kapelle.evidence.kinds import kind_of, visible, without_mark
from kapelle.evidence.model import Passage
from kapelle.language.sentences import Span, lines, sentences, trim

_TAG = re.compile(r"<!--.*?-->|</?[A-Za-z][^<>]*>", re.DOTALL)
_NO_WORDS = re.compile(r"[\W_]*")
_WHOLE = 400
"""JSON up to this many characters is quoted whole."""


def quotable(passage: Passage) -> list[Span]:
    """The spans of a passage's sentences, items or rows, as offsets of its document; list marks and rules left out."""
    return [(passage.start + low, passage.start + high) for low, high in _spans(passage.text, passage.source)]


def _spans(text: str, source: str) -> list[Span]:
    kind = kind_of(source)
    if kind == "json" and len(text) <= _WHOLE:
        cut = [(0, len(text))]
    elif kind in ("json", "yaml", "csv", "code"):
        cut = [trim(text, low, high) for low, high in lines(text)]
    else:
        # Tags become blanks of the same length, so that a full stop before one ends its sentence.
        shown = _TAG.sub(lambda tag: " " * len(tag.group()), text) if kind == "html" else text
        cut = sentences(shown)
    starts = [(without_mark(text, low, high), high) for low, high in cut]
    return [(low, high) for low, high in starts if not _NO_WORDS.fullmatch(visible(text[low:high], source))]
