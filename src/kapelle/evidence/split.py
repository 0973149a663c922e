"""Split a document into passages: exact spans, packed of whole sentences, never over a heading."""

import re
from collections.abc import Iterable, Iterator

from kapelle.evidence.blocks import Block, markdown_blocks, page_blocks, plain_blocks
from kapelle.evidence.blocks_code import code_blocks
from kapelle.evidence.blocks_data import csv_blocks, json_blocks, yaml_blocks
from kapelle.evidence.blocks_html import html_blocks
from kapelle.evidence.kinds import kind_of, language_of
from kapelle.evidence.model import Document, Passage
from kapelle.language.sentences import Span, sentences

SIZE = 900
"""Characters a passage is packed to."""
_TAIL = 150
"""A last passage of a section shorter than this joins the one before."""
_BETWEEN = re.compile(r"[\s,\ufeff]*")


def split(document: Document, *, size: int = SIZE) -> list[Passage]:
    """Split a document into passages of about `size` characters, in order.

    `document.text[passage.start:passage.end] == passage.text`; passages do not overlap.

    Raises:
        ValueError: `size` is less than 1.
    """
    if size < 1:
        raise ValueError(f"`size` must be at least 1 character, not {size}")
    return [_passage(document, start, end, section) for start, end, section in _packed(document, size)]


def blocks(document: Document, *, size: int = SIZE) -> Iterator[Block]:
    """Cut a document into blocks by its kind."""
    text = document.text
    match kind_of(document.source):
        case "markdown":
            return markdown_blocks(text, document.title)
        case "html":
            return html_blocks(text, document.title)
        case "json":
            return json_blocks(text, size)
        case "yaml":
            return yaml_blocks(text, size)
        case "csv":
            return csv_blocks(text)
        case "code":
            return code_blocks(text, language_of(document.source), size)
        case "pdf":
            return page_blocks(text)
        case "text":
            return plain_blocks(text)


def _packed(document: Document, size: int) -> list[tuple[int, int, str]]:
    packed: list[tuple[int, int, str]] = []
    closed = True  # the last passage takes nothing more
    for block in blocks(document, size=size):
        for start, end in _pieces(document.text, block.start, block.end, size):
            if not closed and not block.alone and _joins(document.text, packed[-1], (start, end, block.section), size):
                packed[-1] = (packed[-1][0], end, block.section)
            else:
                packed.append((start, end, block.section))
            closed = block.alone
    return packed


def _joins(text: str, last: tuple[int, int, str], new: tuple[int, int, str], size: int) -> bool:
    """Whether a stretch goes into the passage before it: same section, only blanks between, not too long together."""
    if last[2] != new[2] or not _BETWEEN.fullmatch(text, last[1], new[0]):
        return False
    tail = min(_TAIL, size // 6)
    limit = size + tail if new[1] - new[0] < tail else size
    return new[1] - last[0] <= limit


def _pieces(text: str, start: int, end: int, size: int) -> Iterable[Span]:
    """A block whole, or, when it is longer than `size`, its sentences packed."""
    if end - start <= size:
        return [(start, end)]
    pieces: list[Span] = []
    for low, high in sentences(text[start:end]):
        for piece in _cut(text, start + low, start + high, size):
            if pieces and piece[1] - pieces[-1][0] <= size:
                pieces[-1] = (pieces[-1][0], piece[1])
            else:
                pieces.append(piece)
    return pieces


def _cut(text: str, start: int, end: int, size: int) -> Iterator[Span]:
    """A sentence longer than `size`, cut at blanks, or anywhere when there are none."""
    while end - start > size:
        at = max(text.rfind(blank, start + 1, start + size + 1) for blank in " \n\t")
        stop = at if at > start else start + size
        yield start, stop
        start = stop
        while start < end and text[start].isspace():
            start += 1
    if start < end:
        yield start, end


def _passage(document: Document, start: int, end: int, section: str) -> Passage:
    return Passage(
        id=f"{document.id}:{start}-{end}",
        document=document.id,
        source=document.source,
        sha256=document.sha256,
        text=document.text[start:end],
        start=start,
        end=end,
        header=document.title,
        section=section,
        meta=document.meta,
    )
