"""A name of a claim stands in a quote, as a whole, short or spelled out."""

import pytest

from kapelle.verdict.names import name_problems
from kapelle.verdict.words import read


@pytest.mark.parametrize(
    ("quote", "claim"),
    [
        ("The World Health Organization said so.", "The WHO said so."),
        ("The WHO said so.", "The World Health Organization said so."),
        ("It was made in Italy.", "It is an Italian product."),
        ("Ann Beck and Omar Diaz met.", "Omar Diaz met Ann Beck."),
        ("The Bank of England raised it.", "It was raised by the Bank of England."),
        ("Rollbacks need a reason.", "Rollbacks need a reason."),
        ("The checkout-api of release 4.2.1 failed.", "In release 4.2.1 the checkout-api failed."),
        ("He was on call.", "He was on-call."),
        ("It began in the third quarter.", "It began in Q3."),
    ],
)
def test_a_name_that_stands_in_a_quote_is_no_problem(quote: str, claim: str) -> None:
    assert name_problems(read(claim), read(quote), []) == []


@pytest.mark.parametrize(
    ("quote", "claim", "said"),
    [
        ("Ann Beck approves orders.", "Maria approves orders.", "the name Maria is in no quote"),
        ("Orders go to Ann.", "Orders go to Peter.", "the name Peter is in no quote"),
        ("A P1 is paged.", "A P2 is paged.", "p2"),
        ("Release 4.2.1 failed.", "Release 4.2.2 failed.", "4.2.2"),
        ("The checkout-api failed.", "The billing-api failed.", "billing-api"),
        ("Ann Beck met Omar Diaz.", "Ann Diaz was there.", "no quote has the name Ann Diaz as a whole"),
        ("James Hutton is a geologist.", "Genghis is a geologist.", "Genghis"),
        ("The ECB said so.", "The WHO said so.", "WHO"),
    ],
)
def test_another_name_is_found_out(quote: str, claim: str, said: str) -> None:
    assert any(said in problem for problem in name_problems(read(claim), read(quote), []))


def test_a_name_that_the_asker_said_needs_no_quote() -> None:
    claim, quote = read("It goes to Peter."), read("It goes to him.")
    assert name_problems(claim, quote, []) and name_problems(claim, quote, read("Does Peter get it?")) == []
