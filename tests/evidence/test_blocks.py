"""A converted text of pages is cut page by page."""

from kapelle.evidence.blocks import page_blocks


def test_a_block_never_runs_over_a_page_and_pages_without_text_are_counted() -> None:
    text = "one\n\ntwo\f\fthree\nfour"
    found = [(text[block.start : block.end], block.section) for block in page_blocks(text)]
    assert found == [("one", "page 1"), ("two", "page 1"), ("three\nfour", "page 3")]
