"""An amount is held by its value, its unit and its bound."""

from decimal import Decimal

import pytest

from kapelle.verdict.amounts import amount_problems, amounts
from kapelle.verdict.figures import figure_problems
from kapelle.verdict.words import read


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("five minutes", [("5", "minute", "")]),
        ("at least 14 characters", [("14", "", ">=")]),
        ("14 characters or more", [("14", "", ">=")]),
        ("no later than 30 days", [("30", "day", "<=")]),
        ("not more than 2.5%", [("2.5", "%", "<=")]),
        ("more than $1,000", [("1000", "dollar", ">")]),
        ("40 million dollars", [("40000000", "dollar", "")]),
        ("twenty-five km", [("25", "kilometer", "")]),
        ("6½ sacks", [("6.5", "", "")]),
        ("5 to 10 minutes", [("5", "minute", ""), ("10", "minute", "")]),
        ("P1, policy_v2, 4.2.1, 2026-02-16, 09:14, 2024, the 3rd", []),
    ],
)
def test_an_amount_is_read_with_its_unit_and_bound(text: str, found: list[tuple[str, str, str]]) -> None:
    assert [(one.value, one.unit, one.bound) for one in amounts(text)] == [(Decimal(v), u, b) for v, u, b in found]


@pytest.mark.parametrize(
    ("quote", "claim"),
    [
        ("within 60 minutes", "within one hour"),
        ("at least 14", "14 or more"),
        ("more than 14 days", "at least 14 days"),
        ("over 500 EUR", "more than 500 EUR"),
        ("two weeks", "14 days"),
        ("The limit is 2 %.", "more than 2 %"),
        ("between 5 and 10 km", "5 to 10 km"),
        ("They say so.", "one says so"),
    ],
)
def test_the_same_amount_is_no_problem(quote: str, claim: str) -> None:
    assert amount_problems(read(claim), read(quote), []) == []


@pytest.mark.parametrize(
    ("quote", "claim", "said"),
    [
        ("at least 14 days", "at most 14 days", "the claim says at most 14 days, the quote at least 14 days"),
        ("at least 14 days", "more than 14 days", "more than 14 days"),
        ("within 5 minutes", "within 5 hours", "of another unit than hour: minute"),
        ("5 to 10 minutes", "5 minutes", "an end of a range"),
        ("less than 3 km", "more than 3 km", "more than 3 km"),
        ("9 starts, 2 of them won", "2 starts", "the claim says 2 where the quote says 9"),
        ("40 million", "40 billion", "40 billion"),
    ],
)
def test_another_amount_is_found_out(quote: str, claim: str, said: str) -> None:
    assert any(said in problem for problem in amount_problems(read(claim), read(quote), []))


@pytest.mark.parametrize(
    ("quote", "claim"), [("a score of 27/100", "a score of 27/110"), ("System/360", "System/370"), ("139th", "138th")]
)
def test_a_figure_that_is_no_amount_must_stand_as_it_is(quote: str, claim: str) -> None:
    assert figure_problems(read(quote), read(quote), []) == []
    assert figure_problems(read(claim), read(quote), []) == [
        f"the figure {claim.removesuffix('th').split('/')[-1]} is in no quote"
    ]


def test_an_ordinal_is_the_same_in_words() -> None:
    assert figure_problems(read("the 3rd of them"), read("the third of them"), []) == []
