"""A question is answered by the sentences that say it, verbatim, or not at all."""

import pytest

from kapelle.answer.extract import compose_extractive
from kapelle.answer.model import Candidate
from kapelle.answer.wanted import holds, wanted
from kapelle.evidence.index_sqlite import memory_index
from kapelle.evidence.load import document_of
from kapelle.evidence.search import search
from kapelle.verdict.checks import check_citations, check_cited, check_length, check_support

OWNER = "acme/ann"
DOCUMENTS = [
    document_of(
        "finance.md",
        "# Finance\r\n\r\n## Invoices\r\n\r\nInvoices are sent by post. We keep invoices for ten\r\nyears. "
        "The archive is in Bonn.\r\n\r\n## Approval\r\n\r\n- Orders above 500 EUR are approved by Maria Lopez.\r\n"
        "- Others are not checked.\r\n",
    ),
    document_of(
        "security.html", "<title>S</title><p>A password has at least <b>14</b> characters. It never expires.</p>"
    ),
    document_of("rota.yaml", "primary:\n  - week_start: 2026-02-16\n    engineer: Ann Beck\n"),
]
TEXTS = {(document.source, document.sha256): document.text for document in DOCUMENTS}


def answer(question: str) -> Candidate:
    index = memory_index()
    index.put("handbook", DOCUMENTS, owner=OWNER)
    found = search(index, ["handbook"], question, owner=OWNER)
    return compose_extractive(question, found.hits, TEXTS, weights=found.weights, searched=["handbook"])


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("How long do we keep invoices?", "We keep invoices for ten years."),
        ("How are invoices sent?", "Invoices are sent by post."),
        ("Who approves orders?", "Orders above 500 EUR are approved by Maria Lopez."),
        ("How many characters has a password?", "A password has at least 14 characters."),
    ],
)
def test_the_sentence_that_answers_comes_first(question: str, said: str) -> None:
    candidate = answer(question)
    assert candidate.found
    assert candidate.text.startswith(f"{said} [c1]")
    assert check_citations(candidate.citations, TEXTS).passed
    assert check_cited(candidate.text, candidate.citations).passed
    assert check_support(candidate.text, candidate.citations).passed
    assert check_length(candidate.text, candidate.citations).passed
    assert len(candidate.citations) <= 3


def test_a_quote_is_the_sources_own_characters() -> None:
    assert answer("How long do we keep invoices?").citations[0].quote == "We keep invoices for ten\r\nyears."
    assert (
        answer("How many characters has a password?").citations[0].quote
        == "A password has at least <b>14</b> characters."
    )


def test_a_sentence_that_announces_a_list_is_quoted_with_it() -> None:
    document = document_of(
        "a.md", "# T\n\nThese need an approval:\n\n- new servers\n- travel. By air\n\nThat is all.\n"
    )
    index = memory_index()
    index.put("handbook", [document], owner=OWNER)
    hits = search(index, ["handbook"], "What needs an approval?", owner=OWNER).hits
    candidate = compose_extractive("What needs an approval?", hits, {(document.source, document.sha256): document.text})
    assert candidate.citations[0].quote == "These need an approval:\n\n- new servers\n- travel."


@pytest.mark.parametrize("question", ["Do dragons lay eggs?", "How long is parental leave?", ""])
def test_what_the_sources_do_not_say_is_not_answered(question: str) -> None:
    candidate = answer(question)
    assert not candidate.found
    assert candidate.text == "The sources do not say. Searched: handbook."
    assert candidate.citations == ()
    assert candidate.missing


def test_hits_whose_text_is_not_at_hand_are_not_quoted() -> None:
    index = memory_index()
    index.put("handbook", DOCUMENTS, owner=OWNER)
    hits = search(index, ["handbook"], "How long do we keep invoices?", owner=OWNER).hits
    assert not compose_extractive("How long do we keep invoices?", hits, {}).found
    tampered = [hit.model_copy(update={"text": hit.text.replace("ten", "two")}) for hit in hits]
    assert not compose_extractive("How long do we keep invoices?", tampered, TEXTS).found


def test_weights_are_estimated_of_the_hits_when_none_are_given() -> None:
    index = memory_index()
    index.put("handbook", DOCUMENTS, owner=OWNER)
    for question, found in (("How long are invoices kept?", True), ("How long do dragons keep gold?", False)):
        hits = search(index, ["handbook"], question, owner=OWNER).hits
        assert compose_extractive(question, hits, TEXTS).found is found


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How many days?", "number"),
        ("When does it close?", "date"),
        ("What is the retention period?", "date"),
        ("Who owns it?", "name"),
        ("Which team owns it?", "name"),
        ("Where is the archive?", "place"),
        ("Why did it fail?", "reason"),
        ("Explain the process", "text"),
    ],
)
def test_a_question_wants_a_kind_of_answer(question: str, kind: str) -> None:
    assert wanted(question) == kind


def test_a_sentence_holds_a_kind_of_answer() -> None:
    assert holds("number", "after seven days") and not holds("number", "after some days")
    assert holds("name", "It is owned by Ann.") and not holds("name", "It is owned.")
    assert holds("place", "It stands in Bonn.") and not holds("place", "it stands")
    assert holds("reason", "because it broke") and not holds("reason", "it broke")
    assert holds("text", "")
