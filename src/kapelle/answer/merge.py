"""Merge several answers or hit lists into one, and list where they contradict each other."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import combinations

from kapelle.answer.model import Candidate
from kapelle.budget.model import Usage
from kapelle.evidence.model import Citation, Passage
from kapelle.language.numbers import number, quantities
from kapelle.language.stopwords import STOP_WORDS
from kapelle.language.words import base, words

_MARKER = re.compile(r"\[(c\d+)\]")
_SAME_SUBJECT = 0.6
"""Share of their telling words that two sentences must have in common to be about one thing."""


def merge_candidates(candidates: Sequence[Candidate]) -> Candidate:
    """Join answers, one paragraph each: citations of one span become one and are numbered anew, conflicts are listed.

    Answers that found nothing add only to `missing`; when none found anything the result is not found either.
    """
    found = [candidate for candidate in candidates if candidate.found]
    kept: dict[tuple[str, str, int, int], Citation] = {}
    paragraphs = []
    for candidate in found:
        renamed = {citation.id: _number(citation, kept) for citation in candidate.citations}
        paragraphs.append(_renumber(candidate.text, renamed))
    citations = tuple(kept.values())
    conflicts = [conflict for candidate in candidates for conflict in candidate.conflicts]
    missing = [lack for candidate in candidates for lack in candidate.missing]
    return Candidate(
        text="\n\n".join(dict.fromkeys(paragraphs)) or (candidates[0].text if candidates else ""),
        citations=citations,
        missing=tuple(dict.fromkeys(missing)),
        conflicts=tuple(dict.fromkeys([*conflicts, *find_conflicts(citations)])),
        found=bool(found),
        usage=sum((candidate.usage for candidate in candidates), Usage()),
    )


def merge_hits(rankings: Sequence[Sequence[Passage]]) -> list[Passage]:
    """Join hit lists: each passage once, with its best `score`; best first, ties by source and place."""
    best: dict[str, Passage] = {}
    for hit in (hit for ranking in rankings for hit in ranking):
        if hit.id not in best or _score(hit) > _score(best[hit.id]):
            best[hit.id] = hit
    return sorted(best.values(), key=lambda hit: (-_score(hit), hit.source, hit.start))


def find_conflicts(citations: Sequence[Citation]) -> list[str]:
    """Pairs of quotes from different sources that say the same of one thing with different numbers."""
    return [
        f'`{a.source}` says "{_line(a.quote)}"; `{b.source}` says "{_line(b.quote)}"'
        for a, b in combinations(citations, 2)
        if a.source != b.source and _contradict(a.quote, b.quote)
    ]


def _contradict(a: str, b: str) -> bool:
    mine, yours = _subject(a), _subject(b)
    if not mine or not yours or len(mine & yours) / min(len(mine), len(yours)) < _SAME_SUBJECT:
        return False
    ours, theirs = set(quantities(a)), set(quantities(b))
    units = {unit for _, unit in ours} & {unit for _, unit in theirs}
    return any(_of(unit, ours) != _of(unit, theirs) for unit in units)


def _renumber(text: str, renamed: Mapping[str, str]) -> str:
    return _MARKER.sub(lambda marker: f"[{renamed.get(marker.group(1), marker.group(1))}]", text)


def _of(unit: str, among: set[tuple[Decimal, str]]) -> set[Decimal]:
    return {value for value, of in among if of == unit}


def _subject(text: str) -> set[str]:
    """The stems that tell what a sentence is about; numbers are not among them."""
    return {base(word) for word in words(text) if word not in STOP_WORDS and number(word) is None}


def _number(citation: Citation, kept: dict[tuple[str, str, int, int], Citation]) -> str:
    key = (citation.source, citation.sha256, citation.start, citation.end)
    if key not in kept:
        kept[key] = citation.model_copy(update={"id": f"c{len(kept) + 1}"})
    return kept[key].id


def _score(hit: Passage) -> float:
    return hit.scores.get("score", 0.0)


def _line(quote: str) -> str:
    return " ".join(quote.split())
