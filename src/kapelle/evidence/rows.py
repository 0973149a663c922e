"""Documents and passages as rows of an index, and back."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Row

from kapelle.evidence.embedding.embedder import text_to_embed
from kapelle.evidence.kinds import kind_of, visible
from kapelle.evidence.model import Document, Passage

_DIGEST_BYTES = 16
_MARKED = ("html", "markdown")
FoundRow: TypeAlias = Row[Any]  # Any: the columns of `SELECT p.*, about`


class Cut(NamedTuple):
    """A passage as it is written; a tuple, for there may be twenty thousand of them a second."""

    id: str
    document: str
    source: str
    sha256: str
    start: int
    end: int
    header: str
    section: str
    context: str
    text: str
    visible: str | None
    """What a reader sees, where that is not the text itself."""
    digest: bytes
    """Of what is embedded."""
    about: str
    """Its meta, as JSON."""
    embedded: str


def digest_of(text: str) -> bytes:
    """What names a text that is embedded."""
    return hashlib.sha256(text.encode()).digest()[:_DIGEST_BYTES]


def document_row(owner: str, document: Document) -> dict[str, str | bool]:
    """A version of a source, as it is stored."""
    return {
        "owner": owner,
        **document.model_dump(include={"id", "source", "sha256", "title", "text", "converted"}),
        "meta": json.dumps(document.meta, sort_keys=True),
    }


def live_row(document: Document) -> dict[str, str | None]:
    """Which version a collection shows."""
    older = document.meta.get("supersedes")
    return {
        "source": document.source,
        "sha256": document.sha256,
        "supersedes": json.dumps(older, sort_keys=True) if older else None,
    }


def cut_rows(passages: Sequence[Passage]) -> list[Cut]:
    """Passages as they are written."""
    rows: list[Cut] = []
    last, about = None, ""
    for passage in passages:
        if passage.meta != last:  # most carry their document's own meta: it is written once
            last, about = passage.meta, json.dumps(passage.meta, sort_keys=True)
        rows.append(_cut_row(passage, about))
    return rows


def _cut_row(passage: Passage, about: str) -> Cut:
    shown = visible(passage.text, passage.source)
    # Of other kinds a reader sees the text, whatever its line breaks are.
    is_text = kind_of(passage.source) not in _MARKED or shown == " ".join(passage.text.split())
    embedded = text_to_embed(passage.header, passage.section, shown, context=passage.context)
    return Cut(
        passage.id,
        passage.document,
        passage.source,
        passage.sha256,
        passage.start,
        passage.end,
        passage.header,
        passage.section,
        passage.context,
        passage.text,
        None if is_text else shown,
        digest_of(embedded),
        about,
        embedded,
    )


def passage_of(row: FoundRow, scores: dict[str, float]) -> Passage:
    """A passage as it was found."""
    return Passage(
        id=row.id,
        document=row.document,
        source=row.source,
        sha256=row.sha256,
        text=row.text,
        start=row.start_char,
        end=row.end_char,
        header=row.header,
        section=row.section,
        context=row.context,
        meta=json.loads(row.about),
        scores=scores,
    )
