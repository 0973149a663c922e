"""Choose what of the passages a model is shown: the most relevant first, up to a number of tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

from kapelle.answer.number import Texts
from kapelle.evidence.model import Excerpt, Passage
from kapelle.language.sentences import sentences
from kapelle.verdict.citations import check_citation

_BYTES_OF_TOKEN = 3
"""Without a tokenizer: fewer than most languages have, so that what fits by this count fits."""
_FRAME = 40
"""Tokens of the lines around a passage."""
_LEAST = 60
"""Characters below which the beginning of a passage tells nothing."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage as it is shown: its text from `start` to `end` of the document."""

    passage: Passage
    start: int
    end: int

    @property
    def text(self) -> str:
        """The characters that are shown, as they stand in the document."""
        return self.passage.text[self.start - self.passage.start : self.end - self.passage.start]

    @property
    def label(self) -> str:
        """What is told of where it is from."""
        passage = self.passage
        known = {"source": passage.source, "title": passage.header, "section": passage.section}
        known |= {
            key: str(passage.meta[key]) for key in ("version", "date", "effective", "updated") if passage.meta.get(key)
        }
        return "; ".join(f"{key}: {value}" for key, value in known.items() if value)


def build_context(hits: Sequence[Passage], texts: Texts, *, budget_tokens: int) -> list[Shown]:
    """Choose what is shown of passages, in their order, within `budget_tokens` by a careful count.

    A passage that does not fit is cut behind its last sentence that does, and nothing follows it. A passage shown
    before, or whose text is not the one stored, is left out.
    """
    shown: list[Shown] = []
    seen: set[str] = set()
    room = budget_tokens
    for hit in hits:
        if hit.id in seen or check_citation(_whole(hit), texts.get((hit.source, hit.sha256))) is not None:
            continue
        seen.add(hit.id)
        whole = Shown(hit, hit.start, hit.end)
        left = room - _FRAME - _tokens(whole.label)
        end = _end(hit, left)
        if end is None:
            break
        shown.append(Shown(hit, hit.start, end))
        room = left - _tokens(shown[-1].text)
        if end < hit.end:
            break
    return shown


def _end(hit: Passage, tokens: int) -> int | None:
    """Where a passage ends so that it has at most so many tokens: behind a sentence; None where too little fits."""
    if _tokens(hit.text) <= tokens:
        return hit.end
    ends = [end for _, end in sentences(hit.text) if _tokens(hit.text[:end]) <= tokens]
    return hit.start + ends[-1] if ends and ends[-1] >= _LEAST else None


def _tokens(text: str) -> int:
    return -(-len(text.encode()) // _BYTES_OF_TOKEN)


def _whole(hit: Passage) -> Excerpt:
    return Excerpt(source=hit.source, sha256=hit.sha256, start=hit.start, end=hit.end, quote=hit.text)
