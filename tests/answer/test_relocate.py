"""Where a quote stands that was copied with small changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kapelle.answer.relocate import relocate

TEXT = "He said: “Don’t  pay\n5–10 % more”, said   Ann – twice. STRASSE and Straße. Naïve café."


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("pay\n5–10 % more", "pay\n5–10 % more"),
        ('"Don\'t pay 5-10 % more"', "“Don’t  pay\n5–10 % more”"),
        ("'said Ann — twice.'", "said   Ann – twice."),
        ("  SAID ANN ", "said   Ann"),
        ("straße and strasse", "STRASSE and Straße"),
        ("“said Ann”", "said   Ann"),
    ],
)
def test_white_space_marks_and_case_are_put_right(quote: str, found: str) -> None:
    located = relocate(quote, TEXT)
    assert located is not None
    assert located.quote == found
    assert TEXT[located.start : located.end] == found
    assert located.exact is (quote == found)


@pytest.mark.parametrize(
    "quote",
    [
        "pay 5-10 more",  # a mark is left out
        "pay 5-11 % more",  # another digit
        "Do not pay 5-10 % more",  # a word is spelled out
        "He said ... said Ann",  # stitched
        "said Ann twice",  # a dash is left out
        "Naive cafe",  # accents are letters
        "Stras",  # ends inside ß
        "",
        " ",
        "–",
        "“”",
    ],
)
def test_anything_else_stands_nowhere(quote: str) -> None:
    assert relocate(quote, "He said: “Don’t pay 5–10 % more”, said Ann – twice. Straße. Naïve café.") is None


def test_only_the_stretch_is_looked_at() -> None:
    text = "One thing. One thing."
    assert relocate("one THING", text, start=5) == (11, 20, "One thing", False)
    assert relocate("One thing", text, start=5, end=15) is None


TEXTS = st.text(alphabet=st.one_of(st.sampled_from(" \n\t\u00a0'’\"”–-ßİŉaAbB1%.,"), st.characters()), max_size=60)


@given(TEXTS, TEXTS, st.integers(0, 60), st.integers(0, 60))
def test_what_is_found_stands_there(text: str, quote: str, a: int, b: int) -> None:
    start, end = sorted((min(a, len(text)), min(b, len(text))))
    located = relocate(quote, text, start=start, end=end)
    if located is not None:
        assert start <= located.start < located.end <= end
        assert text[located.start : located.end] == located.quote
        # What is found is found again, and exactly.
        again = relocate(located.quote, text, start=start, end=end)
        assert again is not None and again.exact


@given(TEXTS, st.data())
def test_a_copy_with_other_blanks_marks_and_case_is_found(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    copied = text[start:end]
    if not any(letter.isalnum() or letter == "_" for letter in copied) or copied != copied.strip():
        return
    changed = "".join(
        data.draw(st.sampled_from([letter, *{" ": ["\n", "  "], "’": ["'", "‘"], "–": ["-", "—"]}.get(letter, [])]))
        for letter in copied
    )
    located = relocate(changed.swapcase() if copied.isascii() else changed, text)
    assert located is not None
    letters = [letter.casefold() for letter in located.quote if letter.isalnum()]
    assert letters == [letter.casefold() for letter in copied if letter.isalnum()]
