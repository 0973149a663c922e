"""Chooses which sentences go into the answer: within words and citations, the decision and the wanted sources first."""

from collections.abc import Sequence

from kapelle.evidence.model import Claim, Excerpt
from kapelle.incident.decide.model import Draft

WORDS = 200
"""Of at most 250 in an answer: each citation puts a mark into the text, and marks count."""
CITATIONS = 12


def fit(drafts: Sequence[Draft], wanted: Sequence[str] = ()) -> tuple[Claim, ...]:
    """The drafts that fit, in their order; `wanted` are paths that must stay cited. Sentences without a span
    are left out.
    """
    first: dict[str, Draft] = {}
    for draft in drafts:
        if draft.excerpts:
            first.setdefault(draft.text, draft)
    unique = list(first.values())
    order = sorted(
        range(len(unique)),
        key=lambda index: (index != 0, not _brings(unique, index, wanted), unique[index].rank, index),
    )
    chosen: dict[int, tuple[Excerpt, ...]] = {}
    words, spans = 0, set[Excerpt]()
    for index in order:
        needed = unique[index].excerpts[: unique[index].least or CITATIONS]
        length = len(unique[index].text.split())
        if chosen and (words + length > WORDS or len(spans | set(needed)) > CITATIONS):
            continue
        chosen[index] = needed
        words, spans = words + length, spans | set(needed)
    for index in order:  # what is left of the room goes to excerpts that are good to have
        for excerpt in unique[index].excerpts if index in chosen else ():
            if excerpt not in chosen[index] and len(spans | {excerpt}) <= CITATIONS:
                chosen[index], spans = (*chosen[index], excerpt), spans | {excerpt}
    return tuple(Claim(text=unique[index].text, excerpts=chosen[index]) for index in sorted(chosen))


def _brings(drafts: Sequence[Draft], index: int, wanted: Sequence[str]) -> bool:
    """Whether a draft is the first to cite one of the wanted sources."""
    earlier = {excerpt.source for draft in drafts[:index] for excerpt in draft.excerpts}
    return any(excerpt.source in wanted and excerpt.source not in earlier for excerpt in drafts[index].excerpts)
