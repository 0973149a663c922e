"""Hold the names of a claim against its quotes: people, places, products, identifiers, acronyms."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from kapelle.language.numbers import names_with_digits
from kapelle.language.related import related
from kapelle.language.stopwords import STOP_WORDS
from kapelle.language.words import base, fold
from kapelle.verdict.periods import MONTHS, WEEKDAYS
from kapelle.verdict.words import Sentence, Word

# Periods are held by themselves (`verdict.periods`); titles name nobody.
_NO_NAMES = frozenset({*MONTHS, *WEEKDAYS, "mr", "mrs", "ms", "dr", "prof", "sir"})
_JOINING = frozenset({"of", "the", "and", "for", "de", "la", "le", "von", "van", "der", "du", "in", "on", "to"})
_ACRONYM = re.compile(r"[A-Z]{2,6}s?")
_COMPOUND = re.compile(r"\b[a-zà-ÿ]+(?:[-_][a-zà-ÿ]+)+\b")
_PART_OF_YEAR = re.compile(r"q[1-4]|h[12]")
_VERSION = re.compile(r"\bv?\d+(?:\.\d+){2,}\b")
_ENDING = re.compile(r"(?:ians?|ans?|ese|ish|is?|ns?|s|y|ia|a|e)$")
_COMMON = re.compile(r"(?:ing|tion|ment|ity|ness|ance|ence|age|ship|ss|ics|sis|us|news|ware|ure|al)$")
_DOES = re.compile(r"(?:is|was|has|does|did|had|will|may|must|can)|[a-z]{2,}(?:ed|[^su]s)")
_DOES_ALONE = re.compile(r"is|was|has|does|[a-z]{2,}[^su]s")
"""What only one does: before it, a word that ends in `s` is a name."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name as it stands in a text."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """It, with single blanks."""
        return " ".join(word.text for word in self.words)


def name_problems(claim: Sequence[Sentence], quotes: Sequence[Sentence], given: Sequence[Sentence]) -> list[str]:
    """Say which names of a claim stand in no quote."""
    held = _Held(quotes)
    stated = _Held(given)
    problems = []
    for sentence in claim:
        for name in names(sentence):
            if not held.name(name) and not (stated.name(name) and not _rivals(sentence, quotes)):
                problems.append(_told(name, held))
        for text in _identifiers(sentence.text):
            if not held.identifier(text) and not stated.says(text):
                problems.append(f"the name {text} is in no quote")
    return list(dict.fromkeys(problems))


def _rivals(claim: Sentence, quotes: Sequence[Sentence]) -> bool:
    """Whether the sentence nearest to a claim has a name that the claim has not: then an asker's name stands for it."""
    mine = {word.stem for word in claim.words}
    nearest = max(quotes, key=lambda one: len(mine & {word.stem for word in one.telling}), default=None)
    return nearest is not None and any(not {word.stem for word in name.words} & mine for name in names(nearest))


@lru_cache(maxsize=2_048)
def names(sentence: Sentence) -> tuple[Name, ...]:
    """The capitalized names of a sentence; a lone capital at its beginning is one only before what somebody does."""
    found: list[Name] = []
    run: list[Word] = []
    for place, word in enumerate(sentence.words):
        apart = bool(run) and sentence.text[run[-1].end : word.start] not in (" ", ". ", "-", " & ")
        if run and (apart or not word.capital):
            found.extend(_of_run(run, sentence, place))
            run = []
        if word.capital and word.folded not in _NO_NAMES and not _PART_OF_YEAR.fullmatch(word.folded):
            run.append(word)
        elif run:
            found.extend(_of_run(run, sentence, place))
            run = []
    if run:
        found.extend(_of_run(run, sentence, len(sentence.words)))
    return tuple(found)


def _of_run(run: Sequence[Word], sentence: Sentence, behind: int) -> Iterator[Name]:
    words = [word for word in run if len(word.text) > 1]
    while words and words[0].first and words[0].folded in STOP_WORDS and not words[0].text.isupper():
        words = words[1:]
    words = [word for word in words if len(words) > 1 or word.folded not in STOP_WORDS or word.text.isupper()]
    if not words:
        return
    if words[0].first and len(words) == 1 and not _ACRONYM.fullmatch(words[0].text):
        follows = sentence.words[behind].folded if behind < len(sentence.words) else ""
        does = _DOES_ALONE if words[0].folded.endswith("s") else _DOES
        if _COMMON.search(words[0].folded) or not does.fullmatch(follows):
            return
    yield Name(tuple(words))


