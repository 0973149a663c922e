"""Add words to a query: what its acronyms stand for, related words, and the words of what was found first (RM3)."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from kapelle.evidence.index import Statistics
from kapelle.language.related import related_words
from kapelle.language.stopwords import STOP_WORDS
from kapelle.language.words import base, words

_SHORT = re.compile(r"\(([A-Z][A-Z0-9]{1,9})s?\)")
_WORD = re.compile(r"[^\W_]+")
_FEEDBACK_TERMS = 20
_FEEDBACK_SHARE = 0.3
_SHARES = 10
"""Times that a query's words are asked for together, so that an added word may be asked for less often than they."""


def acronyms_in(text: str) -> dict[str, str]:
    """What a text spells out: `time sharing system (TSS)` is {"tss": "time sharing system"}.

    The words before the bracket must begin with the letters in it, in order; small words between them count too.
    Schwartz and Hearst, A Simple Algorithm for Identifying Abbreviation Definitions, PSB 2003, in its strict form.
    """
    found: dict[str, str] = {}
    for match in _SHORT.finditer(text):
        letters = match.group(1).lower()
        before = [word.lower() for word in _WORD.findall(text[max(0, match.start() - 120) : match.start()])]
        long = _spelled(letters, before)
        if long:
            found.setdefault(letters, " ".join(long))
    return found


def _spelled(letters: str, before: Sequence[str]) -> list[str]:
    """The last words of `before` whose first letters are `letters`, small words passed over; else empty."""
    place = len(before)
    for letter in reversed(letters):
        place -= 1
        while place >= 0 and not before[place].startswith(letter) and before[place] in STOP_WORDS:
            place -= 1
        if place < 0 or not before[place].startswith(letter):
            return []
    return list(before[place:])


def by_rules(asked: Sequence[str], counted: Statistics, acronyms: Mapping[str, str]) -> list[str]:
    """Words to add: of acronyms that the collections spell out, and those related to words they never use."""
    spelled = [part for word in asked for part in words(acronyms.get(word, ""))]
    related = [other for word in asked if not counted.containing.get(word) for other in related_words(word)]
    return [word for word in (*spelled, *related) if word not in asked]


def by_feedback(asked: Sequence[str], texts: Iterable[tuple[str, float]]) -> list[str]:
    """The query with words of the best passages, each repeated by its weight.

    A relevance model of `texts` (a text and its score each), mixed with the query: RM3. Lavrenko and Croft, SIGIR 2001;
    Abdul-Jaleel et al., TREC 2004.
    """
    model: Counter[str] = Counter()
    written: dict[str, str] = {}
    for text, score in texts:
        said = [word for word in words(text) if word not in STOP_WORDS and len(word) > 1]
        for word in said:
            stem = base(word)
            written.setdefault(stem, word)
            model[stem] += score / len(said)  # type: ignore[assignment]  # weights, not counts
    best = model.most_common(_FEEDBACK_TERMS)
    total = sum(weight for _, weight in best)
    if not total or not asked:
        return list(asked)
    room = _SHARES * len(asked) * _FEEDBACK_SHARE / (1 - _FEEDBACK_SHARE)
    added = [written[stem] for stem, weight in best for _ in range(round(room * weight / total))]
    return [*list(asked) * _SHARES, *added]
