"""Check a citation against the stored text, and measure how well quotes carry a claim."""

import re
from collections.abc import Sequence
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from kapelle.evidence.model import Citation, Excerpt, sha256_of
from kapelle.language.numbers import names_with_digits, quantities
from kapelle.language.stopwords import STOP_WORDS
from kapelle.language.words import base, fold, stems, words

_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|cannot|without)\b|n['’]t\b|\bfails? to\b", re.IGNORECASE
)
# "no later than", "not only", "No. 5" deny nothing.
_NO_NEGATION = re.compile(
    r"\b(?:no (?:later|less|more|fewer|earlier|longer) than|not only|not (?:later|less|more) than|no\. ?\d)",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<![.!?:;\"“(\[\n] )(?<!^)(?<![\w])[A-Z][\w-]*[a-zà-ÿ][\w-]*")
_COUNTING_ONE = Decimal(1)


class Support(BaseModel):
    """How well quotes carry a claim."""

    model_config = ConfigDict(frozen=True)

    score: float = Field(ge=0, le=1)
    """The share of the claim's words that the quotes hold, halved below 0.5 by any problem."""
    problems: tuple[str, ...] = ()


def check_citation(citation: Citation | Excerpt, text: str | None) -> str | None:
    """Say what is wrong with a citation, or None: `text[start:end] == quote`, of the version it names.

    Args:
        text: the stored text of the citation's source and version; None when there is none.
    """
    where = f"`{citation.source}` [{citation.start}:{citation.end}]"
    if text is None:
        return f"{where}: version {citation.sha256[:12]} was not read in this run"
    if sha256_of(text) != citation.sha256:
        return f"{where}: the stored text is not version {citation.sha256[:12]}"
    if not citation.quote.strip():
        return f"{where}: the quote is empty"
    if not 0 <= citation.start < citation.end <= len(text):
        return f"{where}: the span is outside the text of {len(text)} characters"
    if text[citation.start : citation.end] != citation.quote:
        return f"{where}: the text there is not the quote"
    return None


def support(claim: str, quotes: Sequence[str], *, given: str = "") -> Support:
    """Measure how well quotes carry a claim: its numbers with their units, its names, its negation, its words.

    Args:
        given: what the asker stated; numbers and names of it need no quote.
    """
    together = "\n".join(quotes)
    problems = [
        *_missing_quantities(claim, f"{together}\n{given}"),
        *_missing_names(claim, f"{together}\n{given}"),
        *_turned_negation(claim, quotes),
    ]
    held = set(stems(together)) | set(stems(given))
    telling = [base(word) for word in words(claim) if word not in STOP_WORDS]
    share = sum(stem in held for stem in telling) / len(telling) if telling else float(bool(together))
    score = min(share, 1.0) if not problems else min(share / 2, 0.49)
    return Support(score=round(score, 4), problems=tuple(problems))


def _missing_quantities(claim: str, held: str) -> list[str]:
    known = quantities(held)
    values = {value for value, _ in known}
    bare = {value for value, unit in known if not unit}
    problems = []
    for value, unit in dict.fromkeys(quantities(claim)):
        if value not in values:
            if value != _COUNTING_ONE or unit:  # "one" is mostly a pronoun
                problems.append(f"the number {value:f} is in no quote")
        elif unit and value not in bare and (value, unit) not in known:
            problems.append(f"the quotes say {value:f} of another unit than {unit}")
    return problems


def _missing_names(claim: str, held: str) -> list[str]:
    folded = set(words(held)) | {fold(name) for name in names_with_digits(held)}
    names = [match.group() for match in _NAME.finditer(claim)] + names_with_digits(claim)
    problems = []
    for name in dict.fromkeys(names):
        parts = words(name)
        if fold(name) not in folded and not all(part in folded or base(part) in set(stems(held)) for part in parts):
            problems.append(f"the name {name} is in no quote")
    return problems


def _turned_negation(claim: str, quotes: Sequence[str]) -> list[str]:
    if not quotes:
        return []
    said = {_denies(quote) for quote in quotes}
    if len(said) == 1 and _denies(claim) not in said:
        return [
            "the claim denies what its quote states" if _denies(claim) else "the quote denies what the claim states"
        ]
    return []


def _denies(text: str) -> bool:
    return len(_NEGATION.findall(_NO_NEGATION.sub("", text))) % 2 == 1
