"""The checkpoint in the database: one fenced transaction per batch."""

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from pydantic import JsonValue

from kapelle import clock
from kapelle.errors import OwnershipLost
from kapelle.evidence.model import Document
from kapelle.run import rows
from kapelle.run.again import rerun_rows
from kapelle.run.approvals import approval_rows
from kapelle.run.approvals.approval import ApprovalRecord
from kapelle.run.checkpoint import Batch, CancelledMeanwhile, DecidedMeanwhile, PartEnd, Past, is_past, seconds_walked
from kapelle.run.dispatch import Dispatch
from kapelle.run.facts import Facts, alone, to_json, write
from kapelle.run.fence import RunFence
from kapelle.run.inside import deltas, journal_rows
from kapelle.run.inside.deltas import Piece
from kapelle.run.inside.journal import Entry
from kapelle.run.kept import session_rows
from kapelle.run.leases import Lease
from kapelle.run.model import ENDED, NewEvent
from kapelle.store.bell import Bell, events_of, signals_of, status_of
from kapelle.store.commit import Writer
from kapelle.store.dialect import Plain

_TEXT = sa.text(
    "insert into evidence_documents (owner, id, source, sha256, title, text, converted, meta) "
    "values (:owner, :id, :source, :sha256, :title, :text, :converted, :meta) on conflict do nothing"
)
_EVIDENCE = sa.text(
    "insert into run_evidence (run, path, source, sha256) values (:run, :path, :source, :sha256) on conflict do nothing"
)


@dataclass(frozen=True, slots=True)
class Place:
    """What every checkpoint of this process shares."""

    writer: Writer
    bell: Bell
    lease: Lease
    dispatch: Dispatch
    blob_threshold: int
    session_days: float | None = None
    """Without use, after which a session expires; None: never."""


