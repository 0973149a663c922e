"""Find the rows of a JSON text and the exact characters each one occupies, so that a row can be cited."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from pydantic import JsonValue

from kapelle.errors import UnreadableSource

_BLANK = " \t\n\r"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the outermost object: `text[start:end]` is `"key": value`, `text[value_start:end]` the value."""

    start: int
    value_start: int
    end: int
    value: JsonValue


@dataclass(frozen=True, slots=True)
class Row:
    """An object of a list: `json.loads(text[start:end]) == value`."""

    value: dict[str, JsonValue]
    start: int
    end: int


def read_rows(text: str, key: str, source: str) -> tuple[Row, ...]:
    """List the objects of the list `{key: [...]}` of a JSON text, or of an outermost list, each with its span.

    Raises:
        UnreadableSource: no JSON, no such list, or an element that is no object; the message names file and line.
    """
    start = _skip(text, 1 if text.startswith("\ufeff") else 0)
    if not text.startswith("[", start):
        member = read_members(text, source).get(key)
        if member is None or not isinstance(member.value, list):
            raise UnreadableSource(f'`{source}`, line {line_of(text, start)}: expected {{"{key}": [...]}}')
        start = member.value_start
    return tuple(_elements(text, start, source))


def read_members(text: str, source: str) -> dict[str, Member]:
    """List the members of a JSON text's outermost object; of a repeated key the last, as JSON parsers do.

    Raises:
        UnreadableSource: the text is no JSON object; the message names file and line.
    """
    members: dict[str, Member] = {}
    at = _skip(text, 1 if text.startswith("\ufeff") else 0)
    if not text.startswith("{", at):
        _fail(text, at, source, "expected a JSON object")
    at = _skip(text, at + 1)
    while not text.startswith("}", at):
        start = at
        key, at = _value(text, start, source)
        at = _skip(text, at)
        if not isinstance(key, str) or not text.startswith(":", at):
            _fail(text, at, source, 'expected `"key": value`')
        value_start = _skip(text, at + 1)
        value, at = _value(text, value_start, source)
        members[key] = Member(start, value_start, at, value)
        at = _next(text, at, "}", source)
    _expect_end(text, at + 1, source)
    return members


def line_of(text: str, position: int) -> int:
    """The line, from 1, that a character of a text stands in."""
    return text.count("\n", 0, position) + 1


def _elements(text: str, start: int, source: str) -> Iterator[Row]:
    at = _skip(text, start + 1)
    while not text.startswith("]", at):
        start = at
        value, at = _value(text, start, source)
        if not isinstance(value, dict):
            _fail(text, start, source, "expected an object")
        yield Row(value, start, at)
        at = _next(text, at, "]", source)


def _next(text: str, at: int, closing: str, source: str) -> int:
    """The start of the next element, or of the closing bracket."""
    at = _skip(text, at)
    if text.startswith(closing, at):
        return at
    if not text.startswith(",", at):
        _fail(text, at, source, f"expected `,` or `{closing}`")
    at = _skip(text, at + 1)
    if text.startswith(closing, at):
        _fail(text, at, source, f"a comma before `{closing}`")
    return at


def _expect_end(text: str, at: int, source: str) -> None:
    at = _skip(text, at)
    if at != len(text):
        _fail(text, at, source, "expected the end of the file")


def _value(text: str, at: int, source: str) -> tuple[JsonValue, int]:
    try:
        value: tuple[JsonValue, int] = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        _fail(text, error.pos, source, error.msg)
    except (ValueError, RecursionError) as error:  # NaN, a number of too many digits, endless nesting
        _fail(text, at, source, str(error))
    return value


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def _fail(text: str, at: int, source: str, why: str) -> NoReturn:
    raise UnreadableSource(f"`{source}`, line {line_of(text, at)}: {why}; correct the file")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"`{name}` is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
