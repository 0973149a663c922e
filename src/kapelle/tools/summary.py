"""Summarize by choosing sentences: those whose words the text keeps coming back to."""

import re
from collections import Counter

from kapelle.language.sentences import sentences
from kapelle.language.stopwords import STOP_WORDS
from kapelle.language.words import base, words

_MARK = re.compile(r"^(?:\s*(?:[-*+•>]|\d{1,3}[.)]|#{1,6})\s+)+")
_TELLING = re.compile(
    r"\b(?:in (?:short|summary|conclusion)|therefore|as a result|decided|agreed|conclu\w+|root cause|because|must|"
    r"important\w*|key|critical|deadline|result\w*|recommend\w*|total)\b|\d",
    re.IGNORECASE,
)
_LEAD = 1.3
"""Factor of the first sentence: texts mostly say first what they are about."""
_SHORTEST = 4
"""Shorter sentences, and those that only announce what follows, are left out where others are at hand."""


def summarize_text(text: str, max_words: int) -> str:
    """Choose the sentences that say most, in their order, within `max_words`; a text that fits is given whole.

    When not even one sentence fits, the best one is cut short and ends with `…`.
    """
    said = [_clean(text[start:end]) for start, end in sentences(text)]
    said = list(dict.fromkeys(sentence for sentence in said if words(sentence)))
    if sum(len(sentence.split()) for sentence in said) <= max_words:
        return " ".join(said)
    said = [sentence for sentence in said if _says_something(sentence)] or said
    scores = _scores(said)
    ranked = sorted(range(len(said)), key=lambda i: (-scores[i], i))
    chosen: list[int] = []
    room = max_words
    for i in ranked:
        length = len(said[i].split())
        if length <= room:
            chosen.append(i)
            room -= length
    if not chosen:
        return " ".join(said[ranked[0]].split()[:max_words]).rstrip(",;:") + "…"
    return " ".join(said[i] for i in sorted(chosen))


def _says_something(sentence: str) -> bool:
    return len(sentence.split()) >= _SHORTEST and not sentence.endswith(":")


def _clean(sentence: str) -> str:
    return " ".join(_MARK.sub("", sentence).split())


def _scores(said: list[str]) -> list[float]:
    """How much each sentence says: how often its telling words occur in the text; lead and figures count more."""
    telling = [[base(word) for word in words(sentence) if word not in STOP_WORDS] for sentence in said]
    often = Counter(stem for stems in telling for stem in set(stems))
    scores = []
    for i, stems in enumerate(telling):
        score = sum(often[stem] for stem in set(stems)) / (len(stems) + 3)
        score *= _LEAD if i == 0 else 1.0
        score *= 1.2 if _TELLING.search(said[i]) else 1.0
        scores.append(score)
    return scores
