"""Cut JSON, YAML and CSV into blocks: rows and top-level entries, large ones cut further."""

import json
import re
from collections.abc import Iterator

from kapelle.evidence.blocks import Block, plain_blocks
from kapelle.language.sentences import Span, lines, trim

_ROW = 200
"""Characters from which a JSON row is a passage of its own."""
_OPEN = 100
"""Lines that a quoted cell of CSV may run over."""
_DEPTH = 40
"""Levels of YAML that are cut; what lies deeper is cut as text."""
_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[\s\ufeff]*")
_KEY = re.compile(r"\s*(?:-\s+)?[\"']?([^:\"'#\r\n]+?)[\"']?\s*:(?:\s|$)")


def json_blocks(text: str, size: int) -> Iterator[Block]:
    """The rows of arrays and the members of objects, each under the keys above it; broken JSON by its paragraphs."""
    try:
        start = _skip(text, 0)
        ends: list[Span] = []
        while start < len(text):  # one value, or one a line
            end = _DECODER.raw_decode(text, start)[1]
            ends.append((start, end))
            start = _skip(text, end)
        blocks = [block for span in ends for block in _value(text, span, size, ())]
    except (ValueError, RecursionError):
        yield from plain_blocks(text)
        return
    yield from blocks


def json_members(text: str, start: int) -> list[tuple[str, Span, Span]]:
    """The members of the JSON object or array at `start`: key (empty in an array), span of the whole, of its value.

    Raises:
        ValueError: there is no valid object or array.
    """
    is_object = text[start] == "{"
    close = "}" if is_object else "]"
    members: list[tuple[str, Span, Span]] = []
    at = _skip(text, start + 1)
    while text[at : at + 1] != close:
        begin, key = at, ""
        if is_object:
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, at)
            if text[at : at + 1] != ":":
                raise ValueError(f"no colon at {at}")
            at = _skip(text, at + 1)
        end = _DECODER.raw_decode(text, at)[1]
        members.append((key, (begin, end), (at, end)))
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != close:
            raise ValueError(f"no comma at {at}")
    return members


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _value(text: str, span: Span, size: int, path: tuple[str, ...]) -> Iterator[Block]:
    start, end = span
    if text[start] not in "{[":
        yield Block(start, end, " > ".join(path))
        return
    for key, whole, value in json_members(text, start):
        nested = text[value[0]] in "{["
        rows = text[value[0]] == "[" and text[_skip(text, value[0] + 1)] in "{["
        large = nested and value[1] - value[0] > size
        if key and (rows or large):
            yield from _value(text, value, size, (*path, key))
        elif large:
            yield from _value(text, value, size, path)
        else:
            is_row = not key and nested and whole[1] - whole[0] >= _ROW
            yield Block(*whole, " > ".join(path), alone=is_row)


def yaml_blocks(text: str, size: int) -> Iterator[Block]:
    """The top-level entries of YAML; one larger than `size` by the entries below it, under its key."""
    yield from _entries(text, list(lines(text)), size, ())


def _entries(text: str, rows: list[Span], size: int, path: tuple[str, ...], depth: int = 0) -> Iterator[Block]:
    indents = [_indent(text, row) for row in rows]
    least = min((indent for indent in indents if indent is not None), default=0)
    starts = [i for i, indent in enumerate(indents) if indent == least]
    for i, first in enumerate(starts):
        # Comments above an entry go with it.
        low = 0 if i == 0 else _with_comments(text, rows, first)
        high = _with_comments(text, rows, starts[i + 1]) if i + 1 < len(starts) else len(rows)
        entry = rows[low:high]
        start, end = trim(text, entry[0][0], entry[-1][1])
        key = _KEY.match(text[slice(*rows[first])])
        if (
            end - start > size
            and depth < _DEPTH
            and high - first > 1
            and any(_indent(text, row) is not None for row in rows[first + 1 : high])
        ):
            here = (*path, key.group(1)) if key and not text[slice(*rows[first])].lstrip().startswith("-") else path
            yield from _lead(text, rows[low : first + 1], path)
            yield from _entries(text, rows[first + 1 : high], size, here, depth + 1)
        elif start < end:
            yield Block(start, end, " > ".join(path))


def _lead(text: str, rows: list[Span], path: tuple[str, ...]) -> Iterator[Block]:
    start, end = trim(text, rows[0][0], rows[-1][1])
    if start < end:
        yield Block(start, end, " > ".join(path))


def _with_comments(text: str, rows: list[Span], at: int) -> int:
    while at > 0 and text[slice(*rows[at - 1])].lstrip().startswith("#"):
        at -= 1
    return at


def _indent(text: str, row: Span) -> int | None:
    line = text[slice(*row)].lstrip("\ufeff")
    bare = line.strip()
    return None if not bare or bare.startswith("#") else len(line) - len(line.lstrip())


def csv_blocks(text: str) -> Iterator[Block]:
    """The rows of CSV, under the header row; a quoted line break does not end a row."""
    header = ""
    for start, end in _records(text):
        yield Block(start, end, header)
        if not header:
            header = " | ".join(cell.strip(" \"'") for cell in re.split(r"[,;\t]", text[start:end]))[:300]


def _records(text: str) -> Iterator[Span]:
    """Rows; a quote that is not closed within `_OPEN` lines was none (`5"`), and each line is a row."""
    waiting: list[Span] = []
    for start, end in lines(text):
        waiting.append((start, end))
        quotes = text.count('"', start, end)
        whole = quotes % 2 == (0 if len(waiting) == 1 else 1)
        if whole:
            yield from _row(text, waiting[0][0], end)
            waiting = []
        elif len(waiting) > _OPEN:
            for one in waiting:
                yield from _row(text, *one)
            waiting = []
    for one in waiting:
        yield from _row(text, *one)


def _row(text: str, start: int, end: int) -> Iterator[Span]:
    low, high = trim(text, start, end)
    if low < high:
        yield low, high
