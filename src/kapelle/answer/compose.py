"""Compose an answer of claims: only what its quotes show, within the limits of length."""

from collections.abc import Sequence

from kapelle.answer.model import Candidate
from kapelle.answer.number import Numbering, Texts, folded, marked
from kapelle.evidence.model import Claim
from kapelle.verdict.checks import MAX_CITATIONS, MAX_WORDS

NOT_FOUND = "The sources do not say."


def compose_claims(
    claims: Sequence[Claim], texts: Texts, *, max_words: int = MAX_WORDS, max_citations: int = MAX_CITATIONS
) -> Candidate:
    """Make an answer of claims, in order, the markers behind each of their sentences.

    A claim without an excerpt, or with one that is not `text[start:end]` of its version in `texts`, is dropped and
    listed in `missing`; so is what does not fit into `max_words` (markers counted) and `max_citations`.
    """
    numbering = Numbering(texts, max_citations)
    said: list[str] = []
    missing: list[str] = []
    room = max_words
    for claim in _distinct(claims):
        sentence = _ended(folded(claim.text))
        problem = _problem(claim, numbering)
        length = len(marked(sentence, "[c1]").split())
        if problem is None and length > room:
            problem = f"left out, {max_words} words are full"
        markers = "" if problem else numbering.cite(sentence, claim.excerpts)
        if not problem and not markers:
            problem = f"left out, {max_citations} citations are full"
        if problem:
            missing.append(f"{sentence} ({problem})")
            continue
        said.append(marked(sentence, markers))
        room -= length
    return Candidate(
        text=" ".join(said) or NOT_FOUND,
        citations=numbering.citations,
        missing=tuple(missing),
        found=bool(said),
    )


def _problem(claim: Claim, numbering: Numbering) -> str | None:
    if not folded(claim.text):
        return "empty"
    if not claim.excerpts:
        return "no quote shows it"
    return next((problem for problem in map(numbering.problem, claim.excerpts) if problem), None)


def _distinct(claims: Sequence[Claim]) -> list[Claim]:
    seen: dict[str, Claim] = {}
    for claim in claims:
        key = " ".join(claim.text.lower().split())
        seen.setdefault(key, claim)
    return list(seen.values())


def _ended(sentence: str) -> str:
    """A sentence with a full stop, so that it does not run into the next."""
    return sentence if not sentence or sentence[-1] in ".!?:;…" or not sentence[-1].isalnum() else f"{sentence}."