def _identifiers(text: str) -> list[str]:
    """Names with digits, versions, and compounds such as `checkout-api`, folded."""
    named = [name for name in names_with_digits(text) if not _PART_OF_YEAR.fullmatch(name)]
    return [*named, *_VERSION.findall(text), *_COMPOUND.findall(text)]


class _Held:
    """What some sentences hold, as names are looked for in it."""

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        self.words = {word.folded for sentence in sentences for word in sentence.words}
        self.stems = {word.stem for sentence in sentences for word in sentence.words}
        self.lower = {word.folded for sentence in sentences for word in sentence.words if not word.capital}
        self.roots = {_root(word) for word in self.words if len(word) > 3}
        self.names = [name for sentence in sentences for name in names(sentence)]
        self._texts = [fold(sentence.text) for sentence in sentences]
        self._acronyms = {
            word.text.rstrip("s") for one in sentences for word in one.words if _ACRONYM.fullmatch(word.text)
        }
        self._initials = {made for sentence in sentences for made in _initials(sentence)}
        self._pairs = {pair for sentence in sentences for pair in _neighbors([word.folded for word in sentence.words])}

    def name(self, name: Name) -> bool:
        """Whether a name is held: all its words, and together; or what it is short for, or short for it."""
        parts = [word for word in name.words if word.folded not in _JOINING]
        if len(parts) == 1 and _ACRONYM.fullmatch(parts[0].text) and parts[0].text.rstrip("s") in self._initials:
            return True
        if len(parts) > 1 and "".join(part.text[0] for part in parts).upper() in self._acronyms:
            return True
        if not all(self._word(part) for part in parts):
            return False
        return len(parts) == 1 or all(self._together(one, two) for one, two in pairwise(parts))

    def _word(self, word: Word) -> bool:
        return (
            word.folded in self.words
            or word.stem in self.stems
            or bool(related(word.stem) & self.stems)
            or (len(word.folded) > 3 and _root(word.folded) in self.roots)
            or all(part in self.words for part in re.split(r"[-']", word.folded))
        )

    def _together(self, one: Word, two: Word) -> bool:
        """Two words of a name stand beside each other, or one of them is no name's word there."""
        return (one.folded, two.folded) in self._pairs or one.folded in self.lower or two.folded in self.lower

    def says(self, text: str) -> bool:
        """Whether a text stands there as it is."""
        return any(fold(text) in one for one in self._texts)

    def identifier(self, text: str) -> bool:
        """Whether an identifier is held; of a plain compound (`on-call`) its words are enough."""
        folded = fold(text)
        if self.says(text):
            return True
        if not _COMPOUND.fullmatch(text):
            parts = [part for part in re.split(r"[\W_]+", folded) if part]
            spaced = " ".join(parts)
            return len(parts) > 1 and any(spaced in " ".join(re.split(r"[\W_]+", one)) for one in self._texts)
        parts = re.split(r"[-_]", folded)
        rivals = {rival for one in self._texts for rival in _COMPOUND.findall(one) if rival.endswith(parts[-1])}
        return not rivals or all(self._part(part) for part in parts)

    def _part(self, part: str) -> bool:
        return part in self.words or base(part) in self.stems or bool(related(base(part)) & self.stems)


def _neighbors(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Words beside each other, or with one between them (`Luther King`, `Martin L. King`)."""
    for place, word in enumerate(words):
        yield from ((word, other) for other in words[place + 1 : place + 3])


def _initials(sentence: Sentence) -> Iterator[str]:
    """What the capitalized words of a sentence would be short for, of every stretch of two to six of them."""
    run: list[str] = []
    for word in (*sentence.words, None):
        if word is not None and word.capital:
            run.append(word.text[0])
        elif word is None or word.folded not in _JOINING:
            for start in range(len(run)):
                for end in range(start + 2, min(start + 7, len(run) + 1)):
                    yield "".join(run[start:end])
            run = []


@lru_cache(maxsize=8_192)
def _root(word: str) -> str:
    """What `Italy` and `Italian` have in common."""
    root = _ENDING.sub("", word)
    return root if len(root) > 3 else word


def _told(name: Name, held: _Held) -> str:
    lacking = [word.text for word in name.words if word.folded not in held.words]
    if not lacking:
        return f"no quote has the name {name.text} as a whole"
    return f"the name {name.text} is in no quote"
