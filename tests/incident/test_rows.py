"""Rows of a JSON text and their exact spans."""

import json

import pytest

from kapelle.errors import UnreadableSource
from kapelle.incident.rows import read_members, read_rows

TRICKY = """\ufeff
{ "note" : "\\"tickets\\": [{}]",
  "nested": {"tickets": [{"key": "WRONG"}]},
  "tickets" :[ {"key":"A-1","text":"a ] } , \\" brace"} ,
    {"key": "Ä-2", "labels": [{"x": 1}, []]}
  ], "after": 1.5e3 }
"""


def test_each_row_is_the_text_between_its_offsets() -> None:
    rows = read_rows(TRICKY, "tickets", "t.json")
    assert [row.value["key"] for row in rows] == ["A-1", "Ä-2"]
    assert all(json.loads(TRICKY[row.start : row.end]) == row.value for row in rows)
    assert all(TRICKY[row.start] == "{" and TRICKY[row.end - 1] == "}" for row in rows)


def test_members_are_found_with_key_and_value() -> None:
    member = read_members(TRICKY, "t.json")["after"]
    assert TRICKY[member.start : member.end] == '"after": 1.5e3'
    assert TRICKY[member.value_start : member.end] == "1.5e3"


def test_an_outermost_list_is_taken_too() -> None:
    text = ' [{"a": 1}, {"a": 2}] '
    assert [text[row.start : row.end] for row in read_rows(text, "any", "t.json")] == ['{"a": 1}', '{"a": 2}']


def test_an_empty_list_has_no_rows() -> None:
    assert read_rows('{"tickets": [ ]}', "tickets", "t.json") == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"tickets": [\n{"a": 1},\n{"a": ]\n}', 3),
        ('{"tickets": [\n{"a": 1}\n{"a": 2}]}', 3),
        ('{"tickets": [\n{"a": 1},]}', 2),
        ('{"tickets": [\n7]}', 2),
        ('{"tickets": {}}', 1),
        ('{"points": []}', 1),
        ("\n\nnot json", 3),
        ("", 1),
        ('{"tickets": []} trailing', 1),
        ('{"tickets": [{"a": NaN}]}', 1),
    ],
)
def test_a_broken_file_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(UnreadableSource, match=rf"`t\.json`, line {line}:"):
        read_rows(text, "tickets", "t.json")
