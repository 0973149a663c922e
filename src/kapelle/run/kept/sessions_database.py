"""Sessions in the database, shared by every process."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import sqlalchemy as sa

from kapelle.run.kept import session_rows
from kapelle.run.kept.sessions import Session, Turn

T = TypeVar("T")


class Transact(Protocol):
    """Runs statements in a transaction."""

    def __call__(self, statements: Callable[[sa.Connection], T]) -> Awaitable[T]:
        """Run them."""


class DatabaseSessions:
    """The sessions of every owner of one database."""

    def __init__(self, write: Transact, read: Transact, *, days: float | None, threshold: int) -> None:
        """Args:
        days: without use, after which a session expires; None: never.
        threshold: bytes of a state above which it is kept as a payload.
        """
        self._write = write
        self._read = read
        self._days = days
        self._threshold = threshold

    async def put(self, session: Session, *, expect: int | None) -> Session:
        """Write a session; None: it must not be there yet."""
        threshold = self._threshold
        if expect is None:
            return await self._write(lambda connection: session_rows.create(connection, session, threshold))
        return await self._write(lambda connection: session_rows.save(connection, session, expect, threshold))

    async def find(self, owner: str, id: str) -> Session | None:
        """A session; None when there is none, or it expired."""
        return await self._read(lambda connection: session_rows.find(connection, owner, id))

    async def list(self, owner: str, *, limit: int) -> list[Session]:
        """The sessions of an owner, those used last first."""
        return await self._read(lambda connection: session_rows.find_all(connection, owner, limit))

    async def delete(self, owner: str, id: str) -> bool:
        """Forget a session and its turns; False when there was none."""
        return await self._write(lambda connection: session_rows.delete(connection, owner, id))

    async def touch(self, owner: str, id: str) -> None:
        """Use a session: it is made where it is absent, and expires later."""
        await self._write(lambda connection: session_rows.touch(connection, owner, id, self._days))

    async def turns(self, owner: str, id: str, *, limit: int, before: int | None) -> Sequence[Turn]:
        """The last turns, or the last before a number; the newest at the end."""
        return await self._read(
            lambda connection: session_rows.turns(connection, owner, id, limit=limit, before=before)
        )
