"""Files become documents whose text is the file's, character by character."""

import os
from pathlib import Path

import pytest

from kapelle.errors import UnreadableSource
from kapelle.evidence.load import document_of, load
from kapelle.evidence.model import sha256_of


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def test_the_text_is_the_file_with_mark_and_line_ends_kept(tmp_path: Path) -> None:
    content = "\ufeff# Título\r\n\r\nline\rend\n"
    document = load(write(tmp_path, {"a.md": content})).documents[0]
    assert document.text == content
    assert document.sha256 == sha256_of(content)
    assert document.title == "Título"


def test_a_folder_is_walked_sorted_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {"b/z.txt": "z", "a.txt": "a", ".git/x.txt": "x", ".hidden": "h", "b/a.txt": "ba"})
    loaded = load(tmp_path)
    assert [document.source for document in loaded.documents] == ["a.txt", "b/a.txt", "b/z.txt"]
    assert loaded.skipped == ()


def test_what_is_no_text_is_skipped_with_the_reason(tmp_path: Path) -> None:
    write(tmp_path, {"a.bin": b"\xff\xfe\x00", "nul.txt": "a\0b", "big.txt": "x" * 200, "ok.txt": "ok"})
    loaded = load(tmp_path, max_bytes=100)
    assert [document.source for document in loaded.documents] == ["ok.txt"]
    why = {skipped.path: skipped.why for skipped in loaded.skipped}
    assert "UTF-8" in why["a.bin"]
    assert "NUL" in why["nul.txt"]
    assert "100 bytes" in why["big.txt"]


def test_links_out_of_the_folder_are_refused_and_circles_end(tmp_path: Path) -> None:
    home = write(tmp_path / "home", {"a.txt": "a"})
    secret = write(tmp_path / "else", {"secret.txt": "s"}) / "secret.txt"
    (home / "out.txt").symlink_to(secret)
    (home / "outside").symlink_to(secret.parent)
    (home / "circle").symlink_to(home)
    (home / "inside.txt").symlink_to(home / "a.txt")
    (home / "broken.txt").symlink_to(home / "nothing")
    loaded = load(home)
    assert [document.source for document in loaded.documents] == ["a.txt", "inside.txt"]
    assert [skipped.path for skipped in loaded.skipped] == ["broken.txt", "circle", "out.txt", "outside"]
    assert not any("secret" in document.text for document in loaded.documents)


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert [skipped.path for skipped in load(tmp_path).skipped] == ["pipe.txt"]


def test_a_single_file_is_a_folder_of_one(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, {"notes.txt": "hi"}) / "notes.txt")
    assert [document.source for document in loaded.documents] == ["notes.txt"]


@pytest.mark.parametrize("name", ["missing", "bad.bin"])
def test_a_root_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"bad.bin": b"\xff\xff"})
    with pytest.raises(UnreadableSource, match=name):
        load(tmp_path / name)


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
