"""Rank the sentences of passages by how well they answer a question."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kapelle.answer.wanted import holds, wanted
from kapelle.evidence.embedding.embedder import Look
from kapelle.evidence.kinds import visible
from kapelle.evidence.model import Passage
from kapelle.evidence.quotes import quotable
from kapelle.language.related import SHARE, related
from kapelle.language.stopwords import STOP_WORDS
from kapelle.language.words import base, content_words, fold, stems

# Okapi BM25; sentences differ less in length and repetition than the documents that 1.2 and 0.75 are meant for.
_K1, _B = 0.9, 0.4
_HEADING_SHARE = 0.5
"""Of a word's weight when only the headings above a sentence hold it."""
_ASIDE = 0.05
"""Weight of a question's word that names no topic, beside the mean of those that do."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What a sentence's score is made of; each part is scaled to 0..1 among the candidates."""

    words: float
    """BM25 of the question's words."""
    meaning: float
    """The cosine of question and sentence."""
    pieces: float
    """Each word of the question against the word of the sentence that is most like it, in context."""
    kind: float
    """Added when the sentence holds the kind of answer that is wanted."""
    place: float
    """The passage's own rank."""


# Chosen on the training part of TREC-QA (Wang et al., EMNLP 2007); held against its dev part and XQuAD by
# benchmarks/answers.py.
BY_PIECES = Shares(words=0.14, meaning=0.29, pieces=0.57, kind=0.1, place=0.06)
BY_MEANING = Shares(words=0.5, meaning=0.5, pieces=0, kind=0.15, place=0.1)
BY_WORDS = Shares(words=1, meaning=0, pieces=0, kind=0.15, place=0.15)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A sentence that may answer: `start`, `end` are offsets of its document."""

    passage: Passage
    start: int
    end: int
    stems: frozenset[str]
    score: float
    meaning: float | None = None
    """The cosine of question and sentence, where there is an embedder."""
    pieces: float | None = None
    """How like its words are to the question's, where the embedder has vectors of words."""

    @property
    def quote(self) -> str:
        """Its characters as they stand in the source."""
        return self.passage.text[self.start - self.passage.start : self.end - self.passage.start]


def rank_sentences(
    question: str, passages: Sequence[Passage], weights: Mapping[str, float], *, look: Look | None = None
) -> list[Ranked]:
    """Rank the sentences of passages, best first; score about 0..1.3, ties in the order given.

    Args:
        weights: of each stem asked for: how much it tells (`evidence.weigh`).
        look: how an embedder looks at sentences; None: by words alone.
    """
    cut = [(passage, quotable(passage)) for passage in passages]
    spans = [(passage, span) for passage, found in cut for span in found]
    if not spans:
        return []
    shown = [visible(_text(passage, span), passage.source) for passage, span in spans]
    seen = _look(look, question, [len(found) for _, found in cut], shown, weights)
    said = [stems(text) for text in shown]
    lexical = _by_words(question, spans, said, weights)
    meaning = [one[0] for one in seen]
    pieces = [one[1] for one in seen]
    shares = BY_WORDS if not seen else BY_MEANING if None in pieces else BY_PIECES
    place = _scaled([passage.scores.get("score", 0.0) for passage, _ in spans])
    kind = wanted(question)
    near = _scaled(meaning) if seen else lexical
    alike = _scaled([one or 0.0 for one in pieces]) if seen else lexical
    ranked = [
        Ranked(
            passage,
            *span,
            stems=frozenset(said[i]),
            score=shares.words * lexical[i]
            + shares.meaning * near[i]
            + shares.pieces * alike[i]
            + shares.place * place[i]
            + shares.kind * (kind != "text" and holds(kind, shown[i], question)),
            meaning=meaning[i] if seen else None,
            pieces=pieces[i] if seen else None,
        )
        for i, (passage, span) in enumerate(spans)
    ]
    return sorted(ranked, key=lambda sentence: -sentence.score)


def _look(
    look: Look | None, question: str, counts: Sequence[int], shown: Sequence[str], weights: Mapping[str, float]
) -> list[tuple[float, float | None]]:
    """What an embedder makes of each sentence, read in the passage it stands in; empty without one."""
    if look is None:
        return []
    places = [sum(counts[:i]) for i in range(len(counts) + 1)]
    together = [shown[low:high] for low, high in pairwise(places)]
    found = look(question, together, weight_of(weights))
    return [one for passage in found or () for one in passage]


def weight_of(weights: Mapping[str, float]) -> Callable[[str], float]:
    """How much a word of the question tells, for any word as it is written."""
    mean = sum(weights.values()) / len(weights) if weights else 1.0

    def weight(word: str) -> float:
        folded = fold(word)
        if folded in STOP_WORDS or not any(letter.isalnum() for letter in folded):
            return _ASIDE * mean
        return weights.get(base(folded), _ASIDE * mean)

    return weight


def _by_words(
    question: str,
    spans: Sequence[tuple[Passage, tuple[int, int]]],
    said: Sequence[Sequence[str]],
    weights: Mapping[str, float],
) -> list[float]:
    mean = sum(map(len, said)) / len(said)
    above = {passage.id: frozenset(stems(f"{passage.header} {passage.section}")) for passage, _ in spans}
    asked = Counter(base(word) for word in content_words(question))
    return _scaled(
        [
            _bm25(Counter(words), len(words) / max(mean, 1.0), asked, weights, above[passage.id])
            for (passage, _), words in zip(spans, said, strict=True)
        ]
    )


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