class DatabaseCheckpoint:
    """A run's rows, written by its owner alone."""

    def __init__(self, place: Place, fence: RunFence, *, owner: str, just_made: bool = False) -> None:
        """Args:
        just_made: this process has made the run a moment ago: there is nothing to read.
        """
        self._place = place
        self._fence = fence
        self._owner = owner
        self._just_made = just_made
        self._seen = place.lease.turn

    async def past(self) -> Past:
        """What is already recorded."""
        if self._just_made:
            self._just_made = False
            return Past(just_made=True)
        return await self._place.writer.write(self._read_past)

    def _read_past(self, connection: sa.Connection) -> Past:
        run, part = self._fence.run, self._fence.part
        found = rows.results(connection, run, self._owner, part=part)
        revisions, again, done_before = rerun_rows.revisions(connection, run)
        return Past(
            results=found.results,
            bytes=found.bytes,
            executions=rows.executions(connection, run),
            texts=rows.texts(connection, run, self._owner),
            parts=rows.parts(connection, run),
            revisions=revisions,
            done_before=done_before,
            again=again,
        )

    async def commit(self, batch: Batch) -> int:
        """Record a batch in one transaction."""
        # JSON is made here, on the loop's thread: the writer's thread holds the lock only for the statements.
        results = [rows.result_row(self._owner, one, self._place.blob_threshold) for one in batch.results]
        facts = Facts(
            results=[one.row for one in results],
            events=[_event_row(event) for event in batch.events],
            at=clock.to_iso(clock.now()),
            change=batch.run,
        )
        blobs = [one.blob for one in results if one.blob is not None]
        turn = self._place.lease.turn
        await self._record(batch, facts, blobs)
        self._seen = turn
        self._place.bell.tell(events_of(self._fence.run))
        if _is_news(batch):
            self._place.bell.ring_here(status_of(self._fence.run))
        return sum(result.size for result in results)

    async def _record(self, batch: Batch, facts: Facts, blobs: list[rows.Blob]) -> None:
        writer = self._place.writer
        plain = not blobs and _is_plain(batch)
        if writer.alone and plain:
            try:
                await writer.write_alone(alone(self._fence, facts), brief=facts.brief)
                return
            except OwnershipLost:  # or nobody wrote for so long that the writer's row is gone: a transaction tells
                pass
        write = functools.partial(self._write, batch=batch, facts=facts, blobs=blobs)
        await writer.write(write, sync=batch.lasting, brief=plain and facts.brief)

    def _write(self, connection: sa.Connection, batch: Batch, facts: Facts, blobs: list[rows.Blob]) -> None:
        written = write(connection, self._fence, facts)
        # Parking and deciding are mirror transactions: whichever comes second sees the other.
        if batch.waits_for and self._settled(connection, batch.waits_for):
            raise DecidedMeanwhile
        if batch.unless_cancelled and written.cancelled:
            raise CancelledMeanwhile
        for blob in blobs:
            connection.execute(rows.PUT_BLOB, blob)
        if batch.silenced:
            deltas.drop(connection, self._fence.run, batch.silenced)
        if batch.texts:
            self._write_texts(connection, batch.texts)
        for request in batch.approvals:
            approval_rows.put(connection, request, self._owner)
        for spread in batch.spreads:
            self._place.dispatch.begin_parts(
                connection, self._fence.run, spread.path, items=spread.items, width=spread.width
            )
        if batch.run is not None and batch.run.parked:
            self._place.dispatch.park_run(connection, self._fence.run)
        if batch.run is not None and batch.run.status in ENDED:
            self._tidy(connection, facts.at)
        if batch.part is not None:
            self._end_part(connection, batch.part)
        if _is_news(batch):
            self._place.bell.ring(connection, status_of(self._fence.run))

    def _tidy(self, connection: sa.Connection, at: str) -> None:
        """Leave nothing behind of a run that ended; most have nothing."""
        run = self._fence.run
        in_session, speaks, is_spread = _LEFT.row(connection, {"run": run}) or (False, False, False)
        if in_session:
            session_rows.end_run(connection, run, at, self._place.session_days)
        if speaks:
            deltas.drop_all(connection, run)
        if is_spread:
            self._place.dispatch.reclaim_parts(connection, run, status="dropped")

    def _end_part(self, connection: sa.Connection, end: PartEnd) -> None:
        part = self._fence.part
        assert part is not None
        place = (connection, self._fence.run, part.map, part.number)
        if end.waits:
            self._place.dispatch.park_part(*place)
        else:
            self._place.dispatch.end_part(*place, failed=end.failed)

    def _write_texts(self, connection: sa.Connection, texts: Sequence[tuple[str, Document]]) -> None:
        for path, text in texts:
            row = text.model_dump(exclude={"meta"})
            connection.execute(_TEXT, {"owner": self._owner, **row, "meta": json.dumps(text.meta)})
            key = {"source": text.source, "sha256": text.sha256}
            connection.execute(_EVIDENCE, {"run": self._fence.run, "path": path, **key})

    async def say(self, pieces: Sequence[Piece]) -> None:
        """Write text down as it is being written."""

        def put(connection: sa.Connection) -> None:
            self._fence.pass_through(connection, 0)
            deltas.put(connection, self._fence.run, pieces)

        await self._place.writer.write(put)
        self._place.bell.tell(events_of(self._fence.run))

    async def walked(self) -> float:
        """Seconds for which the run was walked before."""
        return await self._place.writer.write(
            lambda connection: seconds_walked(rows.times(connection, self._fence.run))
        )

    async def cancel_requested(self) -> bool:
        """Whether somebody asked for the run to be cancelled."""
        statement = sa.text("select cancel_requested from runs where id = :run")
        return bool(await self._place.writer.write(lambda c: c.execute(statement, {"run": self._fence.run}).scalar()))

    async def settled(self, refs: Sequence[str]) -> dict[str, JsonValue]:
        """Of the given references, those that are settled."""
        return await self._place.writer.write(lambda connection: self._settled(connection, refs))

    def _settled(self, connection: sa.Connection, refs: Sequence[str]) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = {ref: True for ref in refs if is_past(ref)}
        if any(ref.startswith("approval:") for ref in refs):
            for one in approval_rows.find(connection, owner=self._owner, run=self._fence.run):
                if one.decision is not None and f"approval:{one.id}" in refs:
                    found[f"approval:{one.id}"] = dict(one.output)
        if any(ref.startswith("parts:") for ref in refs):
            settled = rows.parts(connection, self._fence.run)
            found |= {f"parts:{path}": True for path, done in settled.items() if done and f"parts:{path}" in refs}
        return found

    async def calls(self, path: str, revision: int) -> dict[str, Entry]:
        """The calls a step has made, by key."""
        run = self._fence.run
        return await self._place.writer.write(lambda connection: journal_rows.read(connection, run, path, revision))

    async def record_call(self, path: str, revision: int, entry: Entry) -> None:
        """Keep a call before the loop goes on."""
        at = clock.to_iso(clock.now())

        def put(connection: sa.Connection) -> None:
            self._fence.pass_through(connection, 0)
            journal_rows.put(connection, self._fence.run, path, revision, entry, at)

        await self._place.writer.write(put, sync=entry.effect == "write")

    async def asked(self, path: str) -> list[ApprovalRecord]:
        """What a step has asked people."""
        owner, run = self._owner, self._fence.run
        return await self._place.writer.write(
            lambda connection: approval_rows.find(connection, owner=owner, run=run, path=path)
        )

    async def withdraw(self, path: str, approvals: list[str]) -> None:
        """Close questions that the step does not ask any more."""

        def close(connection: sa.Connection) -> None:
            self._fence.pass_through(connection, 0)
            found = approval_rows.find(connection, owner=self._owner, run=self._fence.run, path=path)
            stale = [one for one in found if one.id in approvals]
            approval_rows.withdraw(connection, stale, clock.now(), why="the step does not ask it any more")

        await self._place.writer.write(close)

    async def clearance(self) -> None:
        """Return when something may be changed outside."""
        turn = await self._place.lease.freshness()
        if turn != self._seen:
            # The lease was late since the last commit: somebody may have taken the run over meanwhile.
            await self._place.writer.write(lambda connection: self._fence.pass_through(connection, 0))
            self._seen = turn

    def listen(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call `listener` when it is worth looking outside."""
        return self._place.bell.listen(signals_of(self._fence.run), listener)


def _is_plain(batch: Batch) -> bool:
    """Whether it says nothing beside results and events, and that the run goes on: so do most commits of a run."""
    beside = batch.texts or batch.approvals or batch.spreads or batch.silenced or batch.waits_for or batch.part
    return not beside and not _is_news(batch)


def _is_news(batch: Batch) -> bool:
    """Whether somebody who waits for the run may wait for this: it ended, it waits, or an item of it did."""
    change = batch.run
    return batch.part is not None or (change is not None and (change.status != "running" or change.parked))


def _event_row(event: NewEvent) -> dict[str, object]:
    return {"path": event.path, "execution": event.execution, "kind": event.kind, "data": to_json(event.data)}


_LEFT = Plain(
    "select session is not null, exists (select 1 from deltas where run = :run), "
    "exists (select 1 from parts where run = :run) from runs where id = :run"
)
