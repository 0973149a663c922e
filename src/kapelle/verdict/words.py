"""Read a text as the checks of support need it: its words in order, with their stems and places."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from kapelle.language.sentences import sentences
from kapelle.language.stopwords import STOP_WORDS
from kapelle.language.words import base, fold

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_TIGHT = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": ";", "\u00a0": " "})


_NOT_UNTIL = re.compile(r"\bnot ((?:[\w-]+ ){0,4})until\b")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text."""

    text: str
    """As it stands there."""
    folded: str
    stem: str
    start: int
    end: int
    first: bool
    """It begins its sentence."""

    @property
    def telling(self) -> bool:
        """It is no function word."""
        return self.folded not in STOP_WORDS

    @property
    def capital(self) -> bool:
        """It begins with a capital."""
        return self.text[:1].isupper()


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with its words."""

    text: str
    words: tuple[Word, ...]

    @property
    def telling(self) -> tuple[Word, ...]:
        """Its words without function words."""
        return tuple(word for word in self.words if word.telling)


@lru_cache(maxsize=2_048)
def read(text: str) -> tuple[Sentence, ...]:
    """The sentences of a text; typographic quotes and dashes are read as plain ones."""
    plain = " ".join(text.translate(_TIGHT).split())
    return tuple(_sentence(plain[start:end]) for start, end in sentences(plain))


def read_all(texts: Sequence[str]) -> tuple[Sentence, ...]:
    """The sentences of several texts."""
    return tuple(sentence for text in texts for sentence in read(text))


def until_is_after(text: str) -> str:
    """`Not paid until the review` as what it means, `paid after the review`."""
    return _NOT_UNTIL.sub(r"\1after", text)


def _sentence(text: str) -> Sentence:
    return Sentence(text, tuple(_words(text)))


def _words(text: str) -> list[Word]:
    found: list[Word] = []
    for match in _WORD.finditer(text):
        said = match.group()
        folded = fold(said)
        bare = folded.removesuffix("'s").removesuffix("'")
        found.append(Word(said, bare, base(bare), match.start(), match.end(), not found))
    return found
