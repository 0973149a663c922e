"""Chooses which sentences go into the answer: within words and citations, the decision and the wanted sources first."""

from collections.abc import Sequence

from kapelle.evidence.model import Claim, Excerpt
from kapelle.incident.decide.model import Draft

WORDS = 200
"""Of at most 250 in an answer: each citation puts a mark into the text, and marks count."""
CITATIONS = 12


def fit(drafts: Sequence[Draft], wanted: Sequence[str] = ()) -> tuple[Claim, ...]:
    """The drafts that fit, in their order; `wanted` are paths that must stay cited. Sentences without a span are left out."""
    unique = list({draft.text: draft for draft in reversed(drafts) if draft.excerpts}.values())[::-1]
    order = sorted(range(len(unique)), key=lambda index: (index != 0, not _brings(unique, index, wanted), unique[index].rank, index))
    chosen: dict[int, tuple[Excerpt, ...]] = {}
    words, spans = 0, set[Excerpt]()
    for index in order:
        draft = unique[index]
        room = _with_room(draft, spans)
        length = len(draft.text.split())
        if chosen and (words + length > WORDS or len(spans | set(room)) > CITATIONS):
            continue
        chosen[index] = room[:CITATIONS]
        words, spans = words + length, spans | set(chosen[index])
    return tuple(Claim(text=unique[index].text, excerpts=chosen[index]) for index in sorted(chosen))


def _with_room(draft: Draft, spans: set[Excerpt]) -> tuple[Excerpt, ...]:
    """The draft's excerpts, cut to those that are enough where all of them do not fit beside `spans`."""
    fits = len(spans | set(draft.excerpts)) <= CITATIONS
    return draft.excerpts if fits or not draft.least else draft.excerpts[: draft.least]


def _brings(drafts: Sequence[Draft], index: int, wanted: Sequence[str]) -> bool:
    """Whether a draft is the first to cite one of the wanted sources."""
    earlier = {excerpt.source for draft in drafts[:index] for excerpt in draft.excerpts}
    return any(excerpt.source in wanted and excerpt.source not in earlier for excerpt in drafts[index].excerpts)
