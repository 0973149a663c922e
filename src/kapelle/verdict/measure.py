"""How good an answer's citations are: precision and recall, as ALCE measures them."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from kapelle.verdict.checks import MIN_SUPPORT
from kapelle.verdict.support import support

Holds: TypeAlias = Callable[[str, Sequence[str]], bool]
"""Whether quotes carry a claim together."""


class CitationQuality(BaseModel):
    """How good the citations of an answer are."""

    model_config = ConfigDict(frozen=True)

    precision: float = Field(ge=0, le=1)
    """The share of citations that support their claim; 1 when there are none."""
    recall: float = Field(ge=0, le=1)
    """The share of claims that their citations fully support; 1 when there are none."""
    claims: int = 0
    citations: int = 0


def supported(claim: str, quotes: Sequence[str]) -> bool:
    """Whether quotes carry a claim as far as that can be told without a model."""
    carried = support(claim, quotes)
    return not carried.problems and carried.score >= MIN_SUPPORT


def citation_quality(claims: Sequence[tuple[str, Sequence[str]]], *, holds: Holds = supported) -> CitationQuality:
    """Measure the citations of claims, each given with its quotes.

    A claim counts for recall when its quotes together hold it. A citation counts for precision when its claim does, and
    it holds the claim alone or the others do not hold it without it. Gao, Yen, Yu, Chen, ALCE, EMNLP 2023.

    Args:
        holds: what holds a claim: the checks without a model, or what `entail` found.
    """
    carried = precise = cited = 0
    for claim, quotes in claims:
        cited += len(quotes)
        if not quotes or not holds(claim, quotes):
            continue
        carried += 1
        precise += sum(
            holds(claim, [quote]) or not holds(claim, [*quotes[:place], *quotes[place + 1 :]])
            for place, quote in enumerate(quotes)
        )
    return CitationQuality(
        precision=precise / cited if cited else 1.0,
        recall=carried / len(claims) if claims else 1.0,
        claims=len(claims),
        citations=cited,
    )
