"""Halves of surrogate pairs are found and can be written out."""

from kapelle.language.surrogates import lone_surrogate, no_utf8, spell_out


def test_a_lone_surrogate_is_named_as_json_writes_it() -> None:
    assert lone_surrogate("cut \ud83d and \udc00") == "\\ud83d"
    assert "(\\udc00)" in no_utf8("\udc00")


def test_whole_text_has_none_and_stays() -> None:
    for text in ("", "plain", "größer \U0001f600"):
        assert lone_surrogate(text) == ""
        assert spell_out(text) == text


def test_a_text_that_is_written_out_is_utf8() -> None:
    assert spell_out("ä \ud83d!").encode().decode() == "ä \\ud83d!"
