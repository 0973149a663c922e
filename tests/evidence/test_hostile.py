"""Texts made to hang whoever reads them are read in a time that grows with their length."""

import time

import pytest

from kapelle.evidence.kinds import visible
from kapelle.evidence.load import document_of
from kapelle.evidence.split import split

N = 200_000
SECONDS = 8.0
"""What takes time squared takes minutes at this length; a busy machine takes a second."""
ALIASES = "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(20))

CASES = {
    "aliases.md": f"---\na: &a [x, x]\n{ALIASES}---\n# Title\n\ntext\n",
    "itself.md": "---\na: &a [*a]\n---\n# Title\n\ntext\n",
    "long-front.md": "---\n" + "a: b\n" * (N // 5) + "---\n",
    "blanks-in-heading.md": "# a" + " " * N + "b\n",
    "hashes.md": "# " + "#" * N + "x",
    "links.md": "[a](" * (N // 4),
    "underlines.md": "a\n===\n" * (N // 6),
    "headings.html": "<h1>" * (N // 4),
    "titles.html": "<title>" * (N // 7),
    "scripts.html": "<script>" * (N // 8),
    "declarations.html": "<!" * (N // 2),
    "instructions.html": "<?" * (N // 2),
    "comments.html": "<!--" * (N // 4),
    "quotes.html": '<a "' * (N // 4),
    "one-quote.csv": 'id,size\n1,5"\n' + "2,6\n" * (N // 4),
    "deep.json": "[" * N,
    "deep.yaml": "".join(" " * n + "a:\n" for n in range(1_500)),
    "dots.txt": "." * N,
    "blanks.txt": " " * N,
    "braces.c": "{" * N,
    "calls.c": "int f(\n" * (N // 7),
    "stars.c": ("*" * 900 + "\n") * (N // 900),
    "strings.js": '"\\' * (N // 2),
    "quotes.py": '"""\n' * (N // 4),
    "creates.sql": ("create " * 120 + "\n") * (N // 840),
    "pages.pdf": "\f" * N,
}


@pytest.mark.parametrize("name", CASES)
def test_a_text_made_to_hang_is_read_and_its_spans_hold(name: str) -> None:
    began = time.monotonic()
    document = document_of(name, CASES[name])
    passages = split(document)
    for passage in passages:
        assert document.text[passage.start : passage.end] == passage.text
        visible(passage.text, name)
    assert time.monotonic() - began < SECONDS


def test_front_matter_that_stands_for_billions_of_values_says_nothing() -> None:
    for name in ("aliases.md", "itself.md"):
        document = document_of(name, CASES[name])
        assert document.meta == {}
        assert document.title == "Title"


def test_a_quote_that_is_never_closed_is_no_quote() -> None:
    document = document_of("sizes.csv", 'id,size\n1,5"\n' + "".join(f"{n},6\n" for n in range(2, 300)))
    assert all(len(passage.text) < 1_200 for passage in split(document))
    quoted = document_of("notes.csv", 'id,note\n1,"two\nlines"\n2,one\n')
    assert [passage.text for passage in split(quoted)][-1].endswith('1,"two\nlines"\n2,one')
