"""Text that UTF-8 cannot hold: a lone half of a surrogate pair, as of an emoji that was cut in two."""

import json

# `json.dumps` makes an encoder at every call that asks for anything but its defaults.
strict_json = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode
"""JSON whose `encode()` shows that UTF-8 holds it; a ValueError for NaN and infinity, which are none."""


def lone_surrogate(text: str) -> str:
    r"""The first lone surrogate of a text as it is written in JSON (`\ud83d`); empty where there is none."""
    if text.isascii():
        return ""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"\\u{ord(text[error.start]):04x}"
    return ""


def spell_out(text: str) -> str:
    """A text with its lone surrogates written as JSON does, so that it can be stored and sent."""
    return text.encode(errors="backslashreplace").decode() if lone_surrogate(text) else text


def no_utf8(text: str) -> str:
    """What is wrong with such a text, for a message."""
    return f"text that no UTF-8 holds: half of a surrogate pair ({lone_surrogate(text)}), as of an emoji that was cut"
