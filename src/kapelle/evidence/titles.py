"""Find what a document calls itself, and what its head says of it: title, front matter, the version it supersedes."""

import html
import re
from collections.abc import Mapping
from datetime import date
from itertools import islice, repeat
from pathlib import PurePosixPath

import yaml
from pydantic import JsonValue

from kapelle.evidence.kinds import Kind, kind_of, suffix_of

_FRONT = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)(?:^|\n)---[ \t]*(?:\r?\n|$)", re.DOTALL)
# Bounded, possessive or looking ahead at one character: a file made for it must not take a minute to be looked at.
_HEADING = re.compile(r"^\ufeff?[ \t]{0,3}#{1,6}[ \t]++([^\r\n]{1,300})\r?$", re.MULTILINE)
_UNDERLINED = re.compile(r"^\ufeff?([^\s#>|*+-][^\r\n]{0,150})\r?\n(?:={3,}|-{3,})[ \t]*\r?$", re.MULTILINE)
_TITLE = re.compile(r"<(title|h1)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_SUPERSEDES = re.compile(
    r"^[ \t>*_-]*(?:this (?:document|policy|version)[ \t]+)?(?:supersedes|replaces)"
    r"[*_]*[ \t]*[:\-]?[*_ \t]*(\S.*?)[*_ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_HEAD = 1_500
"""Characters in which a document says what it supersedes."""
_FRONT_SIZE = 20_000
"""Characters of front matter; more is text."""
_VALUES = 2_000
"""Values in front matter, aliases written out; a few lines of YAML can stand for billions."""
_TITLES = 20
"""Openings of a title that are looked at."""


def front_matter(text: str) -> tuple[dict[str, JsonValue], int]:
    """The YAML block at a text's very start as plain values, and where the text goes on; ({}, 0) without one.

    A block that is no YAML, or stands for too much, says nothing.
    """
    match = _FRONT.match(text[:_FRONT_SIZE])
    if not match:
        return {}, 0
    try:
        value = yaml.safe_load(match.group(1))
        if isinstance(value, dict):
            room = [_VALUES]
            return {str(key): _plain(item, room) for key, item in value.items()}, match.end()
    except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: a date such as 2026-02-30
        return {}, match.end()
    return {}, 0


def _plain(value: object, room: list[int]) -> JsonValue:
    """A YAML value as JSON; dates become ISO 8601 text.

    Raises:
        ValueError: there is no room for so many values.
    """
    room[0] -= 1
    if room[0] < 0:
        raise ValueError("too many values")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(item, room) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item, room) for item in value]
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
        return next((said for said in map(_inside, repeat(text), islice(_TITLE.finditer(text), _TITLES)) if said), "")
    if kind not in ("markdown", "text"):
        return ""
    patterns = (_HEADING, _UNDERLINED) if kind == "markdown" else (_UNDERLINED,)
    found = [match for match in (pattern.search(text, start) for pattern in patterns) if match]
    heading = min(found, key=lambda match: match.start()).group(1) if found else ""
    return heading.strip() if kind == "text" else heading.rstrip().rstrip("#").strip()


def _inside(text: str, opened: re.Match[str]) -> str:
    """What stands in an element, without its tags."""
    close = re.compile(rf"</{opened.group(1)}\s*>", re.IGNORECASE).search(text, opened.end())
    return " ".join(html.unescape(_TAG.sub("", text[opened.end() : close.start()])).split()) if close else ""


def supersedes(text: str, meta: Mapping[str, JsonValue]) -> list[str]:
    """What a document's head says it supersedes, as written; empty when it says nothing."""
    given = meta.get("supersedes")
    stated = given if isinstance(given, list) else [given] if given else _SUPERSEDES.findall(text[:_HEAD])
    names = [part.strip(" .`\"'*_") for item in stated for part in re.split(r",|;| and ", str(item))]
    return [name for name in names if name and name.lower() not in ("none", "nothing", "n/a", "-")]
