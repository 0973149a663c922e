"""What can be quoted of a passage is what a reader would quote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kapelle.evidence.kinds import visible
from kapelle.evidence.load import document_of
from kapelle.evidence.quotes import quotable
from kapelle.evidence.split import split


def quotes(source: str, text: str) -> list[str]:
    return [text[start:end] for passage in split(document_of(source, text)) for start, end in quotable(passage)]


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("a.md", "- One thing. Another\n- `Two`\n\n> Said.\n", ["One thing.", "Another", "`Two`", "Said."]),
        ("a.md", "1. First\n   - nested\n", ["First", "nested"]),
        ("a.md", "| P1 | 5 |\n|----|---|\n", ["| P1 | 5 |"]),
        ("a.html", "<p>Ten <b>years.</b> Then <i>nothing</i>.</p>", ["Ten <b>years.", "Then <i>nothing</i>."]),
        ("a.yaml", "key: 1\nother:\n  - two\n", ["key: 1", "other:", "two"]),
        ("a.csv", "name,age\nann,5\n", ["name,age", "ann,5"]),
        ("a.json", '[{"key": "A"}, {"key": "B"}]', ['{"key": "A"}, {"key": "B"}']),
    ],
)
def test_marks_and_rules_are_left_out(source: str, text: str, expected: list[str]) -> None:
    assert quotes(source, text) == expected


@given(st.sampled_from(["a.md", "a.html", "a.json", "a.yaml", "a.csv", "a.txt"]), st.text(max_size=200))
def test_quotes_lie_inside_their_passage(source: str, text: str) -> None:
    for passage in split(document_of(source, text)):
        for start, end in quotable(passage):
            assert passage.start <= start < end <= passage.end


def test_what_is_shown_has_no_markup() -> None:
    assert visible("A &amp; B<td>C</td> <b>d</b>e\n f", "x.html") == "A & B C de f"
    assert visible("see [the docs](https://a.example) now", "x.md") == "see the docs now"
    assert visible("a <b>", "x.txt") == "a <b>"
