"""JSON that a user typed: read strictly, or taken as the text it is."""

import json

from pydantic import JsonValue

from kapelle.language.surrogates import strict_json


def read_json(text: str) -> JsonValue:
    """The value of a text that is JSON.

    Raises:
        ValueError: it is none, or holds what cannot be passed on; the message says what, without the text.
    """
    try:
        value: JsonValue = json.loads(text)
        strict_json(value).encode()
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError:
        words = "NaN, infinity, a number of thousands of digits or half of a character"
        raise ValueError(f"JSON has no word for {words}") from None
    return value


def json_or_text(text: str) -> JsonValue:
    """The value of a text that is JSON; any other is its own value, so that `name=NaN` names a text."""
    try:
        return read_json(text)
    except ValueError:
        return text
