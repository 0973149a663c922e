"""Years, quarters, months, days and times are the same however they are said, and others are told apart."""

import pytest

from kapelle.verdict.periods import period_problems, periods
from kapelle.verdict.words import read


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("on 30 June 2024", {("month", "6"), ("date", "6-30"), ("year", "2024")}),
        ("on June 30th, 2024", {("month", "6"), ("date", "6-30"), ("year", "2024")}),
        ("on 2024-06-30", {("month", "6"), ("date", "6-30"), ("year", "2024")}),
        ("in the third quarter of 2024", {("quarter", "3"), ("year", "2024")}),
        ("in Q3 2024", {("quarter", "3"), ("year", "2024")}),
        ("at 5 pm", {("time", "17:00")}),
        ("at 17:00", {("time", "17:00")}),
        ("at 9:05 a.m.", {("time", "09:05")}),
        ("in the 1990s and the 19th century", {("decade", "1990"), ("century", "19")}),
        ("in the previous year", {("relative", "last year")}),
        ("in 1576-77", {("year", "1576"), ("year", "1577")}),
        ("each month", {("frequency", "month")}),
        ("monthly", {("frequency", "month")}),
        ("You may march in a second.", set()),
        ("since May", {("month", "5")}),
        ("It costs 2000 USD.", set()),
        ("on Mondays", {("weekday", "monday")}),
    ],
)
def test_a_period_is_read_however_it_is_said(text: str, found: set[tuple[str, str]]) -> None:
    assert {(one.kind, one.value) for one in periods(text)} == found


@pytest.mark.parametrize(
    ("quote", "claim", "said"),
    [
        ("It opened in 2019.", "It opened in 2020.", "the period 2020 is in no quote; the quote says 2019"),
        ("It opened last year.", "It opened this year.", "this year"),
        ("Send it before 30 June.", "Send it after 30 June.", "the claim says after 30 June, the quote before 30 June"),
        ("Check it before the review.", "Check it after the review.", "after the review"),
        ("It is paid per month.", "It is paid per year.", "per year"),
        ("It ended on Monday.", "It ended on Tuesday.", "Tuesday"),
    ],
)
def test_another_period_is_found_out(quote: str, claim: str, said: str) -> None:
    assert any(said in problem for problem in period_problems(read(claim), read(quote), []))


@pytest.mark.parametrize(
    ("quote", "claim"),
    [
        ("It is due by 30 June 2024.", "Before June 30, 2024 it is due."),
        ("Backups run before the deploy.", "The deploy comes after the backups."),
        ("It fell on 2 May 2021.", "It fell in May 2021."),
        ("It costs 3 EUR.", "It costs 3 EUR each month."),
    ],
)
def test_the_same_period_is_no_problem(quote: str, claim: str) -> None:
    assert period_problems(read(claim), read(quote), []) == []


def test_a_period_that_the_asker_named_needs_no_quote() -> None:
    claim, quote = read("In 2024 it was kept."), read("It was kept.")
    assert period_problems(claim, quote, []) and period_problems(claim, quote, read("What of 2024?")) == []
