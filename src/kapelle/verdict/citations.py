"""Check a citation against the stored text: exact, of the version that was read, from what was retrieved."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from kapelle.evidence.model import Citation, Excerpt, sha256_of

Stretches: TypeAlias = Mapping[tuple[str, str], Sequence[tuple[int, int]]]
"""The spans of the passages that a run retrieved, by (source, sha256) of their document; ends exclusive."""


def check_citation(citation: Citation | Excerpt, text: str | None) -> str | None:
    """Say what is wrong with a citation, or None: `text[start:end] == quote`, of the version it names.

    Args:
        text: the stored text of the citation's source and version; None when there is none.
    """
    where = f"`{citation.source}` [{citation.start}:{citation.end}]"
    if text is None:
        return f"{where}: version {citation.sha256[:12]} was not read in this run"
    if sha256_of(text) != citation.sha256:
        return f"{where}: the stored text is not version {citation.sha256[:12]}"
    if not citation.quote.strip():
        return f"{where}: the quote is empty"
    if not 0 <= citation.start < citation.end <= len(text):
        return f"{where}: the span is outside the text of {len(text)} characters"
    if text[citation.start : citation.end] != citation.quote:
        return f"{where}: the text there is not the quote"
    return None


def check_retrieved(citation: Citation | Excerpt, retrieved: Stretches) -> str | None:
    """Say what is wrong with where a citation is from, or None: its span lies within one passage of `retrieved`.

    A span over two passages is none that was read: what stands between them was not.
    """
    stretches = retrieved.get((citation.source, citation.sha256), ())
    if any(start <= citation.start < citation.end <= end for start, end in stretches):
        return None
    where = f"`{citation.source}` [{citation.start}:{citation.end}]"
    if not stretches:
        return f"{where}: no passage of version {citation.sha256[:12]} was retrieved in this run"
    return f"{where}: the span is in no passage that was retrieved in this run"
