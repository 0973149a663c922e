"""Tell a document's kind by its name, and show its text as a reader sees it."""

import html
import re
from typing import Literal

Kind = Literal["markdown", "html", "json", "yaml", "csv", "text"]

_KINDS: dict[str, Kind] = {
    "md": "markdown", "markdown": "markdown", "mdx": "markdown", "html": "html", "htm": "html", "xhtml": "html",
    "json": "json", "jsonl": "json", "ndjson": "json", "yaml": "yaml", "yml": "yaml", "csv": "csv", "tsv": "csv",
}  # fmt: skip
_TAG = re.compile(r"<!--.*?-->|</?[A-Za-z][^<>]*>", re.DOTALL)
_CELL = re.compile(r"</?(?:td|th|tr|br|li|p|div|h[1-6])\b[^<>]*>", re.IGNORECASE)
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^()\s]*(?:\s+\"[^\"]*\")?\)")
_MARK = re.compile(r"^(?:[ \t]*(?:[-*+•]|\d{1,3}[.)]|#{1,6}|>)[ \t]+)+")


def kind_of(source: str) -> Kind:
    """The kind of a source by its suffix; anything else is plain text."""
    name = source.rsplit("/", 1)[-1]
    return _KINDS.get(name.rsplit(".", 1)[-1].lower(), "text") if "." in name else "text"


def visible(text: str, source: str) -> str:
    """A stretch of a source as a reader sees it, on one line: no tags, entities decoded, link addresses dropped.

    For searching and for saying; what is quoted stays the source's own characters.
    """
    kind = kind_of(source)
    if kind == "html":
        text = html.unescape(_TAG.sub("", _CELL.sub(" ", text)))
    elif kind == "markdown":
        text = _LINK.sub(r"\1", text)
    return " ".join(text.split())


def without_mark(text: str, start: int, end: int) -> int:
    """Where the words of a line begin: past its list mark, heading or quote mark."""
    match = _MARK.match(text[start:end])
    return start + match.end() if match and match.end() < end - start else start
