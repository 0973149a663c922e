"""Words are folded and stemmed as the index does it."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kapelle.language.numbers import clock_times, has_number, names_with_digits, numbers, quantities
from kapelle.language.related import related, related_words
from kapelle.language.stem import stem
from kapelle.language.words import base, content_words, stems, variants, words

WORDS = """
caresses ponies ties cats feed agreed plastered motoring sing conflated sized hopping falling happy sky
relational rational digitizer vietnamization operator hopefulness formality sensibility triplicate electrical
goodness revival allowance adjustable replacement adoption communism effective probate rate controlling
rolling escalations policies invoices retention generally apologies
"""
ASCII_WORD = st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=14)


def of_sqlite(word: str) -> str:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create virtual table t using fts5(x, tokenize='porter unicode61')")
        connection.execute("create virtual table v using fts5vocab(t, 'row')")
        connection.execute("insert into t values (?)", (word,))
        return str(connection.execute("select term from v").fetchone()[0])


@pytest.mark.parametrize("word", WORDS.split())
def test_a_stem_is_that_of_sqlite(word: str) -> None:
    assert stem(word) == of_sqlite(word)


@given(ASCII_WORD, st.sampled_from(["", "s", "ed", "ing", "ation", "ness", "ly", "ies", "ement", "ization"]))
def test_any_stem_is_that_of_sqlite(word: str, ending: str) -> None:
    assert stem(word + ending) == of_sqlite(word + ending)


def test_words_are_folded_and_parted_at_marks() -> None:
    assert words("Café saas-api POLICY_v2 it's 2.5%") == ["cafe", "saas", "api", "policy", "v2", "it", "s", "2", "5"]


def test_stop_words_are_dropped_unless_nothing_remains() -> None:
    assert content_words("How long do we keep invoices?") == ["long", "keep", "invoices"]
    assert content_words("The Who") == ["the", "who"]


def test_irregular_forms_share_a_stem() -> None:
    assert base("kept") == base("keeping") == base("keep")
    assert {"keep", "kept"} <= set(variants("kept"))
    assert stems("children") == stems("child")


def test_related_words_are_of_one_group_and_symmetric() -> None:
    assert "keep" in related_words("retained")
    assert base("retain") in related(base("keep"))
    assert related(base("keep")) and base("keep") not in related(base("keep"))
    assert related("zebra") == frozenset()


def test_numbers_in_words_and_digits_are_the_same() -> None:
    assert numbers("five of 5.0 and 1,000") == [5, 5, 1000]
    assert numbers("P1, policy_v2 and OPS-101 are names") == []
    assert names_with_digits("P1, policy_v2 and OPS-101") == ["p1", "policy_v2", "ops-101"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("within 15 minutes", (15, "minute")),
        ("in 5 min", (5, "minute")),
        ("4 business hours", (4, "hour")),
        ("over 2.5%", (2.5, "%")),
        ("2.5 percent", (2.5, "%")),
        ("ten years", (10, "year")),
        ("three approvals", (3, "")),
        ("250 ms", (250, "millisecond")),
    ],
)
def test_a_quantity_has_its_unit(text: str, expected: tuple[float, str]) -> None:
    assert [(float(value), unit) for value, unit in quantities(text)] == [expected]


def test_times_of_day_are_read() -> None:
    assert clock_times("from 9:30 to 17:05 UTC") == ["09:30", "17:05"]
    assert has_number("seven days") and has_number("at 9:30") and not has_number("one of them")
