"""A source's kind is told by its name; an address may say another."""

import pytest

from kapelle.evidence.kinds import kind_of, language_of, suffix_of


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("a/b.MD", "markdown"), ("b.docx", "markdown"), ("b.xlsx", "markdown"), ("b.pdf", "pdf"), ("b.py", "code"),
        ("b.tsx", "code"), ("b.ini", "code"), ("b.xml", "text"), ("b", "text"), ("a.py/b", "text"), ("b.txt", "text"),
        ("https://a.org", "html"), ("https://a.org/leave", "html"), ("https://a.org/x.php", "html"),
        ("https://a.org/x.md?v=1.0", "markdown"), ("https://a.org/x.txt", "text"),
        ("https://a.org/README.md#kind=html", "html"), ("https://a.org/x#kind=pdf", "pdf"),
        ("https://a.org/x.md#part", "markdown"), ("notes#kind=pdf", "text"),
    ],
)  # fmt: skip
def test_a_name_tells_the_kind(source: str, kind: str) -> None:
    assert kind_of(source) == kind


def test_the_language_of_code_is_told_by_the_suffix_too() -> None:
    assert (language_of("a.rs"), language_of("a.hpp"), language_of("a.md")) == ("rust", "c", None)
    assert suffix_of("https://a.org/a.PY?x=b.md") == "py"
