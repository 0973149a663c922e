"""What a question may call a source: by its file (`policy v1`) or its title; and what names a text holds."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from kapelle.language.words import words

LONGEST = 8
"""Words of a name."""
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_WORD = re.compile(r"[^\W_]+")
_SHORTEST = 4
"""Letters of a name that is one word."""


def names_of(source: str, title: str) -> set[str]:
    """The names of a source: its file's without suffix, its title, its title without what stands in brackets.

    In words, folded, one blank between two.
    """
    given = (PurePosixPath(source).stem, title, _ASIDE.sub(" ", title))
    parts = (words(name) for name in given)
    return {" ".join(name) for name in parts if 0 < len(name) <= LONGEST}


def names_in(text: str) -> set[str]:
    """What in a text may be the name of a source: every few words in a row, and single words written as names are.

    A single word counts with a capital inside a sentence: `Invoices` may be any invoices at a sentence's beginning.
    """
    found = list(_WORD.finditer(text))
    folded = [" ".join(words(word.group())) for word in found]
    names = {" ".join(folded[i : i + n]) for n in range(2, LONGEST + 1) for i in range(len(folded) - n + 1)}
    return names | set(_single(text, found))


def _single(text: str, found: list[re.Match[str]]) -> Iterator[str]:
    for word in found:
        written = word.group()
        if len(written) >= _SHORTEST and written[0].isupper() and _inside(text, word.start()):
            yield " ".join(words(written))


def _inside(text: str, at: int) -> bool:
    before = text[:at].rstrip(" \t\"'“‘(")
    return bool(before) and before[-1] not in ".!?:\n"
