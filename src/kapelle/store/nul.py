"""Texts with NUL characters in Postgres, which has none: written as two characters, read back as they were."""

from psycopg import Connection
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.types.string import StrDumperUnknown

# The last code point is no character, now or ever, so it marks what was escaped; where it stands itself it is doubled.
_MARK = "\U0010ffff"
_NUL = _MARK + "0"
_MARK_ITSELF = _MARK + "1"
_TEXT_TYPES = ("text", "varchar")


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


class _Dumper(StrDumperUnknown):
    def dump(self, obj: str) -> Buffer | None:
        return super().dump(escape(obj))


class _Loader(Loader):
    def load(self, data: Buffer) -> str:
        return restore(str(data, "utf-8"))


def keep_nul(connection: Connection[object]) -> None:
    """Let a connection write and read texts with NUL characters; it speaks UTF-8."""
    connection.adapters.register_dumper(str, _Dumper)
    for name in _TEXT_TYPES:
        connection.adapters.register_loader(name, _Loader)
