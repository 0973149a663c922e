"""Statements that are transactions by themselves, sent to Postgres by the loop: no thread is passed on the way."""

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from psycopg import AsyncConnection, AsyncCursor

from kapelle.errors import OwnershipLost
from kapelle.ids import new_id
from kapelle.store.engine_postgres import SESSION, connect_arguments
from kapelle.store.nul_postgres import keep_nul
from kapelle.store.transact_postgres import ENTER, Alone, Mark, NotSent

T = TypeVar("T")
Cursor = AsyncCursor[tuple[Any, ...]]


class PostgresLoop:
    """The statements of one loop, one after the other, on a connection of its own, by a writer of its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._writer = new_id("w")
        self._number = 0
        self._cursor: Cursor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        """That of the connection; another one leaves its statements to the thread."""
        self._turn = asyncio.Lock()

    async def run(self, alone: Alone[T]) -> T:
        """Send a statement and wait for its answer; one that is given up ends first, as it would in a thread.

        Raises:
            NotSent: it did not take place, or nobody knows; whoever may wait sees to it.
            OwnershipLost: the fence did not let it pass, or the writer has no row.
        """
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop, self._turn = loop, asyncio.Lock()
        if self._loop is not loop:
            raise NotSent
        sending = loop.create_task(self._in_turn(alone))
        try:
            return await asyncio.shield(sending)
        except asyncio.CancelledError:
            await asyncio.wait({sending})
            raise

    async def _in_turn(self, alone: Alone[T]) -> T:
        async with self._turn:
            try:
                cursor = self._cursor = self._cursor or await self._connect()
            except Exception as error:
                raise NotSent from error
            self._number += 1
            mark = Mark(self._writer, self._number)
            try:
                return alone.read(await self._answer(cursor, alone, mark))
            except OwnershipLost:
                # Perhaps the writer's row is gone: it is made with the next connection.
                self.close()
                raise
            except Exception as error:
                refused = alone.refusal(error)
                if refused is not None:
                    raise refused from error
                said_no = getattr(error, "sqlstate", None) and not cursor.connection.closed
                # Also then the next one may be better: this one may lead to a standby, or to a server that goes down.
                self.close()
                raise NotSent(None if said_no else mark) from error

    async def _answer(self, cursor: Cursor, alone: Alone[T], mark: Mark) -> Sequence[Any] | None:
        await cursor.execute(alone.statement.driver_text(self._engine), alone.given_with(mark))
        return await cursor.fetchone()

    async def _connect(self) -> Cursor:
        connection = await AsyncConnection.connect(**connect_arguments(self._engine), autocommit=True)
        try:
            cursor = connection.cursor()
            for statement in SESSION:
                await cursor.execute(statement)
            keep_nul(connection)
            await cursor.execute(ENTER.driver_text(self._engine), {"writer": self._writer})
        except BaseException:
            await connection.close()
            raise
        return cursor

    def close(self) -> None:
        """Close the connection, from any thread, when nothing is on its way."""
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            cursor.connection.pgconn.finish()
