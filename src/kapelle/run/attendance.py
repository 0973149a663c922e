"""Whether somebody attends to a run: walks it, will take it from a queue, or has died over it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import sqlalchemy as sa

from kapelle.errors import Refused
from kapelle.run import rows
from kapelle.run.dispatch import queue_of, spread_queue_of
from kapelle.run.leases import Lease, holders, serving
from kapelle.run.model import RunRecord

LOOK = 0.25
"""Seconds between two looks at a process that may be dead."""


class Read(Protocol):
    """Runs statements that read."""

    def __call__(self, statements: Callable[[sa.Connection], Any], /) -> Awaitable[Any]: ...  # Any: what they give


class Attendance:
    """Judges, for one process, who attends to a run."""

    def __init__(self, read: Read, lease: Lease, gave_up: Callable[[str], bool]) -> None:
        self._read = read
        self._lease = lease
        self._gave_up = gave_up

    async def unattended(self, record: RunRecord) -> bool:
        """Whether nobody walks a run, or will by itself, although it could go on."""
        if record.stuck is not None:
            return True
        queue = record.queue or queue_of(record.app)
        if record.parked and record.status == "waiting":
            return await self.goes_on(record)
        if record.parked:
            return not await self._read(lambda connection: serving(connection, spread_queue_of(queue)))
        walker = await self._read(lambda connection: rows.walker(connection, record))
        if walker is None:
            return not await self._read(lambda connection: serving(connection, queue))
        if walker == self._lease.executor:
            return self._gave_up(record.id)
        return not await self._lives(walker)

    async def _lives(self, executor: str) -> bool:
        """Whether a process lives. One that only missed its beats is judged after a lease length of our own."""
        while True:
            known = await self._read(holders)
            found = next((one for one in known if one.executor == executor), None)
            if found is None or found.gone:
                return False
            if found.alive:
                return True
            if self._lease.steady:
                return False
            await asyncio.sleep(LOOK)

    async def goes_on(self, record: RunRecord) -> bool:
        """Whether something that a waiting run waits for is settled, or somebody cancelled it."""
        return record.cancel_requested or await self._read(lambda connection: rows.wakes(connection, record))

    async def refuse_walked(self, record: RunRecord) -> None:
        """Leave a run alone that somebody is performing.

        Raises:
            Refused: it is being walked.
        """
        # One that waits is held in memory at most: nothing of it is being performed. One that is stuck nobody walks.
        if record.ended_already or record.parked or record.status == "waiting" or record.stuck is not None:
            return
        walker = await self._read(lambda connection: rows.walker(connection, record))
        if walker is not None and await self._lives(walker):
            raise Refused(f"run `{record.id}` is being walked; cancel it first, or fork it")
