"""Measure how well quotes carry a claim, without a model.

A claim that is a sentence of a quote is carried. Any other is held against its quotes by what can be told from words:
amounts and figures (`amounts`, `figures`), names (`names`), periods (`periods`), denial and opposites (`negation`), how
much (`quantifiers`), who does what to whom (`roles`). What that cannot tell is in docs/citations.md.
"""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from kapelle.language.related import SHARE, related
from kapelle.language.words import words
from kapelle.verdict.amounts import amount_problems
from kapelle.verdict.figures import figure_problems
from kapelle.verdict.names import name_problems
from kapelle.verdict.negation import contradictions
from kapelle.verdict.periods import period_problems
from kapelle.verdict.quantifiers import quantifier_problems
from kapelle.verdict.roles import role_problems
from kapelle.verdict.words import Sentence, read, read_all


class Support(BaseModel):
    """How well quotes carry a claim."""

    model_config = ConfigDict(frozen=True)

    score: float = Field(ge=0, le=1)
    """The share of the claim's words that the quotes hold, halved and below 0.5 by any problem."""
    problems: tuple[str, ...] = ()
    """What the quotes do not say, or say otherwise: one sentence each."""


def support(claim: str, quotes: Sequence[str], *, given: str = "") -> Support:
    """Measure how well quotes carry a claim: its amounts, names, periods, its denials, its words.

    Args:
        given: what the asker stated; numbers, names and periods of it need no quote.
    """
    mine, held, stated = read(claim), read_all(quotes), read(given)
    share = _share(mine, held, stated)
    if is_quoted(claim, quotes):
        return Support(score=1.0)
    problems = [
        *amount_problems(mine, held, stated),
        *figure_problems(mine, held, stated),
        *name_problems(mine, held, stated),
        *period_problems(mine, held, stated),
        *contradictions(mine, held),
        *quantifier_problems(mine, held),
        *role_problems(mine, held),
    ]
    score = min(share / 2, 0.49) if problems else share
    return Support(score=round(score, 4), problems=tuple(problems))


def is_quoted(claim: str, quotes: Sequence[str]) -> bool:
    """Whether a claim is a sentence of a quote, or a whole quote, word for word."""
    said = words(claim)
    return bool(said) and any(
        said == words(quote) or any(said == words(sentence.text) for sentence in read(quote)) for quote in quotes
    )


def _share(claim: Sequence[Sentence], quotes: Sequence[Sentence], given: Sequence[Sentence]) -> float:
    """The share of a claim's telling words that are held; a related word counts a little less."""
    held = {word.stem for sentence in (*quotes, *given) for word in sentence.words}
    telling = [word.stem for sentence in claim for word in sentence.telling]
    if not telling:
        return float(bool(quotes))
    worth = sum(1.0 if stem in held else SHARE * bool(related(stem) & held) for stem in telling)
    return min(worth / len(telling), 1.0)
