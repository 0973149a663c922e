"""What a worker does besides walking: runs of dead processes, dates that have come, questions that expire."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path

import sqlalchemy as sa

from kapelle import clock
from kapelle.errors import DatabaseDamaged, KapelleError
from kapelle.run import rows
from kapelle.run.checkpoint_database import Place
from kapelle.run.dispatch import queue_of, spread_queue_of, workflow_id
from kapelle.run.leases import Holder, forget_dead, holders
from kapelle.store.bell import forget_rings
from kapelle.telemetry.logs import log

QUICK = 0.5
"""Seconds between two looks for processes that are gone from this host, and for dates."""
SLOW = 2.0
"""Seconds between two looks for processes that only stopped beating."""
LOST = 3.0
"""Seconds after which what was claimed for this process and is not walked by it counts as lost."""
TIDY = 60.0
"""Seconds between two rounds of forgetting what is over."""


def _identity(file: Path | None) -> tuple[int, int] | None:
    """Which file it is, whatever its name; None where there is none."""
    try:
        found = file.stat() if file is not None else None
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found is not None else None


class Minder:
    """Looks after what nobody walks."""

    def __init__(
        self,
        place: Place,
        catalog: str,
        duties: Sequence[Callable[[], Awaitable[None]]],
        walked: Callable[[], Collection[str]],
    ) -> None:
        """Args:
        catalog: the hash of what is registered here.
        duties: what else is done in every round.
        walked: the workflows that this process walks at the moment.
        """
        self._place = place
        self._catalog = catalog
        self._file = _identity(place.writer.file)
        self._duties = (
            self._written(self._take_over),
            self._written(self._claim_again),
            self._written(self._wake_dates),
            self._written(self._tidy_up),
            *duties,
        )
        self._walked = walked
        self._unseen: dict[str, float] = {}
        """Workflows that were claimed for this process and that it does not walk: since when."""
        self._slow = self._tidy = time.monotonic()

    async def run(self) -> None:
        """Go round until cancelled."""
        await self._place.writer.write(self._try_again)
        while True:
            if _identity(self._place.writer.file) != self._file:
                file = self._place.writer.file
                raise DatabaseDamaged(
                    f"the database `{file}` was removed or replaced under this worker; start it again"
                )
            for duty in self._duties:
                try:
                    await duty()
                except KapelleError as error:  # the next round tries again; walks and beats tell more of it
                    log.warning("minder", error=str(error))
            await asyncio.sleep(QUICK)

    def _written(self, duty: Callable[[sa.Connection], None]) -> Callable[[], Awaitable[None]]:
        return lambda: self._place.writer.write(duty)

    def _take_over(self, connection: sa.Connection) -> None:
        """Put the runs and items of dead processes back into their queues."""
        known = holders(connection)
        judging = time.monotonic() - self._slow >= SLOW
        if judging:
            self._slow = time.monotonic()
        trusted = {one.executor for one in known if self._trusted(one, judging)}
        mine = self._place.lease.queues
        for record in rows.interrupted(connection, None, trusted):
            if (record.queue or queue_of(record.app)) in mine and self._place.dispatch.requeue(connection, record):
                log.info("run.taken_over", run=record.id, generation=record.generation + 1)
        for part in rows.interrupted_parts(connection, trusted):
            if spread_queue_of(part.queue or queue_of(part.app)) in mine:
                self._place.dispatch.requeue_part(connection, part.run, part.path, part.number)

    # DBOS claims, reads what it has claimed, and begins. If the connection is lost in between it only logs that, and
    # looks again at the next start of the process.
    def _claim_again(self, connection: sa.Connection) -> None:
        """Put back into its queue what was claimed for this process and has not begun."""
        claims = rows.claims(connection, self._place.lease.executor)
        walked, now = set(self._walked()), time.monotonic()
        unseen = [one for one in claims if one.workflow not in walked]
        self._unseen = {one.workflow: self._unseen.get(one.workflow, now) for one in unseen}
        for one in unseen:
            if now - self._unseen[one.workflow] < LOST:
                continue
            log.info("run.claimed_again", run=one.run, workflow=one.workflow)
            if one.path is not None and one.number is not None:
                self._place.dispatch.requeue_part(connection, one.run, one.path, one.number)
                continue
            record = rows.read_run(connection, one.run, one.owner)
            if workflow_id(record.id, record.generation) == one.workflow:  # nobody else was first
                self._place.dispatch.requeue(connection, record)

    def _try_again(self, connection: sa.Connection) -> None:
        """Dispatch the runs that another code could not go on with: this one may."""
        for record in rows.held_back(connection, self._place.lease.queues):
            if record.stuck is not None and record.stuck.registry != self._catalog:
                self._place.dispatch.requeue(connection, record)

    def _trusted(self, holder: Holder, judging: bool) -> bool:
        """Whether a process counts as living: one that only missed beats does, until this one may judge it."""
        if holder.gone:
            return False
        return holder.alive or not (judging and self._place.lease.steady)

    def _wake_dates(self, connection: sa.Connection) -> None:
        """Dispatch parked runs whose date has come."""
        for run in rows.due(connection, clock.to_iso(clock.now())):
            self._place.dispatch.wake(connection, run)

    def _tidy_up(self, connection: sa.Connection) -> None:
        if time.monotonic() - self._tidy < TIDY:
            return
        self._tidy = time.monotonic()
        forget_dead(connection)
        forget_rings(connection)
