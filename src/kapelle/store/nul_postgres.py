"""Let a connection to Postgres write and read texts with NUL characters (`store.nul`)."""

from typing import Any

from psycopg import AsyncConnection, Connection
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.types.string import StrDumperUnknown

from kapelle.store.nul import escape, restore

_TEXT_TYPES = ("text", "varchar")


class _Dumper(StrDumperUnknown):
    def dump(self, obj: str) -> Buffer | None:
        return super().dump(escape(obj))


class _Loader(Loader):
    def load(self, data: Buffer) -> str:
        return restore(str(data, "utf-8"))


def keep_nul(connection: Connection[Any] | AsyncConnection[Any]) -> None:
    """Let a connection write and read texts with NUL characters; it speaks UTF-8."""
    connection.adapters.register_dumper(str, _Dumper)
    for name in _TEXT_TYPES:
        connection.adapters.register_loader(name, _Loader)
