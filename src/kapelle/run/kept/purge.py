"""A purge: what is over is read, written to the archive, and deleted, a few rows at once; and when workers do it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from kapelle import clock
from kapelle.errors import KapelleError
from kapelle.run.kept import purge_corpora, purge_rows
from kapelle.run.kept.purge_rows import Old, Row
from kapelle.run.kept.retention import Gone, Kind, PurgeReport
from kapelle.run.leases import holders
from kapelle.settings import Settings
from kapelle.store.archive import Archive
from kapelle.store.faults import translated
from kapelle.store.tables import TAKEN_BY
from kapelle.telemetry.logs import log

BITE = 20
"""Runs, payloads or sessions that are read and archived at once; each is deleted in a transaction of its own."""
BREATH = 0.05
"""Seconds that a worker leaves to others between two bites."""
EVERY = 3_600.0
"""Seconds between two purges of a worker."""
FIRST = 60.0
"""Seconds after which a worker begins."""
_AT_ONCE = timedelta(seconds=1)
"""What is asked for as of so short a time ago is asked for as of now."""
_LOOSE: Mapping[Kind, tuple[str, ...]] = {
    "text": ("blobs",),
    "runs": ("blobs",),
    "approvals": ("approval_audit",),
    "sessions": ("sessions", "blobs"),
}


class Purge:
    """One pass over what is old enough."""

    def __init__(
        self,
        engine: sa.Engine,
        forget: Callable[[list[str]], None],
        cutoffs: Mapping[Kind, datetime],
        owner: str | None,
        *,
        archive: Archive | None,
        dry_run: bool,
    ) -> None:
        """Args:
        forget: forgets workflows by their ids.
        """
        self._engine = engine
        self._forget = forget
        self._cutoffs = cutoffs
        self._owner = owner
        self._archive = archive
        self._dry_run = dry_run
        self._asked = clock.now()
        self._gone = {kind: Gone(kind=kind, before=before) for kind, before in cutoffs.items()}

    @property
    def report(self) -> PurgeReport:
        """What has gone so far."""
        folder = str(self._archive.folder) if self._archive is not None else None
        return PurgeReport(dry_run=self._dry_run, archive=folder, kinds=tuple(self._gone.values()))

    async def run(self, threads: Executor, *, pause: float) -> PurgeReport:
        """Do all of it, in a thread of others.

        Args:
            pause: seconds between two bites.
        """
        bites = self.bites()
        while True:
            if not await asyncio.get_running_loop().run_in_executor(threads, next, bites, False):
                break
            await asyncio.sleep(pause)
        if not self._dry_run:
            log.info("purge", **{one.kind: one.rows for one in self.report.kinds})
        return self.report

    def bites(self) -> Iterator[bool]:
        """Go on by one bite at each step.

        Raises:
            StoreUnavailable: the archive or the database cannot be written.
        """
        for kind, before in self._cutoffs.items():
            if kind == "corpora":
                yield from self._bites_of_corpora(before)
            elif kind != "sessions":
                yield from self._bites_of_runs(kind, before)
            if kind == "journal" and self._owner is None and not self._dry_run:
                yield from self._bites_of_ticks(before)
            for table in _LOOSE.get(kind, ()):
                yield from self._bites_of(kind, table, before)

    def _bites_of_runs(self, kind: Kind, before: datetime) -> Iterator[bool]:
        after = ""
        while True:
            with translated(self._engine), self._engine.connect() as connection:
                found = purge_rows.old_runs(connection, kind, before, self._owner, after=after, limit=BITE)
                rows = {old: self._rows_of(connection, kind, old) for old in found}
                workflows = {old: purge_rows.workflows_of(connection, old) for old in found}
            if not found:
                return
            after = found[-1].run
            self._write_down(kind, [row for old in found for row in rows[old]])
            for old in found:
                if self._dry_run or self._take(kind, old, workflows[old], marks=bool(rows[old])):
                    self._count(kind, rows[old])
            yield True

    def _bites_of_ticks(self, before: datetime) -> Iterator[bool]:
        """Forget the times of schedules; what they began are runs."""
        while True:
            with translated(self._engine), self._engine.connect() as connection:
                found = purge_rows.old_ticks(connection, before, BITE * 10)
            if not found:
                return
            self._forget(found)
            yield True

    def _rows_of(self, connection: sa.Connection, kind: Kind, old: Old) -> list[Row]:
        rows = purge_rows.rows_of(connection, kind, old)
        if not self._dry_run:
            return rows
        # What another kind would take before is not there any more; payloads go after all that refer to them.
        if kind == "runs":
            others = [one for one, before in self._cutoffs.items() if one != kind and before >= self._cutoffs[kind]]
            return [row for row in rows if not any(row[0] in TAKEN_BY.get(one, ()) for one in others)]
        if kind == "text":
            self._add(kind, sizes := purge_rows.payload_sizes(connection, old), len(sizes))
        return rows

    def _take(self, kind: Kind, old: Old, workflows: list[str], *, marks: bool) -> bool:
        # A run without outputs is marked too: it need not be looked at again.
        marks = marks or kind == "text"
        with translated(self._engine), self._engine.begin() as connection:
            taken = purge_rows.take(connection, kind, old, marks=marks)
        if taken and kind in ("journal", "runs"):
            self._forget(workflows)
        return taken

    def _bites_of(self, kind: Kind, table: str, before: datetime) -> Iterator[bool]:
        while True:
            with translated(self._engine), self._engine.connect() as connection:
                limit = BITE if not self._dry_run else 1_000_000
                found = purge_rows.loose_rows(connection, table, before, self._owner, limit)
            if self._dry_run:
                self._count(kind, [row for rows in found for row in rows])
                return
            if not found:
                return
            self._write_down(kind, [row for rows in found for row in rows])
            with translated(self._engine), self._engine.begin() as connection:
                taken = purge_rows.take_loose(connection, [rows[0] for rows in found], self._owner)
            for rows, gone in zip(found, taken, strict=True):
                self._count(kind, rows if gone else [])
            if not any(taken):
                return
            yield True

    def _bites_of_corpora(self, before: datetime) -> Iterator[bool]:
        # Asked for as of now, what is found unused goes now.
        since = min(self._asked, before) if self._asked - before < _AT_ONCE else self._asked
        for table in (purge_corpora.TEXTS, purge_corpora.VECTORS):
            with translated(self._engine), self._engine.connect() as connection:
                unused, used = purge_corpora.changes(connection, table, self._owner)
            yield True
            if self._dry_run:
                self._count_corpora(table, unused if since <= before else [], used, before)
                continue
            for keys, at in ((unused, since), (used, None)):
                for first in range(0, len(keys), purge_corpora.BITE):
                    with translated(self._engine), self._engine.begin() as connection:
                        purge_corpora.mark(connection, keys[first : first + purge_corpora.BITE], at)
                    yield True
            yield from self._bites_of_unused(table, before)

    def _bites_of_unused(self, table: str, before: datetime) -> Iterator[bool]:
        texts = table == purge_corpora.TEXTS
        while True:
            with translated(self._engine), self._engine.connect() as connection:
                limit = BITE if texts else purge_corpora.BITE
                rows = purge_corpora.due(connection, table, before, self._owner, limit)
            if not rows:
                return
            if texts:  # a vector is made of its text again
                self._write_down("corpora", rows)
            with translated(self._engine), self._engine.begin() as connection:
                gone = purge_corpora.take(connection, rows)
            self._count("corpora", gone)
            if not gone:
                return
            yield True

    def _count_corpora(self, table: str, unused: list[Row], used: list[Row], before: datetime) -> None:
        again = {tuple(key.values()) for _, key in used}
        names = purge_corpora.KEYS[table]
        with translated(self._engine), self._engine.connect() as connection:
            found = purge_corpora.due(connection, table, before, self._owner, 1_000_000)
            self._count("corpora", [row for row in found if tuple(row[1][name] for name in names) not in again])
            for first in range(0, len(unused), BITE):
                self._count("corpora", purge_corpora.whole(connection, unused[first : first + BITE]))

    def _write_down(self, kind: Kind, rows: list[Row]) -> None:
        if self._archive is not None and not self._dry_run:
            self._archive.write(kind, rows)

    def _count(self, kind: Kind, rows: list[Row]) -> None:
        self._add(kind, [_size(row) for _, row in rows], len(rows))

    def _add(self, kind: Kind, sizes: list[int], rows: int) -> None:
        known = self._gone[kind]
        update = {"rows": known.rows + rows, "bytes": known.bytes + sum(sizes)}
        self._gone[kind] = known.model_copy(update=update)


def _size(row: Mapping[str, object]) -> int:
    return sum(len(value) if isinstance(value, str | bytes) else 8 for value in row.values() if value is not None)


def archive_of(settings: Settings, folder: Path | None = None) -> Archive | None:
    """Where what goes is written before; None: nowhere.

    Args:
        folder: instead of that of the settings.
    """
    chosen = settings.retention
    if folder is None and not chosen.archived:
        return None
    return Archive((folder or chosen.archive or settings.home / "archive").expanduser())


def first_of(connection: sa.Connection, executor: str) -> bool:
    """Whether a worker is the first of those that live: one of them does what is to be done once."""
    serving = [one.executor for one in holders(connection) if one.alive and one.queues]
    return executor == min(serving, default=executor)


class Paced:
    """Does something now and then, beside everything else; never twice at once."""

    def __init__(self, work: Callable[[], Awaitable[None]], *, first: float = FIRST, every: float = EVERY) -> None:
        self._work = work
        self._every = every
        self._next = time.monotonic() + first
        self._task: asyncio.Task[None] | None = None

    async def nudge(self) -> None:
        """Begin, where it is time."""
        if time.monotonic() >= self._next and (self._task is None or self._task.done()):
            self._next = time.monotonic() + self._every
            self._task = asyncio.create_task(self._do())

    async def _do(self) -> None:
        try:
            await self._work()
        except KapelleError as error:  # it is tried again in its time
            log.warning("purge", error=str(error))

    async def close(self) -> None:
        """Stop; what is being deleted ends first."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
