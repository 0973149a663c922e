"""A claim is measured against its quotes: its words, and what is said against it."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kapelle.verdict.support import is_quoted, support


def test_a_sentence_of_a_quote_is_carried_whatever_stands_beside_it() -> None:
    quote = "It was not known. Only 3 of them came.\nNone stayed; all left in May 2019 without a word."
    for claim in ("It was not known.", "Only 3 of them came.", quote, "  only 3 of THEM came "):
        assert is_quoted(claim, ["Other.", quote])
        assert support(claim, ["Other.", quote]).problems == ()


def test_a_piece_of_a_sentence_is_not_carried_for_being_a_piece() -> None:
    quote = "It is not true that refunds are paid in cash."
    assert not is_quoted("Refunds are paid in cash.", [quote])
    assert support("Refunds are paid in cash.", [quote]).problems != ()


@given(st.text(min_size=1, max_size=120))
@settings(max_examples=200, deadline=None)
def test_any_text_carries_itself_and_any_claim_can_be_read(text: str) -> None:
    measured = support(text, [text])
    assert measured.problems == () or not is_quoted(text, [text])
    assert 0 <= support(text, ["We keep 3 invoices, not 4."]).score <= 1


def test_the_score_is_the_share_of_the_words_and_below_half_with_a_problem() -> None:
    assert support("Invoices are archived in Bonn.", ["Invoices are stored in Bonn."]).score == pytest.approx(
        0.9333, abs=1e-3
    )
    assert support("Invoices are kept in Rome.", ["Invoices are kept in Bonn."]).score < 0.5
    assert support("Dogs bark.", []).score == 0.0


def test_every_problem_is_one_sentence_that_names_what() -> None:
    claim = "In June 2021 all offices in Rome and 12 plants were not closed."
    found = support(claim, ["In May 2021 some offices in Bonn and 14 plants were closed."]).problems
    for named in ("June", "12", "Rome", "denies", "all offices"):
        assert any(named in problem for problem in found), (named, found)


def test_what_the_asker_said_needs_no_quote_unless_a_quote_has_another_in_its_place() -> None:
    quote = "The limit is 2 %."
    assert support("An error rate of 3 % is over the limit of 2 %.", [quote], given="3 % errors").problems == ()
    for claim, said, asked in (
        ("Peter approves orders.", "Maria Lopez approves orders.", "Does Peter approve orders?"),
        ("In 2020 it was sold.", "In 2019 it was sold.", "Was it sold in 2020?"),
        ("Invoices are kept for 3 years.", "Invoices are kept for 10 years.", "Are invoices kept for 3 years?"),
    ):
        assert support(claim, [said], given=asked).problems != ()


def test_the_example_of_the_documentation_is_true() -> None:
    page = (Path(__file__).parents[2] / "docs" / "citations.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(code, "docs/citations.md", "exec"), {})


@pytest.mark.parametrize(
    "text",
    ["not " * 7_000, "neither nor " * 3_000, "A" * 30_000, "1 " * 12_000, "(" * 9_000, "in May 2020 and not " * 1_500],
    ids=lambda text: text[:12],
)
def test_a_long_text_is_read_in_time_that_grows_with_its_length(text: str) -> None:
    began = time.process_time()
    support("We keep 3 invoices for 2 years, not in Bonn.", [text])
    support(text, ["We keep 3 invoices for 2 years, not in Bonn."])
    assert time.process_time() - began < 3  # what is quadratic took longer by far
