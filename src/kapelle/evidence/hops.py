"""Go on from what was found: a second search for what the best passages lead to."""

from collections.abc import Mapping, Sequence

from kapelle.evidence.embedding.embedder import text_to_embed
from kapelle.evidence.index import Filters, Index
from kapelle.evidence.kinds import visible
from kapelle.evidence.legs import Asked, Key, ask
from kapelle.evidence.model import Passage
from kapelle.evidence.names import names_in
from kapelle.evidence.options import SearchOptions
from kapelle.language.words import base, stems

FAN = 3
"""Passages that are gone on from."""
_SHARE = 0.5
"""Of what the second search finds, beside the first."""
_FADING = 0.25
_LED_TO = 0.5
"""For a passage whose document's title stands in the passage that is gone on from."""
_POOL = 50
_OF_SOURCE = 5
"""Passages of a document that is named."""


def go_on(
    index: Index,
    filters: Mapping[str, Filters | None],
    asked: Asked,
    first: Sequence[tuple[Key, Passage]],
    scores: Mapping[Key, float],
    options: SearchOptions,
    *,
    owner: str,
) -> dict[Key, float]:
    """The scores after a second search from each of the first passages.

    It asks for the words that the passage does not hold, for what is near to question and passage together, and for
    documents that the passage names by their title. What it finds is added to the first search's scores, by the rank
    and score of the passage it came from.
    """
    after = {key: max(score, 0.0) for key, score in scores.items()}
    best = max((scores[key] for key, _ in first[:1]), default=0.0)
    for rank, (key, passage) in enumerate(first[:FAN]):
        weight = _SHARE * (scores[key] / best if best > 0 else 0.0) / (1 + _FADING * rank)
        for other, score in _from(index, filters, asked, passage, options, owner=owner).items():
            if other != key:
                after[other] = after.get(other, 0.0) + weight * score
    return after


def _from(
    index: Index,
    filters: Mapping[str, Filters | None],
    asked: Asked,
    passage: Passage,
    options: SearchOptions,
    *,
    owner: str,
) -> dict[Key, float]:
    shown = visible(passage.text, passage.source)
    held = set(stems(f"{passage.header} {passage.section} {passage.context} {shown}"))
    rest = tuple(word for word in asked.words if base(word) not in held)
    whole = f"{asked.text}\n{text_to_embed(passage.header, passage.section, shown, context=passage.context)}"
    named = _named(index, filters, passage, shown, owner)
    also = {name: [number for collection, number in named if collection == name] for name in filters}
    found = ask(index, filters, Asked(rest, whole), options, owner=owner, most=_POOL, also=also)
    scores = found.fused(options)
    return scores | {key: scores.get(key, 0.0) + _LED_TO for key in named}


def _named(index: Index, filters: Mapping[str, Filters | None], passage: Passage, shown: str, owner: str) -> list[Key]:
    names = names_in(shown)
    return [
        (collection, number)
        for collection, filter_ in filters.items()
        if not filter_  # what a filter keeps out is not led to
        for source in index.named(collection, names, owner=owner)
        if source != passage.source
        for number in index.of_source(collection, source, owner=owner, most=_OF_SOURCE)
    ]
