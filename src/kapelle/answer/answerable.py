"""Tell how likely it is that some passages answer a question, by how their best sentence stands out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kapelle.answer.rank import Ranked
from kapelle.evidence.confidence import confidence_of
from kapelle.evidence.kinds import visible
from kapelle.evidence.model import Passage
from kapelle.evidence.weigh import coverage, relevance
from kapelle.language.words import stems

ANSWERABLE = 0.5
"""A confidence from which a question is answered; below it the sources do not say."""
_MOST_BM25 = 40.0


@dataclass(frozen=True, slots=True)
class Signals:
    """What tells an answer from a passage that is only about the same."""

    coverage: float
    """The share of what was asked that the best passage's words hold, 0..1."""
    pieces: float
    """How like the best sentence's words are to the question's, 0..1."""
    meaning: float
    """The best cosine of question and sentence."""
    bm25: float
    """Of the best passage: how much of what tells it holds, however long the question is."""
    passage_gap: float
    """How much nearer the nearest passage is than the second."""
    sentence_gap: float
    """How much more alike the best sentence's words are than the second's."""


# A logistic regression over questions whose answer was in the collection, and the same with its passage withheld
# (XQuAD, Artetxe et al., ACL 2020); benchmarks/answers.py holds it on halves that it was not fitted to.
_BIAS = -9.13
_WEIGHTS = Signals(coverage=3.04, pieces=5.99, meaning=2.97, bm25=0.08, passage_gap=4.6, sentence_gap=7.28)


def signals_of(ranked: Sequence[Ranked], hits: Sequence[Passage], weights: Mapping[str, float]) -> Signals | None:
    """The signals of ranked sentences and the passages they are from; None where no embedder has looked at them."""
    if not ranked or not hits or ranked[0].pieces is None or ranked[0].meaning is None:
        return None
    best = hits[0]
    cosines = sorted((hit.scores.get("cosine", 0.0) for hit in hits), reverse=True)
    pieces = sorted((one.pieces or 0.0 for one in ranked), reverse=True)
    return Signals(
        coverage=coverage(weights, set(stems(f"{best.header} {best.section} {visible(best.text, best.source)}"))),
        pieces=ranked[0].pieces,
        meaning=max(one.meaning or 0.0 for one in ranked),
        bm25=min(max(hit.scores.get("bm25", 0.0) for hit in hits), _MOST_BM25),
        passage_gap=cosines[0] - cosines[1] if len(cosines) > 1 else 0.0,
        sentence_gap=pieces[0] - pieces[1] if len(pieces) > 1 else 0.0,
    )


def confidence(ranked: Sequence[Ranked], hits: Sequence[Passage], weights: Mapping[str, float]) -> float:
    """How likely it is that the best sentence answers, 0..1; without an embedder by the words that are covered."""
    signals = signals_of(ranked, hits, weights)
    if signals is None:
        return confidence_of(max((relevance(weights, hit) for hit in hits), default=0.0))
    total = _BIAS + sum(getattr(_WEIGHTS, name) * getattr(signals, name) for name in Signals.__slots__)
    return 1 / (1 + math.exp(-total))
