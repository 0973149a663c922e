"""An answer says only what its quotes show, and lists what it left out."""

from hypothesis import given
from hypothesis import strategies as st

from kapelle.answer.compose import NOT_FOUND, compose_claims
from kapelle.answer.model import Candidate
from kapelle.evidence.model import Claim, Excerpt, sha256_of
from kapelle.verdict.checks import check_citations, check_cited, check_length, claims_of

TEXT = "Acknowledge within 5 minutes. Page the secondary at +8 minutes. Brief #exec at +30."
SHA = sha256_of(TEXT)
TEXTS = {("policy.md", SHA): TEXT}


def quote(text: str, *, source: str = "policy.md", sha256: str = SHA) -> Excerpt:
    start = TEXT.index(text)
    return Excerpt(source=source, sha256=sha256, start=start, end=start + len(text), quote=text)


def claim(text: str, *quotes: str) -> Claim:
    return Claim(text=text, excerpts=tuple(quote(one) for one in quotes))


def test_each_sentence_carries_its_markers() -> None:
    answer = compose_claims(
        [
            claim("Acknowledge within 5 minutes", "Acknowledge within 5 minutes."),
            claim("Then page and brief.", "Page the secondary", "Brief #exec"),
        ],
        TEXTS,
    )
    assert answer.text == "Acknowledge within 5 minutes. [c1] Then page and brief. [c2][c3]"
    assert [citation.id for citation in answer.citations] == ["c1", "c2", "c3"]
    assert all(citation.exact for citation in answer.citations)
    assert (answer.found, answer.missing) == (True, ())


def test_a_span_cited_twice_is_one_citation() -> None:
    answer = compose_claims([claim("One.", "Page the"), claim("Two.", "Page the")], TEXTS)
    assert answer.text == "One. [c1] Two. [c1]"
    assert len(answer.citations) == 1


def test_what_no_quote_shows_is_dropped_and_listed() -> None:
    tampered = quote("Page the").model_copy(update={"quote": "page the"})
    answer = compose_claims(
        [
            Claim(text="Invented."),
            Claim(text="Altered.", excerpts=(tampered,)),
            Claim(text="Half altered.", excerpts=(quote("Page the"), tampered)),
            Claim(text="Foreign.", excerpts=(quote("Page the", source="other.md"),)),
            Claim(text="Stale.", excerpts=(quote("Page the", sha256="0" * 64),)),
            claim("Shown.", "Page the"),
        ],
        TEXTS,
    )
    assert answer.text == "Shown. [c1]"
    assert [lack.split(".")[0] for lack in answer.missing] == [
        "Invented",
        "Altered",
        "Half altered",
        "Foreign",
        "Stale",
    ]


def test_with_nothing_shown_the_answer_says_so() -> None:
    answer = compose_claims([Claim(text="Invented.")], TEXTS)
    assert (answer.found, answer.text, answer.citations) == (False, NOT_FOUND, ())


def test_limits_of_words_and_citations_hold_and_the_rest_is_listed() -> None:
    many = [claim(f"Claim {i} " + "word " * 30, "Page the") for i in range(12)]
    answer = compose_claims(many, TEXTS, max_words=100)
    assert len(answer.text.split()) <= 100
    assert len(answer.missing) == 9
    spans = [
        Claim(
            text=f"Claim {i}.",
            excerpts=(Excerpt(source="policy.md", sha256=SHA, start=i, end=i + 3, quote=TEXT[i : i + 3]),),
        )
        for i in range(15)
    ]
    answer = compose_claims(spans, TEXTS)
    assert len(answer.citations) == 12
    assert len(answer.missing) == 3


def test_the_same_claim_is_said_once() -> None:
    assert compose_claims([claim("One.", "Page the"), claim("one. ", "Page the")], TEXTS).text == "One. [c1]"


TEXT_OF_CLAIMS = st.text(max_size=40) | st.lists(
    st.sampled_from(["A b.", "c", "[c9]", " ", "- ", "P1:", "Dr. X", "?", "\n", "1. "]), max_size=8
).map("".join)
EXCERPTS = st.builds(
    lambda start, length, quote, honest: Excerpt(
        source="policy.md",
        sha256=SHA,
        start=start,
        end=start + length,
        quote=TEXT[start : start + length] if honest else quote,
    ),
    st.integers(0, len(TEXT)),
    st.integers(0, 30),
    st.text(max_size=10),
    st.booleans(),
)


@given(st.lists(st.builds(Claim, text=TEXT_OF_CLAIMS, excerpts=st.lists(EXCERPTS, max_size=3).map(tuple)), max_size=20))
def test_whatever_is_claimed_only_exact_quotes_are_cited(claims: list[Claim]) -> None:
    answer = compose_claims(claims, TEXTS)
    assert check_citations(answer.citations, TEXTS).passed
    assert check_length(answer.text, answer.citations).passed
    assert check_cited(answer.text if answer.found else "", answer.citations).passed
    assert Candidate.model_validate_json(answer.model_dump_json()) == answer


def test_a_claim_of_two_sentences_carries_its_markers_twice() -> None:
    assert compose_claims([claim("Page her. Then wait.", "Page the")], TEXTS).text == "Page her. [c1] Then wait. [c1]"


def test_every_sentence_of_a_composed_answer_is_cited() -> None:
    answer = compose_claims([claim("One is so", "Page the"), claim("P2: page Ann!", "secondary")], TEXTS)
    assert check_cited(answer.text, answer.citations).passed
    assert [markers for _, markers in claims_of(answer.text)] == [("c1",), ("c2",)]
