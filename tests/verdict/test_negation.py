"""A claim that turns round what its quote says is found out, clause by clause; one that says it otherwise is not."""

import pytest

from kapelle.verdict.negation import contradictions, statements
from kapelle.verdict.words import read

SAME = [
    ("Access is never granted on weekends.", "On weekends access is not granted."),
    ("Access is not granted on weekends.", "Access on weekends is forbidden."),
    ("It is not forbidden to work from home.", "It is allowed to work from home."),
    ("Deploys are allowed, but not on Fridays.", "Deploys are not allowed on Fridays."),
    ("Nothing is paid unless the manager agrees.", "It is paid when the manager agrees."),
    ("The service was restored without data loss.", "The service was restored."),
    ("Although the vendor did not agree, the contract was signed.", "The contract was signed."),
    ("The report, which is not public, lists every incident.", "The report lists every incident."),
    ("Not only managers but also staff may apply.", "Managers and staff may apply."),
    ("The request was rejected.", "The request was not approved."),
    ("The token is invalid.", "The token is not valid."),
    ("Refunds are not paid until the goods are back.", "Refunds are paid after the goods are back."),
    ("The cache is fast and the queue is not durable.", "The cache is fast."),
    ("Oslo lies higher than Bergen.", "Bergen lies lower than Oslo."),
]
TURNED = [
    ("Access is never granted on weekends.", "Access is granted on weekends."),
    ("It is not forbidden to work from home.", "It is forbidden to work from home."),
    ("Deploys are allowed, but not on Fridays.", "Deploys are allowed on Fridays."),
    ("The service was restored without data loss.", "The service was restored with data loss."),
    ("The report, which is not public, lists every incident.", "The report is public."),
    ("The vendor failed to deliver the parts.", "The vendor delivered the parts."),
    ("The board denies that it knew of the loss.", "The board knew of the loss."),
    ("The request was rejected.", "The request was approved."),
    ("The token is invalid.", "The token is valid."),
    ("Costs increased in spring.", "Costs decreased in spring."),
    ("Neither Ann nor Bob may sign the order.", "Ann and Bob may sign the order."),
    ("The firm no longer sells pumps.", "The firm sells pumps."),
    ("Oslo lies higher than Bergen.", "Bergen lies higher than Oslo."),
    ("The fee is not refunded.", "The fee is refunded."),
    ("It was seen in adults but absent in children.", "It was seen in children."),
    ("The fund was won by Ann, not by Bob.", "The fund was won by Bob."),
]


@pytest.mark.parametrize(("quote", "claim"), SAME)
def test_the_same_said_otherwise_is_no_contradiction(quote: str, claim: str) -> None:
    assert contradictions(read(claim), read(quote)) == []


@pytest.mark.parametrize(("quote", "claim"), TURNED)
def test_the_contrary_is_found_in_either_direction(quote: str, claim: str) -> None:
    assert contradictions(read(claim), read(quote))


@pytest.mark.parametrize(("quote", "claim"), TURNED[:1] + TURNED[7:10])
def test_the_contrary_is_found_with_the_two_exchanged(quote: str, claim: str) -> None:
    assert contradictions(read(quote), read(claim))


def test_a_problem_quotes_the_clause_and_says_who_denies() -> None:
    said = "Invoices are kept; receipts are not kept."
    assert contradictions(read("Receipts are kept."), read(said)) == [
        'the quote denies what the claim states: "receipts are not kept"'
    ]
    assert contradictions(read("Invoices are not kept."), read(said)) == [
        'the claim denies what its quote states: "invoices are kept"'
    ]
    assert "`decreas`" in contradictions(read("Costs decreased."), read("Costs increased."))[0]


def test_another_of_a_kind_is_told_apart() -> None:
    found = contradictions(read("Contractors get 30 days."), read("Employees get 30 days."))
    assert found == ['the claim speaks of `contractor`, the quote of `employe`: "employees get 30 days"']


def test_an_exception_is_a_statement_of_its_own_the_other_way_round() -> None:
    main, exception = statements("Deploys are allowed except on Fridays.")
    assert (main.denied, exception.denied) == (False, True)
    assert exception.stems - main.stems == {"fridai"}
