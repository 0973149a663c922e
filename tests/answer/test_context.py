"""What of the passages a model is shown."""

from kapelle.answer.context import build_context
from kapelle.evidence.load import document_of
from kapelle.evidence.model import Passage
from kapelle.evidence.split import split

SENTENCE = "Invoices of the year {} are kept for ten years in the archive of the house. "
DOCUMENT = document_of("records.md", "# Records\n\n" + "".join(SENTENCE.format(year) for year in range(2000, 2030)))
TEXTS = {(DOCUMENT.source, DOCUMENT.sha256): DOCUMENT.text}
HITS = split(DOCUMENT)


def test_the_first_are_shown_until_the_tokens_are_used_up() -> None:
    assert len(HITS) > 2
    every = build_context(HITS, TEXTS, budget_tokens=100_000)
    assert [one.text for one in every] == [hit.text for hit in HITS]
    few = build_context(HITS, TEXTS, budget_tokens=600)
    assert len(few) == 2
    assert few[0].text == HITS[0].text
    assert few[1].text != HITS[1].text
    assert few[1].text.endswith("house.")
    assert HITS[1].text.startswith(few[1].text)
    assert sum(len(one.text.encode()) for one in few) <= 600 * 3


def test_what_is_shown_is_a_span_of_the_document() -> None:
    for one in build_context(HITS, TEXTS, budget_tokens=500):
        assert DOCUMENT.text[one.start : one.end] == one.text


def test_where_it_is_from_is_told() -> None:
    (one, *_) = build_context(HITS, TEXTS, budget_tokens=500)
    assert one.label == "source: records.md; title: Records"
    dated = HITS[0].model_copy(update={"meta": {"version": "2.0", "other": "x"}, "section": "A > B"})
    (one,) = build_context([dated], TEXTS, budget_tokens=500)
    assert one.label.endswith("section: A > B; version: 2.0")


def test_a_passage_twice_or_of_another_version_is_left_out() -> None:
    stale: Passage = HITS[1].model_copy(update={"sha256": "0" * 64, "id": "stale"})
    shown = build_context([HITS[0], HITS[0], stale], TEXTS, budget_tokens=100_000)
    assert [one.passage.id for one in shown] == [HITS[0].id]


def test_too_few_tokens_show_nothing() -> None:
    assert build_context(HITS, TEXTS, budget_tokens=50) == []
