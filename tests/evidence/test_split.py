"""Passages are exact spans, do not overlap, and never run over a heading."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kapelle.evidence.load import document_of
from kapelle.evidence.model import Passage
from kapelle.evidence.split import split

PIECES = st.sampled_from(
    [
        "# Title\n",
        "## Part\n",
        "\n",
        "- item. ",
        "1. one\n",
        "| a | b |\n",
        "Prose goes on. ",
        "<p>",
        "</p>",
        "<b>",
        "&amp;",
        "<script>",
        "{",
        "}",
        "[",
        "]",
        '"k": ',
        ",",
        "key: value\n",
        "  sub: 1\n",
        "\r\n",
        "```\n",
        "é",
        "\ufeff",
        "---\n",
        "===\n",
        '"',
        "word ",
    ]
)
SOURCES = st.sampled_from(["a.md", "a.html", "a.json", "a.yaml", "a.csv", "a.txt", "noending"])


def cut(source: str, text: str, size: int = 900) -> list[Passage]:
    return split(document_of(source, text), size=size)


@given(SOURCES, st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=300), st.sampled_from([1, 7, 40, 900]))
def test_a_passage_reproduces_its_text(source: str, text: str, size: int) -> None:
    passages = cut(source, text, size)
    for passage in passages:
        assert text[passage.start : passage.end] == passage.text
        assert passage.text.strip()
    assert all(a.end <= b.start for a, b in pairwise(passages))
    assert len({passage.id for passage in passages}) == len(passages)


@given(st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=300), st.sampled_from([1, 7, 40, 900]))
def test_plain_text_is_held_whole(text: str, size: int) -> None:
    covered = {place for passage in cut("a.txt", text, size) for place in range(passage.start, passage.end)}
    assert all(place in covered for place, letter in enumerate(text) if not letter.isspace() and letter != "\ufeff")


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
), st.sampled_from([10, 60, 900]))  # fmt: skip
def test_json_rows_and_members_hold_every_value(value: object, size: int) -> None:
    text = json.dumps(value, ensure_ascii=False)
    shown = _closed_up("".join(passage.text for passage in cut("a.json", text, size)))
    assert all(_closed_up(json.dumps(leaf, ensure_ascii=False)) in shown for leaf in _leaves(value))


def _closed_up(text: str) -> str:
    return "".join(text.split())


def _leaves(value: object) -> list[object]:
    if isinstance(value, list | dict):
        inner = value.values() if isinstance(value, dict) else value
        return [leaf for one in inner for leaf in _leaves(one)]
    return [value]


def test_markdown_sections_are_paths_and_headings_are_not_crossed() -> None:
    text = "# Guide\n\nIntro.\n\n## A\n\none\n\n### B\n\ntwo\n\n## C\n\nthree\n"
    assert [(passage.section, passage.text) for passage in cut("g.md", text)] == [
        ("", "Intro."),
        ("A", "one"),
        ("A > B", "two"),
        ("C", "three"),
    ]


def test_a_heading_with_nothing_below_is_a_passage() -> None:
    assert [passage.text for passage in cut("a.md", "# T\n\n## We close at 18:00\n\n## Next\n\ntext\n")] == [
        "## We close at 18:00",
        "text",
    ]


def test_headings_inside_code_are_code() -> None:
    assert [passage.text for passage in cut("a.md", "```\n# no heading\n```\n")] == ["```\n# no heading\n```"]


def test_long_prose_is_packed_of_whole_sentences() -> None:
    text = " ".join(f"Sentence number {i} says something." for i in range(100))
    passages = cut("a.txt", text)
    assert all(len(passage.text) <= 900 and passage.text.endswith(".") for passage in passages)
    assert sum(len(passage.text) for passage in passages) > 0.98 * len(text)
    assert len(passages) <= len(text) // 850 + 1


def test_a_sentence_too_long_is_cut_at_blanks() -> None:
    passages = cut("a.txt", "word " * 100, size=60)
    assert all(len(passage.text) <= 60 and passage.text.startswith("word") for passage in passages)


def test_html_passages_are_what_is_seen() -> None:
    page = (
        "<html><head><title>T</title><style>p {}</style></head><body><h2>Pay</h2><p>Paid on the <b>25th</b> day.</p>"
        "<script>if (a < b) {}</script><ul><li>one<li>two</ul><table><tr><td>P1</td><td>5 min</td></tr></table></body>"
    )
    assert [(passage.section, passage.text) for passage in cut("a.html", page)] == [
        ("Pay", "Paid on the <b>25th</b> day."),
        ("Pay", "one"),
        ("Pay", "two"),
        ("Pay", "P1</td><td>5 min"),
    ]


def test_json_rows_stand_under_their_key() -> None:
    text = '{"tickets": [{"key": "A"}, {"key": "B"}], "total": 2}'
    assert [(passage.section, passage.text) for passage in cut("t.json", text)] == [
        ("tickets", '{"key": "A"}, {"key": "B"}'),
        ("", '"total": 2'),
    ]


def test_large_json_rows_are_passages_of_their_own() -> None:
    rows = [{"key": f"OPS-{i}", "text": "x" * 200} for i in range(3)]
    passages = cut("t.json", json.dumps({"tickets": rows}))
    assert [json.loads(passage.text)["key"] for passage in passages] == ["OPS-0", "OPS-1", "OPS-2"]


def test_broken_json_is_still_read() -> None:
    assert [passage.text for passage in cut("t.json", '{"a": 1,\n')] == ['{"a": 1,']


def test_yaml_entries_stand_under_their_key() -> None:
    text = "name: x\nprojects:\n  - key: OPS\n    lead: ann\n  - key: PAY\n    lead: bob\nlast: 1\n"
    assert [(passage.section, passage.text) for passage in cut("t.yaml", text, size=30)] == [
        ("", "name: x\nprojects:"),
        ("projects", "- key: OPS\n    lead: ann"),
        ("projects", "- key: PAY\n    lead: bob"),
        ("", "last: 1"),
    ]


def test_csv_rows_know_their_header_and_keep_quoted_line_breaks() -> None:
    passages = cut("t.csv", 'name,note\nann,"two\nlines"\nbob,x\n', size=16)
    assert [(passage.section, passage.text) for passage in passages] == [
        ("", "name,note"),
        ("name | note", 'ann,"two\nlines"'),
        ("name | note", "bob,x"),
    ]


def test_a_size_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        cut("a.txt", "x", size=0)


def test_underlined_headings_are_headings() -> None:
    text = "Guide\n=====\n\nintro\n\nPart\n----\ntext\n"
    assert [(passage.section, passage.text) for passage in cut("a.md", text)] == [("", "intro"), ("Part", "text")]


def test_json_lines_are_values_of_their_own() -> None:
    assert [passage.text for passage in cut("t.jsonl", '{"a": 1}\n{"b": 2}\n', size=8)] == ['"a": 1', '"b": 2']


def test_a_large_json_member_is_cut_under_its_key() -> None:
    passages = cut("t.json", '{"outer": {"inner": "' + "x" * 50 + '", "other": 1}}', size=60)
    assert {passage.section for passage in passages} == {"outer"}
    assert passages[-1].text == '"other": 1'


def test_a_yaml_comment_goes_with_what_it_is_above() -> None:
    passages = cut("t.yaml", "a: 1\n# about b\nb: 2\n", size=16)
    assert [passage.text for passage in passages] == ["a: 1", "# about b\nb: 2"]


def test_a_csv_quote_that_is_never_closed_is_still_read() -> None:
    assert [passage.text for passage in cut("t.csv", 'a,b\n"open,1\n2,3\n')] == ["a,b", '"open,1\n2,3']


def test_a_byte_order_mark_is_no_part_of_a_passage() -> None:
    for source in ("a.txt", "a.md", "a.yaml", "a.csv", "a.json"):
        assert not any("\ufeff" in passage.text for passage in cut(source, "\ufeffkey: 1\n"))
