"""Bring what an address holds into a collection; its source is the address."""

import asyncio
from collections.abc import Collection
from urllib.parse import urldefrag

from pydantic import JsonValue

from kapelle import clock
from kapelle.errors import UnreadableSource
from kapelle.evidence.converters import Converters
from kapelle.evidence.fetch import Fetched, Validators, fetch
from kapelle.evidence.folder import NotRead
from kapelle.evidence.index import Index, IngestReport, Source
from kapelle.evidence.kinds import kind_of, suffix_of
from kapelle.evidence.load import document_of, read_document
from kapelle.evidence.model import Document
from kapelle.settings import CorpusSettings

_SUFFIXES = {
    "text/html": "html", "application/xhtml+xml": "html", "text/markdown": "md", "text/x-markdown": "md",
    "application/json": "json", "application/ld+json": "json", "application/x-ndjson": "jsonl", "text/csv": "csv",
    "text/tab-separated-values": "tsv", "application/yaml": "yaml", "text/yaml": "yaml", "application/x-yaml": "yaml",
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}  # fmt: skip
_SAYS_NOTHING = ("", "text/plain", "application/octet-stream", "binary/octet-stream")
"""Types that servers give to files whose name says more."""


async def ingest_url(
    index: Index,
    collection: str,
    url: str,
    *,
    owner: str,
    settings: CorpusSettings,
    admit: Collection[str] = (),
) -> IngestReport:
    """Fetch an address into a collection, unless the server says that it is as it was.

    Args:
        admit: addresses that are let through though they are not public, for tests on this machine.

    Raises:
        BadInput: the address is not allowed.
        UnreadableSource: it does not answer, or not with a text, pdf or office file.
    """
    plain = urldefrag(url).url
    known = [one for one in index.sources(collection, owner=owner) if urldefrag(one.source).url == plain]
    fetched = await fetch(plain, settings, known=_validators(known), admit=admit)
    document = await asyncio.to_thread(read_fetched, plain, fetched, settings, known) if fetched is not None else None
    if document is None:
        return IngestReport(collection=collection, unchanged=1)
    return await asyncio.to_thread(_put, index, collection, document, known, owner)


def _put(index: Index, collection: str, document: Document, known: list[Source], owner: str) -> IngestReport:
    report = index.put(collection, [document], owner=owner)
    # Under another kind it was another source.
    others = [one.source for one in known if one.source != document.source]
    if others:
        index.delete(collection, owner=owner, sources=others)
        report = report.model_copy(update={"added": 0, "changed": report.added + report.changed})
    return report


def _validators(known: list[Source]) -> Validators:
    meta = known[0].meta if known else {}
    return Validators(str(meta.get("etag", "")), str(meta.get("last_modified", "")))


def read_fetched(url: str, fetched: Fetched, settings: CorpusSettings, known: list[Source]) -> Document | None:
    """The Document of what was fetched, or None when it is among `known`.

    Raises:
        UnreadableSource: it is of no kind that is read.
    """
    source = source_of(url, fetched.media_type)
    present = next((one for one in known if one.source == source), None)
    meta: dict[str, JsonValue] = {
        "fetched": clock.to_iso(clock.now()),
        **({"etag": fetched.validators.etag} if fetched.validators.etag else {}),
        **({"last_modified": fetched.validators.modified} if fetched.validators.modified else {}),
        **({"fetched_from": fetched.url} if fetched.url != url else {}),
    }
    try:
        if fetched.charset not in ("utf-8", "utf8", "us-ascii") and kind_of(source) != "pdf":
            text = fetched.content.decode(fetched.charset)
            return document_of(source, text, converted=True, meta=meta)
        with Converters(1, seconds=settings.convert_timeout, megabytes=settings.convert_memory) as converters:
            return read_document(source, fetched.content, converters, known=present, meta=meta)
    except (LookupError, UnicodeDecodeError):
        raise UnreadableSource(f"`{url}` says that it is {fetched.charset}, and is not") from None
    except NotRead as error:
        raise UnreadableSource(f"`{url}`: {error}") from None


def source_of(url: str, media_type: str) -> str:
    """The source of a URL: itself; where its name says another kind than its content type, that kind at its end.

    Raises:
        UnreadableSource: no such type is read.
    """
    if media_type in _SAYS_NOTHING:
        named = "." in url.rsplit("/", 1)[-1] and kind_of(url) != "html"
        return url if named or suffix_of(url) in ("html", "htm") else _as(url, "txt")
    suffix = _SUFFIXES.get(media_type) or ("txt" if media_type.startswith("text/") else None)
    if suffix is None:
        raise UnreadableSource(f"`{url}` is `{media_type}`; text, html, json, yaml, csv, pdf and office files are read")
    return _as(url, suffix)


def _as(url: str, suffix: str) -> str:
    kind = kind_of(f"x.{suffix}")
    same = kind_of(url) == kind and (suffix not in ("pdf", "docx", "pptx", "xlsx") or suffix_of(url) == suffix)
    return url if same or (kind == "text" and kind_of(url) == "code") else f"{url}#kind={suffix}"
