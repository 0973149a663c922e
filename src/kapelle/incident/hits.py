"""Hit: a found passage as the search tools hand it out, its snippet an exact span."""

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from kapelle.answer.rank import rank_sentences
from kapelle.evidence.model import Excerpt, Passage
from kapelle.evidence.quotes import quotable


class Hit(BaseModel):
    """A stretch of a company's document or ticket."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source_id: str
    """The ticket's key, or the document's name."""
    snippet: str
    """Exact characters of the source, as in `ref`."""
    score: float = Field(ge=0, le=1)
    """The share of the query's weight that the passage covers."""
    metadata: dict[str, JsonValue]
    citation_id: str
    """Names the snippet: the source and its span."""
    citation_source: str
    """The file, relative to the company's folder."""
    ref: Excerpt


class Hits(BaseModel):
    """What a search found, and how far it can be relied on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hits: tuple[Hit, ...]
    confidence: float = Field(ge=0, le=1)
    recommend_fallback: bool
    """True when the hits hardly bear on the query."""
    fallback_reason: str
    """Why: nothing relevant, filters dropped, another index or ranking than was asked for; empty when all is well."""
    relaxed: bool = False
    """Some filters were dropped, because nothing fitted them all."""


def hit_of(passage: Passage, query: str, weights: Mapping[str, float], max_chars: int) -> Hit:
    """Make the Hit of a passage: whole, or `max_chars` of it from the sentence that answers best."""
    start, end = _window(passage, query, weights, max_chars)
    snippet = passage.text[start - passage.start : end - passage.start]
    shown = {name: value for name, value in passage.meta.items() if not name.startswith("of_")}
    stem = passage.source.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return Hit(
        source_id=str(passage.meta.get("key") or stem),
        snippet=snippet,
        score=passage.scores.get("relevance", 0.0),
        metadata={"title": passage.header, "section": passage.section, **shown},
        citation_id=f"{passage.source}#{start}-{end}",
        citation_source=passage.source,
        ref=Excerpt(source=passage.source, sha256=passage.sha256, start=start, end=end, quote=snippet),
    )


def _window(passage: Passage, query: str, weights: Mapping[str, float], max_chars: int) -> tuple[int, int]:
    if passage.end - passage.start <= max_chars:
        return passage.start, passage.end
    ranked = rank_sentences(query, [passage], weights)
    start = ranked[0].start if ranked else passage.start
    # What fits before the passage's end is shown too, rather than a short rest.
    earlier = [low for low, _ in quotable(passage) if passage.end - max_chars <= low < start]
    start = min([start, *earlier])
    return start, _whole_words(passage, start, start + max_chars)


def _whole_words(passage: Passage, start: int, end: int) -> int:
    text, offset = passage.text, passage.start
    if end >= passage.end or text[end - offset].isspace():
        return min(end, passage.end)
    blank = max(text.rfind(" ", start - offset, end - offset), text.rfind("\n", start - offset, end - offset))
    return offset + blank if blank > start - offset else end


def sources_of(hits: Iterable[Hit]) -> list[tuple[str, str]]:
    """The versions that hits quote, each once: (source, sha256)."""
    return list(dict.fromkeys((hit.ref.source, hit.ref.sha256) for hit in hits))
