"""Choose the stretch of a document that answers a query best, as an exact span."""

import re
from collections import Counter

from kapelle.evidence.index import Statistics
from kapelle.evidence.model import Document, Excerpt, Passage
from kapelle.evidence.split import split
from kapelle.evidence.weigh import asked_words, relevance, weigh
from kapelle.language.words import base, stems, words

# A change log names everything a document rules, and rules nothing itself.
_CHANGE_LOG = re.compile(r"change ?log|revision|history|what changed", re.IGNORECASE)
_ASKS_FOR_CHANGES = re.compile(r"chang|differ|compar|version|tighten|relax|loosen|histor|\bv\d", re.IGNORECASE)


def best_excerpt(document: Document, query: str, max_chars: int) -> Excerpt:
    """Quote at most `max_chars` characters: the best passage and its neighbors as far as they fit the query too.

    Without a query, or where no word of it occurs, the beginning of the document.
    """
    # Passages may be a sixth longer than asked for, so that no short rest is left over.
    passages = split(document, size=max(1, max_chars * 6 // 7))
    scores = _scores(passages, query)
    best = max(range(len(passages)), key=lambda i: (scores[i], -i), default=None)
    if best is None or scores[best] == 0:
        return excerpt(document, 0, _cut(document.text, max_chars))
    first, last = _grow(passages, scores, best, max_chars)
    start = passages[first].start
    return excerpt(document, start, min(passages[last].end, start + max_chars))


def excerpt(document: Document, start: int, end: int) -> Excerpt:
    """The characters of a document from `start` to `end`, exclusive."""
    return Excerpt(source=document.source, sha256=document.sha256, start=start, end=end, quote=document.text[start:end])


def _scores(passages: list[Passage], query: str) -> list[float]:
    if not words(query):
        return [0.0] * len(passages)
    containing: Counter[str] = Counter()
    for passage in passages:
        containing.update(set(stems(f"{passage.section} {passage.text}")))
    asked = asked_words(query)
    statistics = Statistics(passages=len(passages), containing={word: containing[base(word)] for word in asked})
    weights = weigh(asked, statistics)
    changes = bool(_ASKS_FOR_CHANGES.search(query))
    return [
        relevance(weights, each) / (1 if changes or not _CHANGE_LOG.search(each.section) else 2) for each in passages
    ]


def _grow(passages: list[Passage], scores: list[float], best: int, max_chars: int) -> tuple[int, int]:
    """Take neighbors in while they fit, the better one first."""
    first = last = best
    while True:
        sides = [i for i in (first - 1, last + 1) if 0 <= i < len(passages) and scores[i] > scores[best] / 2]
        sides = [i for i in sides if _length(passages, min(first, i), max(last, i)) <= max_chars]
        if not sides:
            return first, last
        taken = max(sides, key=lambda i: scores[i])
        first, last = min(first, taken), max(last, taken)


def _length(passages: list[Passage], first: int, last: int) -> int:
    return passages[last].end - passages[first].start


def _cut(text: str, max_chars: int) -> int:
    """Where the beginning of a text ends: after the last whole line that fits, or in the middle of the first."""
    if len(text) <= max_chars:
        return len(text)
    return text.rfind("\n", 0, max_chars) + 1 or max_chars
