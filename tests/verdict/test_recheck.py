"""An answer checked again holds only as it was given; what became of its sources is told beside that."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kapelle.evidence.model import Citation, sha256_of
from kapelle.verdict.recheck import Versions, nearest_place, recheck

TEXT = "We keep invoices for ten years. Receipts are kept for 7 years. The archive is in Bonn."
KEY = ("finance.md", sha256_of(TEXT))


def cited(start: int = 0, end: int = 31, id: str = "c1", **changed: object) -> Citation:
    one = Citation(
        id=id, claim="", source=KEY[0], sha256=KEY[1], passage="p", quote=TEXT[start:end], start=start, end=end
    )
    return one.model_copy(update=changed)


SAID = "We keep invoices for ten years. [c1]"
HERE = {KEY: Versions(cited=TEXT, since="same")}


def test_an_answer_that_stands_as_it_was_given_holds() -> None:
    made = recheck(SAID, [cited()], HERE, searched={"c1"}, retrieved={KEY: [(0, 62)]}, read={KEY})
    assert made.holds and (made.precision, made.recall) == (1.0, 1.0)
    assert made.citations[0].exact and made.claims[0].support == 1.0


@given(st.data())
def test_no_altered_quote_span_or_version_ever_holds(data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(["quote", "start", "end", "sha256", "source"]))
    good = cited()
    value: object = data.draw(st.text(max_size=80) if field in ("quote", "sha256", "source") else st.integers(-5, 200))
    assume(value != getattr(good, field))
    assert not recheck(SAID, [good.model_copy(update={field: value})], HERE, read={KEY}).holds


@given(st.integers(0, len(TEXT)), st.integers(0, len(TEXT)), st.integers(0, len(TEXT)), st.integers(0, len(TEXT)))
def test_two_stretches_joined_as_one_never_hold(a: int, b: int, c: int, d: int) -> None:
    a, b, c, d = sorted((a, b, c, d))
    assume(a < b < c < d)
    joined = TEXT[a:b] + TEXT[c:d]
    for start, end in ((a, d), (a, b), (c, d), (a, a + len(joined))):
        assume(TEXT[start:end] != joined)
        assert not recheck(SAID, [cited(quote=joined, start=start, end=end)], HERE).holds


@pytest.mark.parametrize(
    ("span", "retrieved"), [((0, 31), [(32, 86)]), ((0, 62), [(0, 31), (32, 62)]), ((0, 31), []), ((0, 31), [(1, 86)])]
)
def test_a_span_outside_what_was_retrieved_does_not_hold(
    span: tuple[int, int], retrieved: list[tuple[int, int]]
) -> None:
    made = recheck(SAID, [cited(*span)], HERE, searched={"c1"}, retrieved={KEY: retrieved})
    assert not made.holds
    assert "retrieved in this run" in made.citations[0].problem
    assert made.citations[0].exact


def test_a_version_that_the_run_did_not_read_does_not_hold() -> None:
    made = recheck(SAID, [cited()], HERE, read={("other.md", "0")})
    assert not made.holds and "did not read version" in made.citations[0].problem


def test_a_version_that_is_nowhere_cannot_be_proven() -> None:
    made = recheck(SAID, [cited()], {})
    assert not made.holds and "--corpus DIR" in made.citations[0].problem


def test_a_newer_version_is_told_and_decides_nothing() -> None:
    for live, at in ((f"News. {TEXT}", (6, 37)), ("All is new.", None)):
        made = recheck(SAID, [cited()], {KEY: Versions(cited=TEXT, live=live, since="changed")})
        assert made.holds
        assert (made.citations[0].stands, made.citations[0].at) == (at is not None, at)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("We keep invoices for ten years.", "it carries no citation"),
        ("We keep invoices for ten years. [c7]", "[c7] names no citation"),
        ("We keep invoices for two years. [c1]", "number 2"),
        ("Elephants swim gladly. [c1]", "0%"),
    ],
)
def test_a_claim_that_is_not_carried_does_not_hold(text: str, problem: str) -> None:
    made = recheck(text, [cited()], HERE)
    assert not made.holds and problem in made.claims[0].problem
    assert made.recall == 0.0


def test_what_an_agent_claims_is_told_and_does_not_decide() -> None:
    made = recheck("It is over the limit by 3 years. [c1]", [cited()], HERE, told={"c1"})
    assert made.holds and made.claims[0].told and made.claims[0].problem


def test_two_citations_of_one_id_do_not_hold() -> None:
    made = recheck(SAID, [cited(), cited(32, 62)], HERE)
    assert not made.holds and made.problems == ("two citations have the id `c1`",)


def test_the_nearest_of_several_places_is_told() -> None:
    assert nearest_place("ab", "ab..ab..ab", 5) == (4, 6)
    assert nearest_place("x", "ab", 0) is None
    assert nearest_place("", "ab", 0) is None
