"""Find what a document calls itself, and what its head says of it: title, front matter, the version it supersedes."""

import html
import re
from collections.abc import Mapping
from datetime import date
from pathlib import PurePosixPath

import yaml
from pydantic import JsonValue

from kapelle.evidence.kinds import Kind, kind_of, suffix_of

_FRONT = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)(?:^|\n)---[ \t]*(?:\r?\n|$)", re.DOTALL)
_HEADING = re.compile(r"^\ufeff?[ \t]{0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*\r?$", re.MULTILINE)
_UNDERLINED = re.compile(r"^\ufeff?([^\s#>|*+-][^\r\n]{0,150})\r?\n(?:={3,}|-{3,})[ \t]*\r?$", re.MULTILINE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>|<h1[^>]*>(.*?)</h1>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_SUPERSEDES = re.compile(
    r"^[ \t>*_-]*(?:this (?:document|policy|version)[ \t]+)?(?:supersedes|replaces)"
    r"[*_]*[ \t]*[:\-]?[*_ \t]*(\S.*?)[*_ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_HEAD = 1_500
"""Characters in which a document says what it supersedes."""


def front_matter(text: str) -> tuple[dict[str, JsonValue], int]:
    """The YAML block at a text's very start as plain values, and where the text goes on; ({}, 0) without one.

    A block that is no YAML says nothing.
    """
    match = _FRONT.match(text)
    if not match:
        return {}, 0
    try:
        value = yaml.safe_load(match.group(1))
    except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: a date such as 2026-02-30
        return {}, match.end()
    if not isinstance(value, dict):
        return {}, 0
    return {str(key): plain(item) for key, item in value.items()}, match.end()


def plain(value: object) -> JsonValue:
    """A YAML value as JSON; dates become ISO 8601 text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    return str(value)


def title_of(source: str, text: str) -> str:
    """What a document calls itself: its front matter, its `<title>`, its first heading, else its file name."""
    kind = kind_of(source)
    meta, start = front_matter(text) if kind in ("markdown", "text") else ({}, 0)
    given = meta.get("title")
    if isinstance(given, str) and given.strip():
        return given.strip()
    # A workbook's first heading is only the name of its first sheet.
    heading = "" if suffix_of(source) == "xlsx" else _heading(kind, text, start)
    return heading or PurePosixPath(source).stem.replace("_", " ").replace("-", " ").strip()


def _heading(kind: Kind, text: str, start: int) -> str:
    if kind == "html":
        match = _TITLE.search(text)
        return " ".join(html.unescape(_TAG.sub("", match.group(1) or match.group(2) or "")).split()) if match else ""
    if kind not in ("markdown", "text"):
        return ""
    patterns = (_HEADING, _UNDERLINED) if kind == "markdown" else (_UNDERLINED,)
    found = [match for match in (pattern.search(text, start) for pattern in patterns) if match]
    return min(found, key=lambda match: match.start()).group(1).strip() if found else ""


def supersedes(text: str, meta: Mapping[str, JsonValue]) -> list[str]:
    """What a document's head says it supersedes, as written; empty when it says nothing."""
    given = meta.get("supersedes")
    stated = given if isinstance(given, list) else [given] if given else _SUPERSEDES.findall(text[:_HEAD])
    names = [part.strip(" .`\"'*_") for item in stated for part in re.split(r",|;| and ", str(item))]
    return [name for name in names if name and name.lower() not in ("none", "nothing", "n/a", "-")]
