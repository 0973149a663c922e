"""Texts with NUL characters in Postgres, which has none: written as two characters, read back as they were."""

# The last code point is no character, now or ever, so it marks what was escaped; where it stands itself it is doubled.
_MARK = "\U0010ffff"
_NUL = _MARK + "0"
_MARK_ITSELF = _MARK + "1"


def escape(text: str) -> str:
    """A text as Postgres can hold it; almost every text stays as it is."""
    if "\0" not in text and _MARK not in text:
        return text
    return text.replace(_MARK, _MARK_ITSELF).replace("\0", _NUL)


def restore(text: str) -> str:
    """The text that was escaped."""
    if _MARK not in text:
        return text
    return text.replace(_NUL, "\0").replace(_MARK_ITSELF, _MARK)
