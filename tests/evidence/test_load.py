"""Files become documents whose text is the file's, character by character; others are converted."""

from collections.abc import Iterator

import pytest
from tests.evidence.files import LAUGHS, bomb, docx, package, pdf

from kapelle.evidence.converters import Converters
from kapelle.evidence.folder import NotRead
from kapelle.evidence.index import Source
from kapelle.evidence.load import document_of, read_document
from kapelle.evidence.model import Document, sha256_of
from kapelle.evidence.split import split


@pytest.fixture(scope="module")
def converters() -> Iterator[Converters]:
    """One converting process for all tests here."""
    with Converters(1, seconds=60, megabytes=1_500) as made:
        yield made


def as_source(document: Document) -> Source:
    return Source(source=document.source, document=document.id, sha256=document.sha256, meta=document.meta)


def test_the_text_is_the_file_with_mark_and_line_ends_kept(converters: Converters) -> None:
    content = "\ufeff# Título\r\n\r\nline\rend\n"
    document = read_document("a.md", content.encode(), converters)
    assert document is not None
    assert document.text == content
    assert document.sha256 == sha256_of(content)
    assert document.title == "Título"
    assert read_document("a.md", content.encode(), converters, known=as_source(document)) is None


@pytest.mark.parametrize(("content", "why"), [(b"\xff\xfe\x00", "UTF-8"), (b"a\0b", "NUL")])
def test_what_is_no_text_is_not_read_with_the_reason(content: bytes, why: str, converters: Converters) -> None:
    with pytest.raises(NotRead, match=why) as caught:
        read_document("a.txt", content, converters)
    assert not caught.value.transient


def test_a_pdf_is_its_pages_and_a_passage_says_its_page(converters: Converters) -> None:
    content = pdf("Invoices are kept ten years.", "", "Travel is second class.")
    document = read_document("terms.pdf", content, converters)
    assert document is not None
    assert document.converted
    assert document.title == "terms"
    assert [(one.section, one.text) for one in split(document)] == [
        ("page 1", "Invoices are kept ten years."),
        ("page 3", "Travel is second class."),
    ]
    assert all(document.text[one.start : one.end] == one.text for one in split(document))
    # The file decides whether it is read again, not its conversion.
    assert read_document("terms.pdf", content, converters, known=as_source(document)) is None
    assert read_document("terms.pdf", pdf("Other."), converters, known=as_source(document)) is not None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (pdf("Secret.", password="open sesame"), "password"),
        (pdf("", ""), "only pictures"),
        (b"%PDF-1.7 and then nothing", "no readable PDF"),
        (pdf("Cut short.")[:200], "no readable PDF"),
        (b"", "no readable PDF"),
    ],
)
def test_a_pdf_without_readable_text_is_not_read_with_the_reason(
    content: bytes, why: str, converters: Converters
) -> None:
    with pytest.raises(NotRead, match=why) as caught:
        read_document("a.pdf", content, converters)
    assert not caught.value.transient


def test_a_word_file_is_split_as_markdown(converters: Converters) -> None:
    document = read_document("rules.docx", docx("# Rules", "Keep invoices.", "# Travel", "By train."), converters)
    assert document is not None
    assert document.converted
    assert document.title == "Rules"
    assert [(one.section, one.text) for one in split(document)] == [("", "Keep invoices."), ("Travel", "By train.")]


def test_a_workbook_says_what_its_cells_say(converters: Converters) -> None:
    document = read_document(
        "book.xlsx", workbook([["code", "sum"], ["NA", 10], ["None", None], ["a|b", 0.5]]), converters
    )
    assert document is not None
    assert document.title == "book"
    assert document.text == ("## Sheet\n\n| code | sum |\n| --- | --- |\n| NA | 10 |\n| None |  |\n| a\\|b | 0.5 |")


def workbook(rows: list[list[object]]) -> bytes:
    from io import BytesIO

    from openpyxl import Workbook

    book = Workbook()
    for row in rows:
        book.active.append(row)
    made = BytesIO()
    book.save(made)
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.docx", docx("&lol9;", prolog=LAUGHS), "declares entities"),
        ("a.docx", docx("text", more={"word/styles.xml": f"{LAUGHS}<a/>".encode("utf-16")}), "declares entities"),
        ("a.docx", docx("text", more={"word/x.xml": b"<?xml version='1.0' encoding='cp037'?><a/>"}), "encoding"),
        ("a.docx", bomb(), "unpacks to"),
        ("a.xlsx", package({"xl/sheet.xml": bytes(70_000_000)}), "unpacks to"),
        ("a.pptx", b"junk", "no readable office file"),
        ("a.pptx", package({"a.xml": b"<a/>"}), "no readable pptx"),
        ("a.docx", b"\xd0\xcf\x11\xe0" + bytes(1_000), "password"),
    ],
)  # fmt: skip
def test_an_office_file_that_is_broken_or_meant_to_do_harm_is_not_opened(
    name: str, content: bytes, why: str, converters: Converters
) -> None:
    with pytest.raises(NotRead, match=why) as caught:
        read_document(name, content, converters)
    assert not caught.value.transient


@pytest.mark.parametrize(
    ("source", "text", "title"),
    [
        ("a.md", "---\ntitle: From front matter\n---\n# Heading\n", "From front matter"),
        ("a.md", "text\n\n## Second level #\n", "Second level"),
        ("a.md", "Underlined\n==========\n\ntext", "Underlined"),
        ("a.html", "<html><head><title>A &amp; B</title></head><h1>No</h1>", "A & B"),
        ("a.html", "<h1>Only <i>heading</i></h1>", "Only heading"),
        ("docs/leave_policy-2.txt", "no heading", "leave policy 2"),
        ("a.yaml", "# a comment\nkey: 1\n", "a"),
        ("a.md", "---\nnot: [closed\n---\n# Heading\n", "Heading"),
    ],
)
def test_a_title_is_what_the_document_calls_itself(source: str, text: str, title: str) -> None:
    assert document_of(source, text).title == title


@pytest.mark.parametrize(
    "text",
    [
        "# P2\n\nSupersedes: policy_v1\n",
        "---\nsupersedes: policy_v1\n---\n",
        "# P2\n\n- **Replaces:** `policy_v1`.\n",
        "This policy supersedes policy_v1.\n",
    ],
)
def test_the_version_it_supersedes_is_told(text: str) -> None:
    assert document_of("policy_v2.md", text).meta["supersedes"] == ["policy_v1"]


def test_superseding_none_is_superseding_nothing() -> None:
    assert "supersedes" not in document_of("policy_v1.md", "Supersedes: none\n").meta


def test_the_same_text_of_the_same_source_has_the_same_id() -> None:
    assert document_of("a.md", "x").id == document_of("a.md", "x").id
    assert len({document_of("a.md", "x").id, document_of("b.md", "x").id, document_of("a.md", "y").id}) == 3


def test_front_matter_becomes_plain_values() -> None:
    text = "---\ntitle: T\ndate: 2026-02-14\ntags: [a, 1, {b: null}]\nnested: {day: 2026-01-01}\n---\ntext"
    assert document_of("a.md", text).meta == {
        "title": "T",
        "date": "2026-02-14",
        "tags": ["a", 1, {"b": None}],
        "nested": {"day": "2026-01-01"},
    }
    assert document_of("a.md", "---\n- a list\n---\n").meta == {}
    assert document_of("a.yaml", text).meta == {}
