"""Who does what to whom, and which value belongs to which period, is as the quote says."""

import pytest

from kapelle.verdict.roles import role_problems
from kapelle.verdict.words import read


@pytest.mark.parametrize(
    ("quote", "claim"),
    [
        ("Northwind acquired Tailspin.", "Tailspin acquired Northwind."),
        ("Tailspin was acquired by Northwind.", "Northwind was acquired by Tailspin."),
        ("Tailspin was acquired by Northwind.", "Tailspin acquired Northwind."),
        ("It was 820 mm in 2018 and 640 mm in 2019.", "In 2018 it was 640 mm."),
        ("Within 5 minutes for P1 and 30 minutes for P2.", "For P2 within 5 minutes."),
        ("The node failed at 02:10 and recovered at 02:25.", "The node recovered at 02:10."),
    ],
)
def test_what_is_bound_otherwise_is_found_out(quote: str, claim: str) -> None:
    assert role_problems(read(claim), read(quote))


@pytest.mark.parametrize(
    ("quote", "claim"),
    [
        ("Northwind acquired Tailspin.", "Tailspin was acquired by Northwind."),
        ("Northwind merged with Tailspin.", "Tailspin merged with Northwind."),
        ("In 2019 Google acquired Fitbit.", "Google acquired Fitbit in 2019."),
        ("It was 820 mm in 2018 and 640 mm in 2019.", "In 2019 it was 640 mm."),
        ("The node failed at 02:10 and recovered at 02:25.", "At 02:25 the node had recovered."),
        ("Ann met Bob.", "Nobody knows."),
    ],
)
def test_what_is_bound_alike_is_no_problem(quote: str, claim: str) -> None:
    assert role_problems(read(claim), read(quote)) == []
