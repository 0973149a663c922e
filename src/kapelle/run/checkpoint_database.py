"""The checkpoint in the database: one fenced transaction per batch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from pydantic import JsonValue

from kapelle import clock
from kapelle.errors import OwnershipLost
from kapelle.evidence.model import Document
from kapelle.run import rows
from kapelle.run.checkpoint import Batch, DecidedMeanwhile, Past, RunChange
from kapelle.run.model import ENDED, NewEvent
from kapelle.store.commit import Writer
from kapelle.store.tables import runs

# One statement checks ownership, locks the run's row and draws the numbers of its events. The row is held to the
# commit, so numbers become visible in their order (docs/decisions/0003).
_FENCE = sa.text(
    "update runs set seq = seq + :n where id = :run and generation = :generation and "
    "(select owner_xid from workflow_status where workflow_uuid = :workflow and status = 'PENDING') = :xid "
    "returning seq"
)
_RESULT = sa.text(
    "insert into steps (run, path, revision, seq, status, result) "
    "values (:run, :path, :revision, :seq, :status, :result) on conflict (run, path, revision) "
    "do update set seq = excluded.seq, status = excluded.status, result = excluded.result "
    "where steps.status = 'suspended'"
)
_EVENT = sa.text(
    "insert into events (run, seq, at, path, execution, kind, data) "
    "values (:run, :seq, :at, :path, :execution, :kind, :data)"
)
_TEXT = sa.text(
    "insert into evidence_documents (owner, id, source, sha256, title, text, converted, meta) "
    "values (:owner, :id, :source, :sha256, :title, :text, :converted, :meta) on conflict do nothing"
)
_EVIDENCE = sa.text(
    "insert into run_evidence (run, path, source, sha256) values (:run, :path, :source, :sha256) on conflict do nothing"
)


@dataclass(frozen=True, slots=True)
class RunFence:
    """A generation of a run, owned by one execution of its workflow."""

    run: str
    generation: int
    workflow: str
    xid: str

    def pass_through(self, connection: sa.Connection, events: int) -> int:
        """Lock the run's row and draw its event numbers; the first of them."""
        given = {
            "n": events,
            "run": self.run,
            "generation": self.generation,
            "workflow": self.workflow,
            "xid": self.xid,
        }
        last = connection.execute(_FENCE, given).scalar()
        if last is None:
            raise OwnershipLost(f"run `{self.run}` was taken over by another process")
        return int(last) - events + 1


class DatabaseCheckpoint:
    """A run's rows, written by its owner alone."""

    def __init__(self, engine: sa.Engine, writer: Writer, fence: RunFence, *, owner: str, blob_threshold: int) -> None:
        self._engine = engine
        self._writer = writer
        self._fence = fence
        self._owner = owner
        self._blob_threshold = blob_threshold

    async def past(self) -> Past:
        """What is already recorded."""
        with self._engine.connect() as connection:
            return Past.model_construct(
                results=rows.results(connection, self._fence.run, self._owner),
                executions=rows.executions(connection, self._fence.run),
                texts=rows.texts(connection, self._fence.run, self._owner),
            )

    async def commit(self, batch: Batch) -> None:
        """Record a batch in one transaction."""
        # JSON is made here, on the loop's thread: the writer's thread holds the lock only for the statements.
        at = clock.to_iso(clock.now())
        results = [rows.result_row(self._fence.run, self._owner, one, self._blob_threshold) for one in batch.results]
        events = [_event_row(self._fence.run, at, event) for event in batch.events]
        await self._writer.write(lambda connection: self._write(connection, batch, results, events, at))

    def _write(
        self,
        connection: sa.Connection,
        batch: Batch,
        results: list[rows.ResultRow],
        events: list[dict[str, object]],
        at: str,
    ) -> None:
        first = self._fence.pass_through(connection, len(events))
        parking = batch.run is not None and batch.run.status == "waiting"
        # Parking and deciding are mirror transactions: whichever comes second sees the other.
        if parking and rows.decided_of(connection, self._fence.run, batch.waits_for):
            raise DecidedMeanwhile
        for result in results:
            if result.blob is not None:
                connection.execute(rows.PUT_BLOB, result.blob)
            if connection.execute(_RESULT, {**result.row, "seq": first}).rowcount != 1:
                # The row is there and final: only a second writer could have put it there.
                raise OwnershipLost(f"step `{result.row['path']}` of run `{self._fence.run}` is recorded already")
        if batch.texts:
            self._write_texts(connection, batch.texts)
        for request in batch.approvals:
            connection.execute(rows.PUT_APPROVAL, rows.approval_row(request, self._owner))
        if events:
            connection.execute(_EVENT, [{**event, "seq": first + place} for place, event in enumerate(events)])
        if batch.run is not None:
            change_run(connection, self._fence.run, batch.run, at)

    def _write_texts(self, connection: sa.Connection, texts: Sequence[tuple[str, Document]]) -> None:
        for path, text in texts:
            row = text.model_dump(exclude={"meta"})
            connection.execute(_TEXT, {"owner": self._owner, **row, "meta": json.dumps(text.meta)})
            key = {"source": text.source, "sha256": text.sha256}
            connection.execute(_EVIDENCE, {"run": self._fence.run, "path": path, **key})

    async def cancel_requested(self) -> bool:
        """Whether somebody asked for the run to be cancelled."""
        with self._engine.connect() as connection:
            statement = sa.text("select cancel_requested from runs where id = :run")
            return bool(connection.execute(statement, {"run": self._fence.run}).scalar())

    async def settled(self, refs: Sequence[str]) -> dict[str, JsonValue]:
        """Of the given approvals, those that are decided."""
        with self._engine.connect() as connection:
            found = rows.approvals(connection, owner=self._owner, run=self._fence.run)
        return {one.id: dict(one.output) for one in found if one.id in refs and one.decision is not None}


def _event_row(run: str, at: str, event: NewEvent) -> dict[str, object]:
    return {
        "run": run,
        "at": at,
        "path": event.path,
        "execution": event.execution,
        "kind": event.kind,
        "data": json.dumps(event.data, ensure_ascii=False),
    }


def change_run(connection: sa.Connection, run: str, change: RunChange, at: str) -> None:
    """Write what changes in the run's own row."""
    values: dict[str, object] = {"status": change.status, "waiting_for": change.waiting_for}
    if change.status == "waiting":
        values["parked"] = True
    if change.plan is not None:
        values["plan"] = change.plan.model_dump_json(by_alias=True)
    if change.output is not None:
        values["output"] = json.dumps(change.output, ensure_ascii=False)
    if change.error is not None:
        values["error"] = change.error.model_dump_json()
    if change.spent is not None:
        values["spent"] = change.spent.model_dump_json()
    if change.status in ENDED:
        values["ended"] = at
    table = runs
    statement = sa.update(table).where(table.c.id == run).values(**values)
    if change.status == "running":
        statement = statement.values(started=sa.func.coalesce(table.c.started, at))
    connection.execute(statement)
