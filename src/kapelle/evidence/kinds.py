"""Tell a document's kind by its name, and show its text as a reader sees it."""

import html
import re
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

Kind = Literal["markdown", "html", "json", "yaml", "csv", "code", "pdf", "text"]
Language = Literal["python", "script", "go", "rust", "c", "sh", "sql", "toml"]
"""How code is cut: `script` is JavaScript and TypeScript, `c` all of its kind (C++, C#, Java, Kotlin ...)."""

_KINDS: dict[str, Kind] = {
    "md": "markdown", "markdown": "markdown", "mdx": "markdown", "html": "html", "htm": "html", "xhtml": "html",
    "json": "json", "jsonl": "json", "ndjson": "json", "yaml": "yaml", "yml": "yaml", "csv": "csv", "tsv": "csv",
    "txt": "text",
    # Converted to Markdown.
    "docx": "markdown", "pptx": "markdown", "xlsx": "markdown", "pdf": "pdf",
}  # fmt: skip
_LANGUAGES: dict[str, Language] = {
    "py": "python", "pyi": "python", "js": "script", "jsx": "script", "mjs": "script", "cjs": "script", "ts": "script",
    "tsx": "script", "go": "go", "rs": "rust", "c": "c", "h": "c", "cc": "c", "cpp": "c", "cxx": "c", "hh": "c",
    "hpp": "c", "java": "c", "kt": "c", "cs": "c", "swift": "c", "scala": "c", "php": "c", "sh": "sh", "bash": "sh",
    "zsh": "sh", "sql": "sql", "toml": "toml", "ini": "toml", "cfg": "toml", "conf": "toml",
}  # fmt: skip
_SERVED = frozenset({"php"})
"""Suffixes of code that, at an address, runs there and answers with a page."""
OFFICE = frozenset({"docx", "pptx", "xlsx"})
_SAID = re.compile(r"kind=([a-z]+)")
_TAG = re.compile(r"<!--.*?-->|</?[A-Za-z][^<>]*>", re.DOTALL)
_CELL = re.compile(r"</?(?:td|th|tr|br|li|p|div|h[1-6])\b[^<>]*>", re.IGNORECASE)
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^()\s]*(?:\s+\"[^\"]*\")?\)")
_MARK = re.compile(r"^(?:[ \t]*(?:[-*+•]|\d{1,3}[.)]|#{1,6}|>)[ \t]+)+")


@lru_cache(maxsize=4_096)
def kind_of(source: str) -> Kind:
    """The kind of a source by its suffix; anything else is plain text, and at a URL html."""
    suffix = suffix_of(source)
    if suffix in _LANGUAGES and not (suffix in _SERVED and is_url(source)):
        return "code"
    return _KINDS.get(suffix, "html" if is_url(source) else "text")


def language_of(source: str) -> Language | None:
    """The language of source code by its suffix; None of what is no code."""
    return _LANGUAGES.get(suffix_of(source))


def suffix_of(source: str) -> str:
    """What stands after the last dot of a source's name, in lower case; a URL may say another in `#kind=`."""
    if is_url(source):
        parts = urlsplit(source)
        said = _SAID.fullmatch(parts.fragment)
        if said:
            return said.group(1)
        source = parts.path
    name = source.rsplit("/", 1)[-1]
    return name.rsplit(".", 1)[-1].lower() if "." in name else ""


def is_url(source: str) -> bool:
    """Whether a source was fetched, and is no path in a folder."""
    return source.startswith(("https://", "http://"))


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
