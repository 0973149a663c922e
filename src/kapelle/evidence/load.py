"""Make Documents of files: UTF-8 decoded with nothing changed, so that offsets are the file's; others converted."""

import hashlib

from pydantic import JsonValue

from kapelle.errors import MissingExtra, UnreadableSource
from kapelle.evidence.converters import CONVERTED, ConversionLost, Converters
from kapelle.evidence.folder import NotRead
from kapelle.evidence.index import Source
from kapelle.evidence.kinds import kind_of, suffix_of
from kapelle.evidence.model import Document, make_document
from kapelle.evidence.titles import front_matter, supersedes, title_of

FILE_SHA256 = "file_sha256"
"""In `meta` of a converted document: the SHA-256 of the file it was converted from."""


def read_document(
    source: str,
    content: bytes,
    converters: Converters,
    *,
    known: Source | None = None,
    meta: dict[str, JsonValue] | None = None,
) -> Document | None:
    """The Document of a file's bytes, or None when `known` is the same version.

    Args:
        meta: more that is known of it.

    Raises:
        NotRead: it is no UTF-8 text, or cannot be converted.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    suffix = suffix_of(source)
    if suffix in CONVERTED:
        if known is not None and known.meta.get(FILE_SHA256) == sha256:
            return None
        text = _converted(converters, suffix, content)
        return document_of(source, text, converted=True, meta={**(meta or {}), FILE_SHA256: sha256})
    if known is not None and known.sha256 == sha256:
        return None
    return document_of(source, decoded(content), meta=meta)


def decoded(content: bytes) -> str:
    """Bytes as text, with nothing changed.

    Raises:
        NotRead: they are no UTF-8, or no text.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise NotRead("it is not UTF-8 text; convert it first") from None
    if "\0" in text:
        raise NotRead("it is not text: it holds NUL bytes")
    return text


def _converted(converters: Converters, suffix: str, content: bytes) -> str:
    try:
        return converters.convert(suffix, content)
    except UnreadableSource as error:
        raise NotRead(str(error)) from None
    except (MissingExtra, ConversionLost) as error:
        raise NotRead(str(error), transient=True) from None


def document_of(
    source: str, text: str, *, converted: bool = False, meta: dict[str, JsonValue] | None = None
) -> Document:
    """Make the Document of a file's text: its title, and in `meta` its front matter and what it supersedes."""
    said: dict[str, JsonValue] = front_matter(text)[0] if kind_of(source) in ("markdown", "text") else {}
    older = supersedes(text, said)
    if older:
        said = {**said, "supersedes": list(older)}
    return make_document(source, text, title=title_of(source, text), converted=converted, meta={**said, **(meta or {})})
