"""Precision and recall of citations."""

from collections.abc import Sequence

from kapelle.verdict.measure import CitationQuality, citation_quality, supported

TEN = "We keep invoices for ten years."


def of_words(claim: str, quotes: Sequence[str]) -> bool:
    """A claim holds when its letters are among those quoted."""
    return set(claim) <= set("".join(quotes))


def test_a_claim_needs_all_it_says_and_a_citation_must_do_something_for_it() -> None:
    quality = citation_quality(
        [
            ("ab", ["a", "b"]),  # together: both are needed
            ("ab", ["ab", "x"]),  # the second does nothing
            ("ab", ["a"]),  # not held: its citation does not count either
            ("ab", []),
        ],
        holds=of_words,
    )
    assert quality == CitationQuality(precision=3 / 5, recall=2 / 4, claims=4, citations=5)


def test_either_of_two_that_say_the_same_is_precise() -> None:
    assert citation_quality([("ab", ["ab", "ba"])], holds=of_words).precision == 1


def test_no_claims_are_no_fault() -> None:
    assert citation_quality([]) == CitationQuality(precision=1, recall=1, claims=0, citations=0)


def test_without_a_model_words_numbers_and_negation_decide() -> None:
    assert supported(TEN, ["Invoices: we keep them for ten years."])
    assert not supported(TEN, ["Invoices are kept for six years."])
    assert not supported("We do not keep invoices for ten years.", [TEN])
    assert citation_quality([(TEN, [TEN]), (TEN, ["Letters are not kept."])]).recall == 0.5
