"""A snippet shows the part of a passage that holds the words, and marks them."""

from rich.text import Text

from kapelle.cli.snippet import snippet
from kapelle.language.words import base

FILLER = "nothing of that kind is said in this sentence and it goes on for a while "


def marked(text: Text) -> list[str]:
    return [text.plain[span.start : span.end] for span in text.spans]


def stems(*words: str) -> list[str]:
    return [base(word) for word in words]


def test_a_short_text_is_whole_and_its_words_are_marked_in_every_inflection() -> None:
    shown = snippet("We keep  invoices.\nAn invoice is kept.", stems("invoice"))
    assert shown.plain == "We keep invoices. An invoice is kept."
    assert marked(shown) == ["invoices", "invoice"]


def test_of_a_long_text_the_part_with_the_most_words_is_shown() -> None:
    text = f"An invoice. {FILLER * 6} We keep every invoice for ten years. {FILLER * 6}"
    shown = snippet(text, stems("invoice", "years", "keep"), width=120)
    assert marked(shown) == ["keep", "invoice", "years"]
    assert shown.plain.startswith("… ") and shown.plain.endswith(" …")
    assert len(shown.plain) <= 124


def test_what_is_marked_at_the_beginning_and_the_end_is_the_word() -> None:
    text = f"Invoices first. {FILLER * 5}"
    assert marked(snippet(text, stems("invoice"), width=100)) == ["Invoices"]
    assert marked(snippet(f"{FILLER * 5} at last an invoice", stems("invoice"), width=100)) == ["invoice"]


def test_without_the_words_it_begins_at_the_beginning() -> None:
    shown = snippet(FILLER * 5, stems("invoice"), width=50)
    assert shown.plain.startswith("nothing of that kind")
    assert marked(shown) == []


def test_one_word_longer_than_the_width_is_cut() -> None:
    assert len(snippet("x" * 500, [], width=50).plain) <= 52
