"""A claim says no more of something than its quote: not all for some, not only, not must for may."""

import pytest

from kapelle.verdict.quantifiers import quantifier_problems
from kapelle.verdict.words import read


@pytest.mark.parametrize(
    ("quote", "claim"),
    [
        ("Some requests failed.", "All requests failed."),
        ("Most participants improved.", "Every participant improved."),
        ("Not all servers were patched.", "All servers were patched."),
        ("Many users left.", "Few users left."),
        ("Ann may sign.", "Only Ann may sign."),
        ("Managers may extend it.", "Managers must extend it."),
        ("It sometimes fails.", "It always fails."),
    ],
)
def test_more_than_the_quote_says_is_found_out(quote: str, claim: str) -> None:
    assert quantifier_problems(read(claim), read(quote))


@pytest.mark.parametrize(
    ("quote", "claim"),
    [
        ("All requests failed.", "Some requests failed."),
        ("All requests failed.", "Every request failed."),
        ("Only Ann may sign.", "Ann may sign."),
        ("Nobody but Ann may sign.", "Only Ann may sign."),
        ("Ann may not sign.", "Ann must not sign."),
        ("Employees wear badges.", "All employees wear badges."),
        ("It usually works.", "It often works."),
    ],
)
def test_as_much_or_less_is_no_problem(quote: str, claim: str) -> None:
    assert quantifier_problems(read(claim), read(quote)) == []
