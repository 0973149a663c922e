"""Who walks a run next: the statements that hand a run, or a part of it, from one owner to another.

A dispatch is a workflow of DBOS, `RUN:gN` for a run's generation N and `RUN:PATH:gN` for a part's. Raising the
generation fences off whoever walked before: that is the one way by which a crash, a decision, a date, a cancellation, a
rerun and an item that ended elsewhere lead to the next walk.
"""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from kapelle import clock
from kapelle.run.model import ENDED, RunRecord
from kapelle.store.bell import Bell, events_of, signals_of, status_of
from kapelle.store.dialect import Statement


@dataclass(frozen=True, slots=True)
class Ticket:
    """One dispatch."""

    run: str
    owner: str
    generation: int
    queue: str
    priority: int = 0
    map: str = ""
    """Of a part: the path of its map."""
    number: int = 0
    """Of a part: which item."""
    delay: float = 0.0
    """Seconds before it may begin."""

    @property
    def workflow(self) -> str:
        """The workflow's id."""
        return workflow_id(self.run, self.generation, f"{self.map}/{self.number}" if self.map else "")


Enqueue = Callable[[sa.Connection, Ticket], None]
"""Put a dispatch into its queue, within the caller's transaction."""


def workflow_id(run: str, generation: int, part: str = "") -> str:
    """The id of the workflow that walks a generation of a run, or of a part of it."""
    return f"{run}:{part}:g{generation}" if part else f"{run}:g{generation}"


def queue_of(app: str | None) -> str:
    """The queue of an app's runs: workers of another app do not know its tools."""
    return f"runs:{app}" if app else "runs"


def spread_queue_of(queue: str) -> str:
    """The queue of the items that an app's maps spread."""
    return "spread" + queue.removeprefix("runs")


def tick_queue_of(queue: str) -> str:
    """The queue of the times at which an app's schedules begin runs."""
    return "ticks" + queue.removeprefix("runs")


class Dispatch:
    """Hands runs over, each time in the caller's transaction."""

    def __init__(self, executor: str, enqueue: Enqueue, bell: Bell) -> None:
        self._executor = executor
        self._enqueue = enqueue
        self._bell = bell

    def take(self, connection: sa.Connection, record: RunRecord) -> bool:
        """Take a run over for this process; False when somebody else was first, or it ended."""
        return self._take(connection, record, self._executor)

    def requeue(self, connection: sa.Connection, record: RunRecord) -> bool:
        """Put a run whose owner is dead back into its queue; False when somebody else was first."""
        if not self._take(connection, record, None):
            return False
        self._enqueue(connection, _ticket(record, record.generation + 1))
        return True

    def _take(self, connection: sa.Connection, record: RunRecord, executor: str | None) -> bool:
        # The workflow's row before the run's, as the fence locks them; if somebody was first, it is fenced off anyway.
        self._cancel(connection, workflow_id(record.id, record.generation))
        given = {"run": record.id, "generation": record.generation, "executor": executor}
        return connection.execute(_TAKE, given).rowcount == 1

    def wake(self, connection: sa.Connection, run: str, path: str = "") -> None:
        """Something a run waits for is settled: dispatch it if it is parked, ring whoever walks it if not.

        Args:
            path: the step that waited, where it may be in a part.
        """
        waiting = connection.execute(_WAITING_PARTS, {"run": run}).all() if path else []
        part = next((one for one in waiting if path.startswith(f"{one.path}/{one.number}/")), None)
        if part is not None:
            self.requeue_part(connection, run, part.path, part.number)
            connection.execute(_RUN_GOES_ON, {"run": run})
        else:
            self._wake_run(connection, run)
        for topic in (signals_of(run), events_of(run), status_of(run)):
            self._bell.ring(connection, topic)

    def _wake_run(self, connection: sa.Connection, run: str) -> None:
        found = connection.execute(_WAKE, {"run": run}).first()
        if found is not None:
            queue, owner = found.queue or queue_of(found.app), found.owner
            self._enqueue(connection, Ticket(run, owner, found.generation, queue, found.priority))

    def begin_parts(self, connection: sa.Connection, run: str, path: str, *, items: int, width: int) -> None:
        """Write down the items of a spread map, and put the first of them into the queue."""
        rows = [{"run": run, "path": path, "number": number} for number in range(items)]
        connection.execute(_NEW_PART, rows)
        for _ in range(min(width, items)):
            self._next_part(connection, run, path)

    def end_part(self, connection: sa.Connection, run: str, path: str, number: int, *, failed: bool) -> None:
        """An item ended: the next of its map begins; after the last one the run goes on."""
        place = {"run": run, "path": path}
        connection.execute(_PART_DONE, {**place, "number": number})
        if failed:
            connection.execute(_DROP_PARTS, place)
        elif self._next_part(connection, run, path):
            return
        if connection.execute(_OPEN_PARTS, place).scalar():
            # What is left may only wait for somebody: then so does the run.
            self.park_run(connection, run)
        else:
            self.wake(connection, run)

    def park_part(self, connection: sa.Connection, run: str, path: str, number: int) -> None:
        """An item waits for somebody: while no other goes on, so does its run."""
        connection.execute(_PART_WAITS, {"run": run, "path": path, "number": number})
        self.park_run(connection, run)

    def park_run(self, connection: sa.Connection, run: str) -> None:
        """A run is parked over its items: where they all wait for somebody, so does it."""
        connection.execute(_RUN_WAITS, {"run": run})

    def reclaim_parts(self, connection: sa.Connection, run: str, *, status: str) -> None:
        """Fence off whoever walks the open parts of a run: it was cancelled, or is walked as a whole from here."""
        for part in connection.execute(_OPEN, {"run": run}).all():
            self._cancel(connection, workflow_id(run, part.generation, f"{part.path}/{part.number}"))
        connection.execute(_RECLAIM, {"run": run, "status": status})

    def withdraw(self, connection: sa.Connection, record: RunRecord) -> None:
        """Fence off whoever walks, or would walk, a run or parts of it: what it has done is about to change."""
        self._cancel(connection, workflow_id(record.id, record.generation))
        self.reclaim_parts(connection, record.id, status="dropped")
        # What was handed out once is walked as a whole from now on: its parts' workflows have had their ids.
        connection.execute(_DROP_LOCAL_PARTS, {"run": record.id})

    def requeue_part(self, connection: sa.Connection, run: str, path: str, number: int) -> None:
        """Put an item that waited, or whose owner is dead, into its queue again."""
        place = {"run": run, "path": path, "number": number}
        generation = connection.execute(_PART_GENERATION, place).scalar()
        if generation is None:
            return
        self._cancel(connection, workflow_id(run, generation, f"{path}/{number}"))
        if connection.execute(_RAISE_PART, {**place, "generation": generation}).rowcount == 1:
            self._enqueue_part(connection, run, path, number, generation + 1)

    def _next_part(self, connection: sa.Connection, run: str, path: str) -> bool:
        found = connection.execute(_NEXT_PART, {"run": run, "path": path}).first()
        if found is None:
            return False
        self._enqueue_part(connection, run, path, found.number, found.generation)
        return True

    def _enqueue_part(self, connection: sa.Connection, run: str, path: str, number: int, generation: int) -> None:
        about = connection.execute(_ABOUT, {"run": run}).one()
        queue = spread_queue_of(about.queue or queue_of(about.app))
        self._enqueue(connection, Ticket(run, about.owner, generation, queue, about.priority, path, number))

    def _cancel(self, connection: sa.Connection, workflow: str) -> None:
        connection.execute(_CANCEL_WORKFLOW.on(connection), {"workflow": workflow})


