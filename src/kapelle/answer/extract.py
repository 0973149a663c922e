"""Answer a question by quoting: the one to three sentences that say it, or that the sources do not."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from kapelle.answer.answerable import ANSWERABLE, confidence
from kapelle.answer.compose import NOT_FOUND
from kapelle.answer.model import Candidate
from kapelle.answer.number import Numbering, Texts, folded, marked
from kapelle.answer.rank import Ranked, rank_sentences
from kapelle.evidence.confidence import RELEVANT
from kapelle.evidence.embedding.embedder import Look
from kapelle.evidence.index import Statistics
from kapelle.evidence.kinds import visible
from kapelle.evidence.model import Excerpt, Passage
from kapelle.evidence.quotes import quotable
from kapelle.evidence.weigh import asked_words, coverage, relevance, weigh
from kapelle.language.words import base, stems
from kapelle.verdict.checks import MAX_CITATIONS, MAX_WORDS

_PASSAGES = 3
"""Passages whose sentences are considered."""
_SENTENCES = 3
_LIST = 500
"""Characters up to which a list is quoted with the sentence that announces it."""
_ITEM = re.compile(r"\s+(?:[-*+•]|\d{1,3}[.)]|\([a-z0-9]\))\s+")
_GAIN = 0.2
"""Share of the question's weight that a further sentence must add."""


def compose_extractive(
    question: str,
    hits: Sequence[Passage],
    texts: Texts,
    *,
    weights: Mapping[str, float] | None = None,
    searched: Sequence[str] = (),
    look: Look | None = None,
    answers_from: float | None = None,
) -> Candidate:
    """Answer a question with sentences of the hits, each quoted verbatim and cited by its span.

    Args:
        hits: passages, best first.
        texts: the stored texts by (source, sha256); a hit whose text is not among them is not quoted.
        weights: of each stem asked for: how much it tells (`SearchResult.weights`); estimated of the hits if None.
        searched: the collections, named when nothing is found.
        look: how an embedder looks at sentences; None: by words alone.
        answers_from: the confidence below which the sources do not say; None: `ANSWERABLE`.
    """
    weights = _weights(question, hits, searched) if weights is None else weights
    numbering = Numbering(texts, MAX_CITATIONS)
    standing = [hit for hit in hits if numbering.problem(_excerpt(hit, hit.start, hit.end)) is None]
    ranked, sure = judge_sentences(question, standing, weights, look=look)
    chosen = _choose(ranked, weights) if sure >= (ANSWERABLE if answers_from is None else answers_from) else []
    said: list[str] = []
    for sentence in map(_with_list, chosen):
        claim = folded(visible(sentence.quote, sentence.passage.source))
        if len(" ".join([*said, claim]).split()) + 1 > MAX_WORDS:
            continue
        excerpt = _excerpt(sentence.passage, sentence.start, sentence.end)
        said.append(marked(claim, numbering.cite(claim, [excerpt], passage=sentence.passage.id)))
    if not said:
        return _not_found(question, hits, searched, sure)
    return Candidate(text=" ".join(said), citations=numbering.citations, confidence=round(sure, 4))


def judge_sentences(
    question: str, hits: Sequence[Passage], weights: Mapping[str, float], *, look: Look | None
) -> tuple[list[Ranked], float]:
    """The sentences that may answer, best first, and how sure it is, 0..1, that the best one does."""
    if look is None:
        hits = [hit for hit in hits if relevance(weights, hit) >= RELEVANT]
    hits = hits[:_PASSAGES]
    ranked = rank_sentences(question, hits, weights, look=look)
    return ranked, confidence(ranked, hits, weights)


def _weights(question: str, hits: Sequence[Passage], searched: Sequence[str]) -> dict[str, float]:
    words = asked_words(question, besides=searched)
    held = [set(stems(f"{hit.header} {hit.section} {visible(hit.text, hit.source)}")) for hit in hits]
    containing = {word: sum(base(word) in stems for stems in held) for word in words}
    return weigh(words, Statistics(passages=len(hits), containing=containing))


def _choose(ranked: Sequence[Ranked], weights: Mapping[str, float]) -> list[Ranked]:
    """The best sentence, and those that add to what it covers of the question."""
    chosen: list[Ranked] = []
    covered: set[str] = set()
    for sentence in ranked:
        before = coverage(weights, covered)
        if not chosen or coverage(weights, covered | sentence.stems) - before >= _GAIN:
            chosen.append(sentence)
            covered |= sentence.stems
        if len(chosen) == _SENTENCES:
            break
    return chosen


def _with_list(sentence: Ranked) -> Ranked:
    """A sentence that announces a list, with the items that follow it."""
    if not sentence.quote.endswith(":"):
        return sentence
    passage, end = sentence.passage, sentence.end
    for low, high in quotable(passage):
        gap = passage.text[end - passage.start : low - passage.start] if low >= end else ""
        if _ITEM.fullmatch(gap) and high - sentence.start <= _LIST:
            end = high
    return replace(sentence, end=end)


def _excerpt(passage: Passage, start: int, end: int) -> Excerpt:
    quote = passage.text[start - passage.start : end - passage.start]
    return Excerpt(source=passage.source, sha256=passage.sha256, start=start, end=end, quote=quote)


def _not_found(question: str, hits: Sequence[Passage], searched: Sequence[str], sure: float) -> Candidate:
    places = ", ".join(searched) or ", ".join(dict.fromkeys(hit.source for hit in hits)) or "no collection"
    return Candidate(
        text=f"{NOT_FOUND} Searched: {places}.",
        found=False,
        missing=(f"nothing relevant in {places} to: {question}",),
        confidence=round(sure, 4),
    )
