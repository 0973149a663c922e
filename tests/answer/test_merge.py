"""Answers are joined without losing a citation, and contradictions are named."""

from kapelle.answer.compose import compose_claims
from kapelle.answer.merge import find_conflicts, merge_candidates, merge_hits
from kapelle.answer.model import Candidate
from kapelle.budget.model import Usage
from kapelle.evidence.model import Citation, Claim, Excerpt, Passage, sha256_of
from kapelle.verdict.checks import check_cited

OLD, NEW = "Acknowledge a P1 alert within 10 minutes.", "Acknowledge a P1 alert within 5 minutes."
TEXTS = {("v1.md", sha256_of(OLD)): OLD, ("v2.md", sha256_of(NEW)): NEW}


def said(source: str, text: str, *, usage: Usage = Usage()) -> Candidate:
    whole = Excerpt(source=source, sha256=sha256_of(text), start=0, end=len(text), quote=text)
    composed = compose_claims([Claim(text=text, excerpts=(whole,))], TEXTS)
    return composed.model_copy(update={"usage": usage})


def cited(source: str, quote: str) -> Citation:
    return Citation(id="c1", claim=quote, source=source, sha256="s", quote=quote, start=0, end=len(quote))


def test_citations_are_numbered_anew_and_shared() -> None:
    merged = merge_candidates([said("v1.md", OLD), said("v2.md", NEW), said("v1.md", OLD)])
    assert merged.text == f"{OLD} [c1]\n\n{NEW} [c2]"
    assert [(one.id, one.source) for one in merged.citations] == [("c1", "v1.md"), ("c2", "v2.md")]
    assert check_cited(merged.text, merged.citations).passed


def test_different_numbers_for_one_thing_are_a_conflict() -> None:
    merged = merge_candidates([said("v1.md", OLD), said("v2.md", NEW)])
    assert len(merged.conflicts) == 1
    assert "10 minutes" in merged.conflicts[0] and "5 minutes" in merged.conflicts[0]


def test_other_things_same_numbers_and_one_source_are_no_conflict() -> None:
    assert find_conflicts([cited("a", "Keep invoices 10 years."), cited("b", "Keep invoices ten years.")]) == []
    assert find_conflicts([cited("a", "Keep invoices 10 years."), cited("b", "Passwords have 14 characters.")]) == []
    assert find_conflicts([cited("a", OLD), cited("a", NEW)]) == []
    assert find_conflicts([cited("a", "Page P1 in 5 minutes."), cited("b", "Page P1 over 5%.")]) == []


def test_what_found_nothing_adds_only_what_is_missing() -> None:
    nothing = Candidate(text="The sources do not say.", found=False, missing=("x",))
    merged = merge_candidates([nothing, said("v1.md", OLD)])
    assert (merged.text, merged.found, merged.missing) == (f"{OLD} [c1]", True, ("x",))
    assert merge_candidates([nothing, nothing]).found is False
    assert merge_candidates([nothing]).text == nothing.text
    assert merge_candidates([]).found is False


def test_usage_adds_up() -> None:
    merged = merge_candidates(
        [said("v1.md", OLD, usage=Usage(requests=2)), said("v2.md", NEW, usage=Usage(requests=3))]
    )
    assert merged.usage.requests == 5


def test_hits_are_joined_by_their_best_score() -> None:
    def hit(id: str, score: float) -> Passage:
        return Passage(id=id, document="d", source=id, sha256="s", text="t", start=0, end=1, scores={"score": score})

    merged = merge_hits([[hit("a", 1.0), hit("b", 3.0)], [hit("a", 2.0), hit("c", 2.0)]])
    assert [(one.id, one.scores["score"]) for one in merged] == [("b", 3.0), ("a", 2.0), ("c", 2.0)]
