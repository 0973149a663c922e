"""Hold how much a claim says of something against its quotes: all, most, some, none, only; must, may."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from kapelle.language.stopwords import STOP_WORDS
from kapelle.language.words import base, fold
from kapelle.verdict.words import Sentence

# How much of something each word says; the numbers only say which is more.
_LEVELS = {
    "few": 1, "some": 2, "several": 2, "certain": 2, "part": 2, "half": 2, "many": 3, "much": 3, "most": 4,
    "nearly all": 4, "almost all": 4, "majority": 4, "all": 5, "every": 5, "each": 5, "any": 5, "whole": 5,
    "entire": 5, "both": 5,
}  # fmt: skip
_TIMES = {
    "rarely": 1, "seldom": 1, "sometimes": 2, "occasionally": 2, "often": 3, "frequently": 3, "usually": 4, "mostly": 4,
    "generally": 4, "typically": 4, "normally": 4, "always": 5,
}  # fmt: skip
_AMOUNT = re.compile(
    rf"\b(?P<not>not )?(?P<word>{'|'.join(sorted(_LEVELS, key=len, reverse=True))})\b"
    r" (?:of )?(?:the |its |their |our |these |those |an? )?(?P<what>[a-z]+)"
)
_TIME = re.compile(rf"\b(?:{'|'.join(_TIMES)})\b")
_ONLY = re.compile(r"\b(?:only|solely|exclusively|nobody (?:but|except)|no one (?:but|except)|nothing but)\b")
_LIMITED = re.compile(
    r"\b(?:only|solely|exclusively|just|alone|sole|merely|unless|except|limited to|restricted to|reserved (?:for|to)|"
    r"confined to|no other|no one (?:but|else|other)|nobody (?:but|else|other)|nothing but|none (?:but|other)|"
    r"not .* (?:without|until)|single|unique|purely|entirely)\b"
)
_MUST = re.compile(r"\b(?:must|shall|required|mandatory|obliged|obligatory|compulsory|has to|have to|needs? to)\b")
_MAY = re.compile(
    r"\b(?:may|might|can|could|should|optional(?:ly)?|recommended|advised|encouraged|voluntar(?:y|ily)|permitted)\b"
)
_NOT_MAY = re.compile(r"\b(?:may|can|could|should) (?:not|only|never)\b|\bcannot\b|\bcan't\b|\bmay no\b")


@dataclass(frozen=True, slots=True)
class _Quantity:
    level: int
    what: str
    text: str


def quantifier_problems(claim: Sequence[Sentence], quotes: Sequence[Sentence]) -> list[str]:
    """Say where a claim says more of something than its quotes: all for some, only, must for may."""
    said = " ".join(fold(sentence.text) for sentence in quotes)
    claimed = " ".join(fold(sentence.text) for sentence in claim)
    problems = [*_stronger(claim, quotes), *_oftener(claimed, said)]
    only = _ONLY.search(claimed)
    if only and quotes and not _LIMITED.search(said):
        problems.append(f"the claim says `{only.group()}`, no quote does")
    must = _MUST.search(claimed)
    may = None if _MUST.search(said) or _NOT_MAY.search(said) else _MAY.search(said)
    if must and may and not _MAY.search(claimed) and "not" not in claimed.split():
        problems.append(f"the claim says `{must.group()}`, the quote `{may.group()}`")
    return list(dict.fromkeys(problems))


def _stronger(claim: Sequence[Sentence], quotes: Sequence[Sentence]) -> Iterator[str]:
    known = [quantity for sentence in quotes for quantity in _quantities(sentence.text)]
    for quantity in (one for sentence in claim for one in _quantities(sentence.text)):
        equal = [one for one in known if one.what == quantity.what]
        if equal and not any(_carries(one.level, quantity.level) for one in equal):
            yield f"the claim says `{quantity.text}`, the quote `{equal[0].text}`"


def _carries(said: int, claimed: int) -> bool:
    """`All` carries `most` and `some`, not the other way round; `few` is no `some`."""
    return said == claimed or (said > claimed > 1)


def _oftener(claim: str, said: str) -> Iterator[str]:
    mine, yours = _TIME.findall(claim), _TIME.findall(said)
    if len(mine) != 1 or len(yours) != 1:
        return
    levels = _TIMES[yours[0]], _TIMES[mine[0]]
    # "Often" and "usually" are one in common speech.
    if not _carries(*levels) and set(levels) != {3, 4}:
        yield f"the claim says `{mine[0]}`, the quote `{yours[0]}`"


@lru_cache(maxsize=2_048)
def _quantities(text: str) -> tuple[_Quantity, ...]:
    found = []
    for match in _AMOUNT.finditer(fold(text)):
        if match["what"] in STOP_WORDS:
            continue
        level = _LEVELS[match["word"]]
        if match["not"]:
            level = 2 if level == 5 else 1
        found.append(_Quantity(level, base(match["what"]), match.group()))
    return tuple(found)
