"""Rank the sentences of passages by how well they answer a question."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kapelle.answer.wanted import holds, wanted
from kapelle.evidence.kinds import visible
from kapelle.evidence.model import Passage
from kapelle.evidence.quotes import quotable
from kapelle.language.related import SHARE, related
from kapelle.language.words import base, content_words, stems

# Okapi BM25; sentences differ less in length and repetition than the documents that 1.2 and 0.75 are meant for.
_K1, _B = 0.9, 0.4
_KIND_BONUS = 0.15
"""For a sentence that holds the kind of answer wanted, beside a lexical score of 0..1."""
_PASSAGE_SHARE = 0.15
"""Of the passage's own rank in a sentence's score."""
_HEADING_SHARE = 0.5
"""Of a word's weight when only the headings above a sentence hold it."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A sentence that may answer: `start`, `end` are offsets of its document."""

    passage: Passage
    start: int
    end: int
    stems: frozenset[str]
    score: float

    @property
    def quote(self) -> str:
        """Its characters as they stand in the source."""
        return self.passage.text[self.start - self.passage.start : self.end - self.passage.start]


def rank_sentences(question: str, passages: Sequence[Passage], weights: Mapping[str, float]) -> list[Ranked]:
    """Rank the sentences of passages, best first; score about 0..1.3, ties in the order given.

    Args:
        weights: of each stem asked for: how much it tells (`evidence.weigh`).
    """
    cut = [(passage, span) for passage in passages for span in quotable(passage)]
    said = [stems(visible(_text(passage, span), passage.source)) for passage, span in cut]
    if not cut:
        return []
    mean = sum(map(len, said)) / len(said)
    above = {passage.id: frozenset(stems(f"{passage.header} {passage.section}")) for passage in passages}
    asked = Counter(base(word) for word in content_words(question))
    lexical = _scaled(
        [
            _bm25(Counter(words), len(words) / max(mean, 1.0), asked, weights, above[passage.id])
            for (passage, _), words in zip(cut, said, strict=True)
        ]
    )
    place = _scaled([passage.scores.get("score", 0.0) for passage, _ in cut])
    kind = wanted(question)
    ranked = [
        Ranked(
            passage,
            *span,
            stems=frozenset(words),
            score=lexical[i]
            + _PASSAGE_SHARE * place[i]
            + _KIND_BONUS * (kind != "text" and holds(kind, visible(_text(passage, span), passage.source))),
        )
        for i, ((passage, span), words) in enumerate(zip(cut, said, strict=True))
    ]
    return sorted(ranked, key=lambda sentence: -sentence.score)


def _text(passage: Passage, span: tuple[int, int]) -> str:
    return passage.text[span[0] - passage.start : span[1] - passage.start]


def _bm25(
    counts: Counter[str], length: float, asked: Counter[str], weights: Mapping[str, float], above: frozenset[str]
) -> float:
    score = 0.0
    for stem, weight in weights.items():
        times = counts[stem] or SHARE * max((counts[other] for other in related(stem)), default=0)
        if times:
            score += weight * asked[stem] * times * (_K1 + 1) / (times + _K1 * (1 - _B + _B * length))
        elif stem in above:
            score += weight * asked[stem] * _HEADING_SHARE
    return score


def _scaled(scores: Sequence[float]) -> list[float]:
    """Scores moved to 0..1; all 0 when they are equal."""
    low, high = min(scores), max(scores)
    return [(score - low) / (high - low) if high > low else 0.0 for score in scores]
