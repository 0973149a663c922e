"""The durable engine: DBOS queues, dispatches and owns runs, our checkpoint keeps their steps.

A dispatch is a workflow (`run.dispatch`); taking a run over raises its generation and cancels the former workflow in
the same transaction, so a former owner that comes back finds no row to write to. What this module knows of DBOS beyond
its public interface (`current_owner_xid`, and the columns `workflow_uuid`, `status`, `owner_xid`, `executor_id` of
`workflow_status`) is held by tests/contract/test_dbos.py; the reader of cron expressions, and the columns `name`,
`created_at` and `started_at_epoch_ms`, by tests/contract/test_schedules.py. The version is pinned.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from dbos import DBOS, SetWorkflowID
from dbos._context import current_owner_xid
from dbos._error import DBOSWorkflowConflictIDError
from pydantic import JsonValue

from kapelle import clock
from kapelle.errors import (
    DatabaseDamaged,
    KapelleError,
    NotFound,
    OwnershipLost,
    QueueFull,
    RunStuck,
    SettingsError,
    StoreUnavailable,
)
from kapelle.plan.model import MapStep, walk_steps
from kapelle.run import rows
from kapelle.run.again import rerun_rows
from kapelle.run.again.rerun import Rerun
from kapelle.run.approvals import approval_rows, expiry
from kapelle.run.approvals.approval import ApprovalRecord, Verdict, no_such
from kapelle.run.approvals.notify import Courier
from kapelle.run.attendance import Attendance
from kapelle.run.checkpoint import Part
from kapelle.run.checkpoint_database import DatabaseCheckpoint, Place
from kapelle.run.dispatch import Dispatch, Ticket, queue_of, spread_queue_of, workflow_id
from kapelle.run.engine import Work
from kapelle.run.fence import RunFence
from kapelle.run.kept.purge import BREATH, Paced, Purge, archive_of, first_of
from kapelle.run.kept.retention import Kind, PurgeReport, cutoffs
from kapelle.run.kept.sessions_database import DatabaseSessions
from kapelle.run.launch import WALK, Launch, Service
from kapelle.run.leases import BEAT, MISSED, Lease, serving
from kapelle.run.minder import Minder
from kapelle.run.model import RunRecord, Stuck
from kapelle.run.reads import Reads
from kapelle.run.schedules import TICK, Schedule, Tick
from kapelle.run.stuck import held_back
from kapelle.run.telling import tell_decided
from kapelle.run.timetable import Timetable
from kapelle.run.walk import Walk
from kapelle.settings import Settings
from kapelle.store.archive import Archive
from kapelle.store.bell import Bell, events_of, signals_of, status_of
from kapelle.store.commit import Writer
from kapelle.store.engine import close_engine
from kapelle.store.faults import explain_fault, translated, where
from kapelle.telemetry.logs import log
from kapelle.telemetry.redact import redact_text

T = TypeVar("T")
PARTING = 3.0
"""Seconds that a process may take for notifications before it ends; later ones are the workers'."""
FOLLOW = 0.5
"""Seconds between two looks at a run that another process walks, where no bell was heard."""

_engines: dict[str, "DurableEngine"] = {}
_opening = threading.Lock()
"""DBOS is launched once: orchestrators of several threads wait for each other."""


@dataclass(slots=True)
class Walking:
    """A walk of this process."""

    fence: RunFence
    owner: str
    walk: Walk | None = None
    """None while it is prepared."""


def durable_engine(
    engine: sa.Engine,
    settings: Settings,
    *,
    patience: float | None,
    on_trouble: Callable[[str], None],
    service: Service | None = None,
) -> "DurableEngine":
    """The engine of this process for a database, made at the first call.

    Raises:
        SettingsError: this process already serves another database: DBOS is one per process.
        StoreUnavailable: the database cannot be written.
    """
    with _opening:
        url = engine.url.render_as_string(hide_password=False)
        known = _engines.get(url)
        if known is not None:
            known.users += 1
            engine.dispose()
            return known
        if _engines:
            raise SettingsError(
                "`KAPELLE_DATABASE_URL`: this process already serves another database; close that one first"
            )
        made = DurableEngine(engine, settings, patience=patience, on_trouble=on_trouble, service=service)
        _engines[url] = made
        return made


