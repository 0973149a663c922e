"""A quote that was touched never passes; a claim is measured against its quotes."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kapelle.evidence.model import Citation, sha256_of
from kapelle.verdict.citations import check_citation
from kapelle.verdict.support import support

TEXT = "We keep invoices for ten years.\r\nReceipts for 7 years; not longer."


def citation(
    start: int = 0, end: int = 31, *, text: str = TEXT, quote: str | None = None, sha256: str = ""
) -> Citation:
    return Citation(
        id="c1",
        claim="x",
        source="finance.md",
        sha256=sha256 or sha256_of(text),
        quote=text[start:end] if quote is None else quote,
        start=start,
        end=end,
    )


def test_an_exact_span_holds() -> None:
    assert check_citation(citation(), TEXT) is None


@given(st.text(min_size=1, max_size=60), st.data())
def test_any_span_of_any_text_holds_and_any_other_quote_does_not(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    assume(text[start:end].strip())
    assert check_citation(citation(start, end, text=text), text) is None
    other = data.draw(st.text(max_size=60))
    assume(other != text[start:end])
    assert check_citation(citation(start, end, text=text, quote=other), text) is not None


@given(st.integers(0, len(TEXT) - 1), st.characters(codec="utf-8"))
def test_a_quote_with_one_character_changed_does_not_hold(place: int, letter: str) -> None:
    assume(TEXT[place] != letter)
    changed = TEXT[:place] + letter + TEXT[place + 1 :]
    assert check_citation(citation(0, len(TEXT), quote=changed), TEXT) is not None


@pytest.mark.parametrize(
    ("broken", "text", "why"),
    [
        (citation(quote="We keep invoices for two years."), TEXT, "not the quote"),
        (citation(1, 32, quote=TEXT[0:31]), TEXT, "not the quote"),
        (citation(0, 31), None, "not read in this run"),
        (citation(0, 31), TEXT + " changed", "not version"),
        (citation(0, 31, sha256="0" * 64), TEXT, "not version"),
        (citation(0, 500), TEXT, "outside"),
        (citation(5, 2, quote="x"), TEXT, "outside"),
        (citation(-5, 2, quote="x"), TEXT, "outside"),
        (citation(3, 3), TEXT, "empty"),
    ],
)
def test_what_is_wrong_is_said_and_the_source_named(broken: Citation, text: str | None, why: str) -> None:
    problem = check_citation(broken, text)
    assert problem is not None
    assert why in problem
    assert "`finance.md`" in problem


@pytest.mark.parametrize(
    ("claim", "quotes"),
    [
        ("Invoices are kept for ten years.", ["We keep invoices for ten years."]),
        ("Invoices are kept for 10 years.", ["We keep invoices for ten years."]),
        ("Errors over 2.5% for 5 minutes.", ["error rate > 2.5 percent", "for 5 consecutive minutes of errors over"]),
        ("It must not be deployed.", ["Deploying it is not allowed; it must wait."]),
        ("Acknowledge no later than 5 minutes.", ["Acknowledge within 5 minutes, later never counts, no matter what."]),
    ],
)
def test_a_carried_claim_has_no_problem(claim: str, quotes: list[str]) -> None:
    assert support(claim, quotes).problems == ()


@pytest.mark.parametrize(
    ("claim", "quote", "problem"),
    [
        ("Invoices are kept for 12 years.", "We keep invoices for ten years.", "12"),
        ("Acknowledge within 5 hours.", "Acknowledge within 5 minutes.", "unit"),
        ("Deploys are allowed.", "Deploys are not allowed.", "denies"),
        ("Deploys are not allowed.", "Deploys are allowed.", "denies"),
        ("The report goes to Maria.", "The report goes to Peter.", "Maria"),
        ("A case of P1 is paged.", "A case of P2 is paged.", "p1"),
    ],
)
def test_a_claim_that_its_quote_does_not_carry_is_found_out(claim: str, quote: str, problem: str) -> None:
    measured = support(claim, [quote])
    assert any(problem in said for said in measured.problems)
    assert measured.score < 0.5


def test_what_the_asker_stated_needs_no_quote() -> None:
    claim = "An error rate of 3% for 6 minutes is over the limit of 2%."
    assert support(claim, ["limit: 2% error rate"]).problems != ()
    assert support(claim, ["limit: 2% error rate"], given="3% errors for 6 minutes").problems == ()


def test_a_claim_without_quotes_has_no_support() -> None:
    assert support("Cats bark loudly.", []).score == 0
    assert support("We keep invoices for ten years.", ["We keep invoices for ten years."]).score == 1
