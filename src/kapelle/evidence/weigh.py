"""Weigh the words of a question by how much they tell, and measure how many of them a text covers."""

import math
from collections.abc import Collection, Mapping

from kapelle.evidence.index import Statistics
from kapelle.evidence.kinds import visible
from kapelle.evidence.model import Passage
from kapelle.language.related import SHARE, related
from kapelle.language.sentences import sentences
from kapelle.language.stopwords import ASKING_WORDS, KIND_WORDS
from kapelle.language.words import base, content_words, stems

# A small collection tells little about how rare a word is: this many passages of other texts are imagined beside it.
_BACKGROUND = 30
_KIND_SHARE = 0.3
"""Weight of a word that names the kind of answer (`time`, `cost`): a sentence may answer without it."""
_TITLE_SHARE = 0.5
"""Credit for a word that only the document's title holds: it says what the document is about, not what it says."""


def asked_words(question: str, *, besides: Collection[str] = ()) -> list[str]:
    """The words of a question that name its topic: not those that only frame it, nor the names in `besides`."""
    words = content_words(question)
    named = {base(word) for name in besides for word in content_words(name)}
    topic = [word for word in words if word not in ASKING_WORDS and base(word) not in named]
    return topic or words


def weigh(words: Collection[str], statistics: Statistics) -> dict[str, float]:
    """Weigh words by rarity: stem -> ln(1 + (N - n + 0.5) / (n + 0.5)), N and n counted in passages."""
    weights: dict[str, float] = {}
    total = statistics.passages + _BACKGROUND
    for word in words:
        holding = min(statistics.containing.get(word, 0), statistics.passages)
        rarity = math.log(1 + (total - holding + 0.5) / (holding + 0.5))
        weights[base(word)] = rarity * (_KIND_SHARE if word in KIND_WORDS else 1.0)
    return weights


def coverage(weights: Mapping[str, float], present: Collection[str], half: Collection[str] = ()) -> float:
    """The share of the weight that a text's stems hold, 0..1; related words count `SHARE`, stems in `half` half."""
    total = sum(weights.values())
    if total == 0:
        return 0.0
    return sum(weight * _credit(stem, present, half) for stem, weight in weights.items()) / total


def _credit(stem: str, present: Collection[str], half: Collection[str]) -> float:
    if stem in present:
        return 1.0
    if any(other in present for other in related(stem)):
        return SHARE
    return _TITLE_SHARE if stem in half else 0.0


def relevance(weights: Mapping[str, float], passage: Passage) -> float:
    """How well a passage covers the question, 0..1: the mean over the whole and its best sentence.

    The section's headings count with each sentence, the title half. What a model wrote of the passage does not count:
    by it a passage is found, and nothing is shown.
    """
    text = visible(passage.text, passage.source)
    section, title = set(stems(passage.section)), set(stems(passage.header))
    whole = coverage(weights, set(stems(text)) | section, title)
    cut = [set(stems(text[start:end])) | section for start, end in sentences(text)]
    best = max((coverage(weights, sentence, title) for sentence in cut), default=0.0)
    return (whole + best) / 2