class DurableEngine(Reads):
    """Runs in the database, walked by this process or another."""

    def __init__(
        self,
        engine: sa.Engine,
        settings: Settings,
        *,
        patience: float | None,
        on_trouble: Callable[[str], None],
        service: Service | None,
    ) -> None:
        self.users = 1
        self.loop: asyncio.AbstractEventLoop | None = None
        """Where walks run."""
        self.begun = threading.Event()
        """The loop is known: what was claimed from a queue may be walked."""
        super().__init__(engine)
        self._settings = settings
        self._service = service
        self._work_of: Callable[[RunRecord], Awaitable[Work]] | None = None
        self._tick: Tick | None = None
        self._work: dict[str, Work] = {}
        self._walks: dict[str, asyncio.Task[None]] = {}
        self._bodies: dict[asyncio.Task[Any], Walking] = {}
        """Walks under way."""
        self._records: dict[str, RunRecord] = {}
        """Runs that were just made or taken over here, as they stand."""
        self._faults: dict[str, KapelleError] = {}
        self._writer = Writer(engine, patience=patience, on_trouble=on_trouble)
        self._bell = Bell(engine)
        self._courier = Courier(self._writer, settings.approvals)
        with translated(engine):
            self._lease = Lease(engine, service.queues if service else ())
            try:
                self._launch = Launch(engine, self._lease.executor, settings.worker, service)
            except BaseException:
                self._lease.release()
                raise
        self._attendance = Attendance(self._read, self._lease, self._gave_up)
        self._dispatch = Dispatch(self._lease.executor, self._launch.enqueue, self._bell)
        threshold, days = settings.run.blob_threshold, settings.retention.sessions
        self._timetable = Timetable(self._launch.client, self._engine, self._readers, self._writer)
        self._place = Place(self._writer, self._bell, self._lease, self._dispatch, threshold, days)
        self.sessions = DatabaseSessions(self._write, self._read, days=days, threshold=threshold)

    async def start(self, record: RunRecord, work: Work, *, here: bool = True, delay: float = 0.0) -> RunRecord:
        """Make a run; walk it here, or leave it to the workers. The same key gives the same run."""
        executor = self._lease.executor if here else None
        queue = record.queue or queue_of(record.app)
        not_before = clock.now() + timedelta(seconds=delay) if delay else None
        given = {"executor": executor, "status": "queued", "queue": queue, "not_before": not_before}
        record = record.model_copy(update=given)
        ticket = Ticket(record.id, record.owner, record.generation, queue, record.priority, delay=delay)
        if here:
            self._work[record.id] = work
        try:
            made = await self._write(lambda connection: self._insert(connection, record, None if here else ticket))
        except BaseException:
            self._work.pop(record.id, None)
            raise
        if made:
            if here:
                await self._walk_here(record, work)
            return record
        self._work.pop(record.id, None)
        assert record.key is not None
        known = await self._write(lambda connection: rows.run_by_key(connection, record.key or "", record.owner))
        if known is None:
            raise NotFound(f"the run with key `{record.key}` was deleted meanwhile; start it again")
        return await self.resume(known.id, known.owner, work) if here else known

    def _insert(self, connection: sa.Connection, record: RunRecord, ticket: Ticket | None) -> bool:
        if ticket is not None:
            limit = self._settings.worker.queue_limit
            known = record.key is not None and rows.run_by_key(connection, record.key, record.owner) is not None
            if not known and rows.queued(connection, ticket.queue, limit) >= limit:
                raise QueueFull(ticket.queue, limit)
        made = rows.insert_run(connection, record)
        if made and ticket is not None:
            self._launch.enqueue(connection, ticket)
        return made

    async def resume(self, run: str, owner: str, work: Work) -> RunRecord:
        """Walk a run on here, unless it ended, waits, or somebody living walks it or takes it from its queue."""
        while True:
            record = await self.read(run, owner)
            walked = record.id in self._walks and not self._gave_up(record.id)
            if record.ended_already or walked or not await self._attendance.unattended(record):
                return record
            await self._refuse_stuck(record, work)
            if await self._take_over(record, work):
                return await self.read(run, owner)

    async def _take_over(self, record: RunRecord, work: Work) -> bool:
        """Walk a run here; False when somebody else was first."""
        if not await self._write(lambda connection: self._take(connection, record)):
            return False
        await self._walk_here(await self.read(record.id, record.owner), work)
        return True

    async def rerun(self, again: Rerun) -> RunRecord:
        """Put aside what is done again; the run is left for `resume`."""
        record = again.record
        if record.ended_already and record.id in self._walks:
            await asyncio.wait({self._walks[record.id]})
        await self._attendance.refuse_walked(record)

        def supersede(connection: sa.Connection) -> None:
            self._dispatch.withdraw(connection, record)
            rerun_rows.supersede(connection, again)

        await self._write(supersede)
        await self._leave(record.id)
        return await self.read(record.id, record.owner)

    async def _leave(self, run: str) -> None:
        """Stop a walk of ours that was fenced off, so that the next can begin here."""
        walk = self._walks.get(run)
        for body in self._bodies:
            if body.get_name() == run:
                body.cancel()
        if walk is not None:
            await asyncio.wait({walk})

    async def fork(self, again: Rerun, fork: RunRecord) -> RunRecord:
        """Make a run of what is kept of another; it is left for `resume`."""
        fork = fork.model_copy(update={"queue": fork.queue or queue_of(fork.app)})
        await self._write(lambda connection: rerun_rows.copy_run(connection, again, fork))
        return fork

    async def _refuse_stuck(self, record: RunRecord, work: Work) -> None:
        """Keep a run that the code cannot go on with, instead of walking it into failure."""
        results = {one.path: one for one in await self.results(record.id, record.owner)}
        stuck = held_back(record, results, work.catalog)
        if stuck is not None:
            await self.hold_back(record.id, record.owner, stuck)
            raise RunStuck(record.id, stuck.reason)

    async def hold_back(self, run: str, owner: str, stuck: Stuck) -> None:
        """Write down why a run that nobody walks cannot go on."""
        await self._write(lambda connection: rows.hold_back(connection, run, owner, stuck))

    def _take(self, connection: sa.Connection, record: RunRecord) -> bool:
        if not self._dispatch.take(connection, record):
            return False
        if not serving(connection, spread_queue_of(record.queue or queue_of(record.app))):
            self._dispatch.reclaim_parts(connection, record.id, status="local")
        return True

    def _gave_up(self, run: str) -> bool:
        """Whether a walk of ours has ended without the run, as on a database that was gone for long.

        That no walk is seen does not say so: between a run's row, or its claim, and its walk there is a moment.
        """
        return run in self._faults

    async def _walk_here(self, record: RunRecord, work: Work) -> None:
        self.loop = asyncio.get_running_loop()
        self.begun.set()
        self._work[record.id] = work
        self._records[record.id] = record
        # Whoever follows a former walk to its end touches nothing of this one.
        self._walks.pop(record.id, None)
        self._faults.pop(record.id, None)
        with SetWorkflowID(workflow_id(record.id, record.generation)):
            try:
                handle = await DBOS.start_workflow_async(_walk, record.id, record.owner, record.generation, "", 0)
            except Exception as error:
                self._work.pop(record.id, None)
                self._records.pop(record.id, None)
                raise self._fault(error) from error
        self._walks[record.id] = asyncio.create_task(self._follow(record.id, handle.get_result()))

    async def _follow(self, run: str, result: Coroutine[Any, Any, str]) -> None:
        try:
            await result
        except OwnershipLost:
            pass
        except asyncio.CancelledError:
            raise
        except Exception as error:  # told by `settled`; the run can be resumed
            if run not in self._faults and self._follows(run):
                self._faults[run] = self._fault(error)
        finally:
            if self._follows(run):
                self._walks.pop(run, None)
                self._work.pop(run, None)

    def _follows(self, run: str) -> bool:
        """Whether this task follows the newest walk: DBOS writes down how one ended when the next may have begun."""
        return self._walks.get(run) is asyncio.current_task()

    def _fault(self, error: Exception) -> KapelleError:
        if isinstance(error, KapelleError):
            return error
        known = explain_fault(error, where(self._engine))
        return known or StoreUnavailable(f"the run could not be walked on: {type(error).__name__}: {error}")

    async def walk(self, run: str, owner: str, generation: int, part: Part | None, xid: str) -> str:
        """Walk one generation of a run or a part; called by its workflow, in our loop."""
        body = asyncio.current_task()
        assert body is not None
        body.set_name(run)
        place = f"{part.map}/{part.number}" if part else ""
        fence = RunFence(run, generation, workflow_id(run, generation, place), xid, part)
        walking = self._bodies[body] = Walking(fence, owner)
        body.add_done_callback(lambda ended: self._bodies.pop(ended, None))
        try:
            record = self._records.pop(run, None) if part is None else None
            just_made = record is not None and record.generation == generation == 1
            if record is None or record.generation != generation:
                record = await self._write(lambda connection: rows.read_run(connection, run, owner))
            work = await self._how(record)
            if run not in self._work and part is None:
                await self._refuse_stuck(record, work)
            if record.plan is None:
                raise DatabaseDamaged(f"run `{run}` has no plan")
            checkpoint = DatabaseCheckpoint(self._place, fence, owner=owner, just_made=just_made)
            limits = work.limits
            walking.walk = Walk(run, record.task, record.plan, checkpoint, work.perform, limits, part)
            return await walking.walk()
        except OwnershipLost as error:
            if run in self._work:  # somebody here waits for it
                self._faults[run] = error
            # DBOS parks an execution that says so, instead of recording an outcome for it.
            raise DBOSWorkflowConflictIDError(fence.workflow) from error
        except KapelleError as error:
            if run in self._work:  # somebody here waits for it
                self._faults[run] = error
            raise
        except Exception as error:
            await self._hold_back_failed(walking, error)
            raise

    async def _hold_back_failed(self, walking: Walking, error: Exception) -> None:
        """Keep a run whose walk failed by a fault of ours: walked on, it would repeat what was under way each time."""
        if explain_fault(error, where(self._engine)) is not None:
            return
        fence, reason = walking.fence, redact_text(f"{type(error).__name__}: {error}")
        log.error("run.failed_unexpectedly", run=fence.run, error=reason)
        how = f"its walk failed ({reason}); when that is mended: kapelle rerun {fence.run} --from STEP"
        work = self._work.get(fence.run)
        with suppress(KapelleError):
            record = await self._write(lambda connection: rows.read_run(connection, fence.run, walking.owner))
            work = work or await self._how(record)
            await self.hold_back(fence.run, walking.owner, Stuck(reason=how, registry=work.catalog.hash))

    async def has_begun(self) -> None:
        """Wait until the loop is known in which runs are walked."""
        if not self.begun.is_set():
            await asyncio.get_running_loop().run_in_executor(None, self.begun.wait)

    async def _how(self, record: RunRecord) -> Work:
        """How a run is performed in this process."""
        work = self._work.get(record.id)
        if work is None:
            assert self._work_of is not None, "a run was claimed by a process that does not serve"
            work = await self._work_of(record)
        steps = walk_steps(record.plan.steps) if record.plan is not None else ()
        if not any(isinstance(one, MapStep) and one.spread for one in steps):
            return work
        queue = spread_queue_of(record.queue or queue_of(record.app))
        spread = await self._read(lambda connection: serving(connection, queue))
        return work.with_limits(spread=spread)

    async def schedule(self, schedule: Schedule) -> Schedule:
        """Write down when workers begin a task; the same name again replaces it."""
        return await self._timetable.put(schedule)

    async def schedules(self, owner: str) -> list[Schedule]:
        """What an owner has scheduled, by name."""
        return await self._timetable.all(owner)

    async def unschedule(self, owner: str, name: str) -> bool:
        """Begin it no more; False when there was none."""
        return await self._timetable.drop(owner, name)

    async def tick(self, scheduled_at: datetime, schedule: Schedule) -> None:
        """Begin the run of a time; called by its workflow, in our loop."""
        if self._tick is not None:
            await self._timetable.tick(scheduled_at, schedule, self._tick)

    async def serve(self, work_of: Callable[[RunRecord], Awaitable[Work]], *, catalog: str, tick: Tick) -> None:
        """Take runs from the queues, and look after those of dead processes, until cancelled."""
        if self._service is None:
            raise SettingsError("this orchestrator was opened without a queue; open it with `serve`")
        self._work_of = work_of
        self._tick = tick
        self.loop = asyncio.get_running_loop()
        self.begun.set()
        retaining = Paced(self._retain)
        ticking = Paced(self._timetable.tick_again, first=2.0, every=5.0)
        duties = [self.attend, self._courier.nudge, ticking.nudge]
        if self._settings.retention.automatic:
            duties.append(retaining.nudge)
        try:
            await Minder(self._place, catalog, duties, self._walked).run()
        finally:
            await retaining.close()
            await ticking.close()

    def _walked(self) -> list[str]:
        """The workflows that are walked here; from any thread."""
        return [one.fence.workflow for one in list(self._bodies.values())]

    async def purge(
        self,
        cutoffs: Mapping[Kind, datetime],
        owner: str | None,
        *,
        archive: Archive | None = None,
        dry_run: bool = False,
        pause: float = 0.0,
    ) -> PurgeReport:
        """Delete what was over before some times, a little at once."""
        forget = self._launch.client.delete_workflows
        purge = Purge(self._engine, forget, cutoffs, owner, archive=archive, dry_run=dry_run)
        # Not by the writer: walks of this process go on between two bites, and a lock it waits for is not theirs.
        return await purge.run(self._readers, pause=pause)

    async def _retain(self) -> None:
        """Delete by the settings what is over, of every owner; one worker does it for all."""
        if await self._read(lambda connection: first_of(connection, self._lease.executor)):
            chosen = cutoffs(self._settings.retention)
            await self.purge(chosen, None, archive=archive_of(self._settings), pause=BREATH)

    def listen(self, run: str, listener: Callable[[], object]) -> Callable[[], None]:
        """Call `listener`, from any thread, when a run may have new events; the result ends it."""
        return self._bell.listen(events_of(run), listener)

    async def decide(self, verdict: Verdict) -> ApprovalRecord:
        """Decide, once."""
        decided = await self._write(lambda connection: self._decide(connection, verdict), sync=True)
        if decided.record is not None:
            self._bell.ring_here(signals_of(decided.record.run))
        if decided.error is not None or decided.record is None:
            raise decided.error or no_such(verdict.approval)
        tell_decided(decided.record)
        return decided.record

    def _decide(self, connection: sa.Connection, verdict: Verdict) -> approval_rows.Decided:
        decided = approval_rows.decide(connection, verdict)
        if decided.record is not None and decided.settled:
            self._dispatch.wake(connection, decided.record.run, decided.record.path)
        return decided

    async def attend(self) -> None:
        """Warn of approvals that expire, and escalate or reject those that have."""
        now = clock.now()
        if not await self._read(lambda connection: expiry.is_due(connection, now)):
            return
        wake = self._dispatch.wake
        for record in await self._write(lambda connection: expiry.attend(connection, now, wake), sync=True):
            self._bell.ring_here(signals_of(record.run))
            self._bell.ring_here(events_of(record.run))
            tell_decided(record)

    async def cancel(self, run: str, owner: str, work: Work) -> RunRecord:
        """Ask for a run to be cancelled; one that nobody walks is walked here to its end."""
        record = await self.read(run, owner)
        if record.ended_already:
            return record

        def ask(connection: sa.Connection) -> None:
            connection.execute(_CANCEL, {"run": run, "owner": owner})
            self._dispatch.wake(connection, run)

        await self._write(ask)
        self._bell.ring_here(signals_of(run))
        record = await self.read(run, owner)
        # In its queue it would be cancelled when its turn, or its time, has come.
        if record.status == "queued" and run not in self._walks and await self._take_over(record, work):
            return await self.read(run, owner)
        return await self.resume(run, owner, work)

    async def settled(self, run: str, owner: str, work: Work) -> RunRecord:
        """Wait until a run ended or waits."""
        news = asyncio.Event()
        loop = asyncio.get_running_loop()
        leave = self._bell.listen(status_of(run), lambda: loop.call_soon_threadsafe(news.set))
        try:
            while True:
                news.clear()
                if run in self._records:  # its walk has not begun: its row says nothing new
                    await self._wait_for(run, news)
                    continue
                record = await self.read(run, owner)
                if record.ended_already or (record.status == "waiting" and not await self._attendance.goes_on(record)):
                    return record
                fault = self._faults.get(run)
                if fault is not None and not isinstance(fault, OwnershipLost):
                    raise fault
                if run not in self._walks and await self._attendance.unattended(record):
                    await self.resume(run, owner, work)
                await self._wait_for(run, news)
        finally:
            leave()

    async def _wait_for(self, run: str, news: asyncio.Event) -> None:
        """Wait for news of a run, or for its walk here to end."""
        walk = self._walks.get(run)
        waiter = asyncio.ensure_future(news.wait())
        try:
            await asyncio.wait({waiter, *([walk] if walk else [])}, timeout=FOLLOW, return_when="FIRST_COMPLETED")
        finally:
            waiter.cancel()

    async def close(self) -> None:
        """Stop walking here and end the lease; the last user ends DBOS too."""
        self.users -= 1
        if self.users > 0:
            return
        await self._park_waiting()
        unfinished = list(self._bodies.values())
        await self._send_notifications()
        # DBOS shields its workflows from whoever waits for them: the bodies are cancelled themselves, and stay PENDING.
        tasks = [*self._walks.values(), *self._bodies]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._service is not None and unfinished:
            await self._hand_back(unfinished)
        _engines.pop(self._engine.url.render_as_string(hide_password=False), None)
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="kapelle-close") as closer:
            await loop.run_in_executor(closer, self._shut_down)
        # DBOS had made its own pool the loop's default, and has shut it down: the loop may go on without us.
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))

    def _shut_down(self) -> None:
        self._lease.release()
        self._launch.end()
        self._bell.close()
        self._writer.close()
        self._readers.shutdown(wait=True)
        close_engine(self._engine)

    async def _park_waiting(self) -> None:
        """Let go of the runs that only wait: they are parked, and not interrupted."""
        waiting = [(body, one.walk) for body, one in self._bodies.items() if one.walk is not None and one.walk.idle]
        for _, walk in waiting:
            walk.leave()
        if waiting:
            await asyncio.wait({body for body, _ in waiting}, timeout=PARTING)

    async def _send_notifications(self) -> None:
        """Send what a command's run has left to be told: nobody may serve who would."""
        with suppress(KapelleError, TimeoutError):
            async with asyncio.timeout(PARTING):
                await self._courier.deliver_due()
        await self._courier.close()

    async def _hand_back(self, unfinished: Sequence[Walking]) -> None:
        """Put what this worker was walking back into the queues; if that fails, the others find it by its lease."""

        def requeue(connection: sa.Connection) -> None:
            for walking in unfinished:
                fence = walking.fence
                if fence.part is not None:
                    self._dispatch.requeue_part(connection, fence.run, fence.part.map, fence.part.number)
                    continue
                record = rows.read_run(connection, fence.run, walking.owner)
                if record.generation == fence.generation:
                    self._dispatch.requeue(connection, record)

        with suppress(KapelleError, TimeoutError):
            async with asyncio.timeout(BEAT * MISSED):
                await self._write(requeue)

    async def _write(self, statements: Callable[[sa.Connection], T], *, sync: bool = False) -> T:
        return await self._writer.write(statements, sync=sync)


