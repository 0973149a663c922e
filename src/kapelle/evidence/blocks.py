"""Block, the smallest stretch a passage is packed of, and the cutting of Markdown, plain text and pages into blocks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kapelle.evidence.titles import front_matter
from kapelle.language.sentences import Span, lines, trim

_HEADING = re.compile(r"\ufeff?[ \t]{0,3}(#{1,6})[ \t]++(.*)$")
_UNDERLINE = re.compile(r"[ \t]{0,3}(={2,}|-{2,})[ \t]*$")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)]|\([A-Za-z0-9]{1,3}\))[ \t]+\S|[ \t]*\|")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list item, row or the like: `text[start:end]`, without blanks at its ends."""

    start: int
    end: int
    section: str = ""
    """Headings above it, joined with ` > `."""
    alone: bool = False
    """True for a row that is a passage of its own."""


def plain_blocks(text: str) -> Iterator[Block]:
    """The paragraphs of a plain text: what blank lines part."""
    begin: int | None = None
    last = 0
    for start, end in lines(text):
        blank = not text[start:end].strip()
        if blank and begin is not None:
            yield from _block(text, begin, last)
            begin = None
        elif not blank:
            begin, last = (start if begin is None else begin), end
    if begin is not None:
        yield from _block(text, begin, last)


PAGE = "\f"
"""Stands between two pages of a converted text."""


def page_blocks(text: str) -> Iterator[Block]:
    """The paragraphs of a text of pages, each under its page's number from 1: `page 3`."""
    start = 0
    for number, page in enumerate(text.split(PAGE), start=1):
        for block in plain_blocks(page):
            yield Block(start + block.start, start + block.end, f"page {number}")
        start += len(page) + len(PAGE)


def _block(text: str, start: int, end: int, section: str = "") -> Iterator[Block]:
    start, end = trim(text, start, end)
    if start < end:
        yield Block(start, end, section)


class Headings:
    """The headings above a place; knows which of them have nothing below."""

    def __init__(self, title: str = "") -> None:
        self.title = title
        self._path: list[tuple[int, str]] = []
        self._bare: tuple[int, Span] | None = None

    @property
    def section(self) -> str:
        """The path, without the document's own title."""
        return " > ".join(name for _, name in self._path if name and name != self.title)

    def enter(self, level: int, name: str, span: Span) -> Iterator[Block]:
        """Go under a heading; yields the one before as a block when nothing stood below it."""
        if self._bare and self._bare[0] >= level:
            yield from self.close()
        self._path = [(above, title) for above, title in self._path if above < level]
        self._path.append((level, name))
        self._bare = (level, span)

    def filled(self) -> None:
        """Note that something stands below the present heading."""
        self._bare = None

    def close(self) -> Iterator[Block]:
        """Yield the present heading as a block when nothing stood below it."""
        if self._bare:
            parents = [name for level, name in self._path if level < self._bare[0] and name and name != self.title]
            yield Block(*self._bare[1], section=" > ".join(parents), alone=True)
        self._bare = None


def markdown_blocks(text: str, title: str = "") -> Iterator[Block]:
    """Paragraphs, list items, table rows and fenced code of Markdown, each with the headings above it.

    A heading is no block, unless nothing stands below it.
    """
    headings = Headings(title)
    front = front_matter(text)[1]
    yield from _block(text, 0, front)
    for begin, end, heading in _groups(text, front):
        if heading:
            level, name = heading
            yield from headings.enter(level, name, trim(text, begin, end))
        else:
            headings.filled()
            yield from _block(text, begin, end, headings.section)
    yield from headings.close()


def _groups(text: str, start: int) -> Iterator[tuple[int, int, tuple[int, str] | None]]:
    """Lines grouped to (start, end, None), headings as (start, end, (level, name))."""
    begin: int | None = None
    last, count = start, 0
    fence = ""
    for low, high in lines(text, start):
        line = text[low:high]
        if fence:
            last = high
            fence = "" if line.strip().startswith(fence) else fence
            continue
        heading, underline = _HEADING.match(line), _UNDERLINE.match(line)
        if begin is not None and underline and count == 1 and not _ITEM.match(text[begin:last]):
            yield begin, high, (1 if underline.group(1)[0] == "=" else 2, text[begin:last].strip())
            begin = None
            continue
        if begin is not None and (heading or not line.strip() or _ITEM.match(line)):
            yield begin, last, None
            begin = None
        name = heading.group(2).rstrip().rstrip("#").rstrip() if heading else ""
        if heading and name:
            yield low, high, (len(heading.group(1)), name)
        elif line.strip():
            opened = _FENCE.match(line)
            fence = opened.group(1) if opened else ""
            begin, count = (low, 1) if begin is None else (begin, count + 1)
            last = high
    if begin is not None:
        yield begin, last, None