def _ticket(record: RunRecord, generation: int) -> Ticket:
    queue, delay = record.queue or queue_of(record.app), _delay(record)
    return Ticket(record.id, record.owner, generation, queue, record.priority, delay=delay)


def _delay(record: RunRecord) -> float:
    """Seconds before a run that was started with a delay, and has never begun, may begin."""
    if record.not_before is None or record.started is not None:
        return 0.0
    return max(0.0, (record.not_before - clock.now()).total_seconds())


_ENDED = ", ".join(f"'{status}'" for status in sorted(ENDED))
_TAKE = sa.text(
    "update runs set generation = generation + 1, executor = :executor, parked = false, status = 'queued', "
    "waiting_for = null, wake_at = null, stuck = null where id = :run and generation = :generation "
    f"and status not in ({_ENDED})"
)
_WAKE = sa.text(
    "update runs set generation = generation + 1, executor = null, parked = false, status = 'queued', "
    f"waiting_for = null, wake_at = null where id = :run and parked and status not in ({_ENDED}) "
    "returning generation, queue, app, owner, priority"
)
_CANCEL_WORKFLOW = Statement(
    "update {workflow_status} set status = 'CANCELLED', owner_xid = null "
    "where workflow_uuid = :workflow and status in ('PENDING', 'ENQUEUED', 'DELAYED')"
)
_ABOUT = sa.text("select owner, queue, app, priority from runs where id = :run")
_NEW_PART = sa.text(
    "insert into parts (run, path, number, status) values (:run, :path, :number, 'idle') "
    # Of a walk without workers they are there already, as `local`.
    "on conflict (run, path, number) do update set status = 'idle', generation = parts.generation + 1 "
    "where parts.status = 'local'"
)
_NEXT_PART = sa.text(
    "update parts set status = 'queued' where run = :run and path = :path and number = "
    "(select min(number) from parts where run = :run and path = :path and status = 'idle') "
    "returning number, generation"
)
_PART_DONE = sa.text("update parts set status = 'done' where run = :run and path = :path and number = :number")
_PART_WAITS = sa.text("update parts set status = 'waiting' where run = :run and path = :path and number = :number")
_DROP_PARTS = sa.text("update parts set status = 'dropped' where run = :run and path = :path and status = 'idle'")
_DROP_LOCAL_PARTS = sa.text("update parts set status = 'dropped' where run = :run and status = 'local'")
_OPEN_PARTS = sa.text(
    "select count(*) from parts where run = :run and path = :path and status in ('idle', 'queued', 'waiting')"
)
_OPEN = sa.text("select path, number, generation from parts where run = :run and status in ('queued', 'waiting')")
_RECLAIM = sa.text(
    "update parts set status = :status, generation = generation + 1 "
    "where run = :run and status in ('idle', 'queued', 'waiting')"
)
_WAITING_PARTS = sa.text("select path, number from parts where run = :run and status = 'waiting'")
_RAISE_PART = sa.text(
    "update parts set generation = generation + 1, status = 'queued' where run = :run and path = :path "
    "and number = :number and generation = :generation and status in ('queued', 'waiting')"
)
_PART_GENERATION = sa.text(
    "select generation from parts where run = :run and path = :path and number = :number "
    "and status in ('queued', 'waiting')"
)
_RUN_GOES_ON = sa.text("update runs set status = 'running' where id = :run and parked and status = 'waiting'")
_RUN_WAITS = sa.text(
    "update runs set status = 'waiting' where id = :run and parked and exists "
    "(select 1 from parts where parts.run = runs.id and parts.status = 'waiting') and not exists "
    "(select 1 from parts where parts.run = runs.id and parts.status = 'queued')"
)