_CANCEL = sa.text("update runs set cancel_requested = true where id = :run and owner = :owner")


@DBOS.workflow(name=WALK, max_recovery_attempts=10_000)
async def _walk(run: str, owner: str, generation: int, map: str, number: int) -> str:
    part = Part(map, number) if map else None
    xid = current_owner_xid(workflow_id(run, generation, f"{map}/{number}" if map else ""))
    if xid is None:
        raise OwnershipLost(f"run `{run}` is walked outside its workflow")
    (engine,) = _engines.values()
    await engine.has_begun()
    assert engine.loop is not None
    if asyncio.get_running_loop() is engine.loop:
        return await engine.walk(run, owner, generation, part, xid)
    # What was claimed from a queue runs in DBOS's own loop; tools and their clients belong to ours.
    walk = engine.walk(run, owner, generation, part, xid)
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(walk, engine.loop))


@DBOS.workflow(name=TICK, max_recovery_attempts=10_000)
async def _tick(scheduled_at: datetime | str, context: dict[str, JsonValue]) -> None:
    (engine,) = _engines.values()
    await engine.has_begun()
    assert engine.loop is not None
    at = clock.parse_time(scheduled_at) if isinstance(scheduled_at, str) else scheduled_at
    begin = engine.tick(at, Schedule.model_validate(context))
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(begin, engine.loop))
