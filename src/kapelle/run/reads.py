"""What is read of runs in the database; in threads, for one that does not answer must not hold up the walks."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import sqlalchemy as sa

from kapelle.run import rows
from kapelle.run.approvals import approval_rows
from kapelle.run.approvals.approval import ApprovalRecord, AuditEntry
from kapelle.run.inside import deltas, journal_rows
from kapelle.run.inside.deltas import Piece
from kapelle.run.leases import Holder, holders
from kapelle.run.model import Event, RunRecord, StepResult
from kapelle.run.recorded import recording_rows
from kapelle.run.recorded.recording import Recording
from kapelle.store.faults import translated

T = TypeVar("T")
READERS = 4
"""Threads; of our own: DBOS makes its few threads the loop's default, and blocking reads there would hold it up."""


class Reads:
    """The reading half of the durable engine."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="kapelle-reader")

    async def read(self, run: str, owner: str) -> RunRecord:
        """One run as it stands."""
        return await self._read(lambda connection: rows.read_run(connection, run, owner))

    async def runs(self, owner: str, *, limit: int = 50) -> list[RunRecord]:
        """The newest runs first."""
        return await self._read(lambda connection: rows.list_runs(connection, owner, limit=limit))

    async def interrupted(self, owner: str) -> list[RunRecord]:
        """Runs that nobody walks and that do not wait."""
        return await self._read(
            lambda connection: rows.interrupted(
                connection, owner, {one.executor for one in holders(connection) if one.alive}
            )
        )

    async def events(self, run: str, owner: str, *, after: int = 0) -> list[Event]:
        """Events of a run after a number."""

        def find(connection: sa.Connection) -> list[Event]:
            rows.check_known(connection, run, owner)
            return rows.events(connection, run, after=after)

        return await self._read(find)

    async def workers(self) -> list[Holder]:
        """The living processes that take runs from a queue."""
        return [one for one in await self._read(holders) if one.alive and one.queues]

    async def pieces(self, run: str, owner: str) -> list[Piece]:
        """The text that its steps are writing."""

        def find(connection: sa.Connection) -> list[Piece]:
            rows.check_known(connection, run, owner)
            return deltas.read(connection, run)

        return await self._read(find)

    async def results(self, run: str, owner: str) -> list[StepResult]:
        """What came of its steps so far."""

        def find(connection: sa.Connection) -> list[StepResult]:
            rows.check_known(connection, run, owner)
            return list(rows.results(connection, run, owner).results.values())

        return await self._read(find)

    async def approvals(
        self, owner: str, *, run: str | None = None, id: str | None = None, pending: bool = False
    ) -> list[ApprovalRecord]:
        """Questions to people, oldest first."""
        return await self._read(
            lambda connection: approval_rows.find(connection, owner=owner, run=run, id=id, pending=pending)
        )

    async def history(self, owner: str, *, approval: str | None = None, run: str | None = None) -> list[AuditEntry]:
        """What happened to approvals, oldest first."""
        return await self._read(
            lambda connection: approval_rows.history(connection, owner=owner, approval=approval, run=run)
        )

    async def changes(self, run: str, owner: str) -> list[tuple[str, str]]:
        """Path and tool of the writes that its steps made in a loop of their own."""

        def find(connection: sa.Connection) -> list[tuple[str, str]]:
            rows.check_known(connection, run, owner)
            return journal_rows.changes(connection, run)

        return await self._read(find)

    async def recorded(self, run: str, owner: str) -> Recording:
        """Everything of a run that a replay needs."""
        return await self._read(lambda connection: recording_rows.recorded(connection, run, owner))

    async def stranded(self, owner: str) -> list[RunRecord]:
        """Runs that this version cannot read, and those that were held back."""
        return await self._read(lambda connection: rows.stranded(connection, owner))

    async def _read(self, statements: Callable[[sa.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read_now, statements)

    def _read_now(self, statements: Callable[[sa.Connection], T]) -> T:
        with translated(self._engine), self._engine.connect() as connection:
            return statements(connection)
