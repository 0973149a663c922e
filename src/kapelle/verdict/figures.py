"""Hold every figure of a claim against its quotes: what is no amount and no period must stand there as it is."""

import re
from collections.abc import Iterator, Sequence

from kapelle.language.words import fold
from kapelle.verdict.amounts import amounts
from kapelle.verdict.periods import periods
from kapelle.verdict.words import Sentence

_DIGITS = re.compile(r"\d+")
_ORDINALS = {
    word: str(place)
    for place, word in enumerate(
        ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"), 1
    )
}
_ORDINAL = re.compile(rf"\b(?:{'|'.join(_ORDINALS)})\b")


def figure_problems(claim: Sequence[Sentence], quotes: Sequence[Sentence], given: Sequence[Sentence]) -> list[str]:
    """Say which figures of a claim are in no quote: those of names, scores, ordinals, paths, formulas."""
    held = {figure for sentence in (*quotes, *given) for figure in _figures(sentence.text)}
    problems = [
        f"the figure {match.group()} is in no quote"
        for sentence in claim
        for match in _unread(sentence.text)
        if _bare(match.group()) not in held
    ]
    return list(dict.fromkeys(problems))


def _unread(text: str) -> Iterator[re.Match[str]]:
    """The digits of a text that belong to no amount and no period."""
    spans = [(one.start, one.end) for one in amounts(text)]
    spans += [(one.start, one.start + len(one.text)) for one in periods(text)]
    read = {place for start, end in spans for place in range(start, end)}
    yield from (match for match in _DIGITS.finditer(text) if match.start() not in read)


def _figures(text: str) -> Iterator[str]:
    yield from (_bare(match.group()) for match in _DIGITS.finditer(text))
    yield from (_ORDINALS[match.group()] for match in _ORDINAL.finditer(fold(text)))
    yield from (f"{one.value:f}" for one in amounts(text))


def _bare(digits: str) -> str:
    return digits.lstrip("0") or "0"
