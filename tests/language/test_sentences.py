"""Sentences end where a reader ends them, and their spans hold every character."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kapelle.language.sentences import lines, sentences


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Dr. Lee pays 2.5 percent. Then 3.", ["Dr. Lee pays 2.5 percent.", "Then 3."]),
        ("See https://a.example/b.html?x=1. Next.", ["See https://a.example/b.html?x=1.", "Next."]),
        ("Use e.g. Redis or i.e. nothing. Done.", ["Use e.g. Redis or i.e. nothing.", "Done."]),
        ("J. R. R. Tolkien wrote it. He did.", ["J. R. R. Tolkien wrote it.", "He did."]),
        ("The shop closes at 5 p.m. We leave then.", ["The shop closes at 5 p.m.", "We leave then."]),
        ('He said "stop." Then he left.', ['He said "stop."', "Then he left."]),
        ("wait... what? yes", ["wait... what? yes"]),
        ("Version 3.2.1 is out. Use it.", ["Version 3.2.1 is out.", "Use it."]),
        ("a wrapped line of prose that is long enough to be\nwrapped here. Next.", None),
        ("- first item\n- second item. More", ["- first item", "- second item.", "More"]),
        ("1. Do this\n2. Do that", ["1. Do this", "2. Do that"]),
        ("| a | b |\n|---|---|\n| 1 | 2 |", ["| a | b |", "|---|---|", "| 1 | 2 |"]),
        ("Deploy on Friday\nCall Bob", ["Deploy on Friday", "Call Bob"]),
        ("one\r\n\r\ntwo", ["one", "two"]),
        ("你好。再见！", ["你好。", "再见！"]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_a_text_is_cut_where_sentences_end(text: str, expected: list[str] | None) -> None:
    if expected is None:
        expected = [text[: text.index(" Next")], "Next."]
    assert cut(text) == expected


@given(st.text(alphabet=st.sampled_from("ab A.!?\n\r\t-#|1)(\"'。é\u00a0"), max_size=80) | st.text(max_size=200))
def test_spans_ascend_and_hold_every_character_that_is_not_blank(text: str) -> None:
    spans = sentences(text)
    assert all(start < end for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    covered = {place for start, end in spans for place in range(start, end)}
    assert all(place in covered for place, letter in enumerate(text) if not letter.isspace() and letter != "\ufeff")
    assert all(not text[start].isspace() and not text[end - 1].isspace() for start, end in spans)


@given(st.text(alphabet="a\r\n ", max_size=40))
def test_lines_are_those_of_the_text(text: str) -> None:
    expected = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found = [text[start:end] for start, end in lines(text)]
    assert [line for line in found if line] == [line for line in expected if line]


def test_a_long_text_without_sentence_ends_is_read_quickly() -> None:
    assert len(sentences("a. b " * 40_000)) == 1
