"""The durable engine: DBOS dispatches and owns runs, our checkpoint keeps their steps. The only importer of dbos.

A dispatch is a workflow `RUN:gN`, N the run's generation. Taking a run over raises its generation and cancels the
former workflow in the same transaction, so a former owner that comes back finds no row to write to. What this module
knows of DBOS beyond its public interface (`current_owner_xid`, and the columns `workflow_uuid`, `status`, `owner_xid`
of `workflow_status`) is held by tests/contract/test_dbos.py; the version is pinned.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import sqlalchemy as sa
from dbos import DBOS, DBOSPortableJSONSerializer, SetWorkflowID
from dbos._context import current_owner_xid
from dbos._error import DBOSWorkflowConflictIDError

from kapelle import clock
from kapelle.errors import (
    AlreadyDecided,
    DatabaseDamaged,
    KapelleError,
    NotFound,
    OwnershipLost,
    Refused,
    SettingsError,
    StoreUnavailable,
)
from kapelle.run import leases, rows
from kapelle.run.approval import ApprovalRecord, Decision
from kapelle.run.checkpoint_database import DatabaseCheckpoint, RunFence
from kapelle.run.engine import Work
from kapelle.run.model import ENDED, Event, RunRecord, StepResult
from kapelle.run.walk import Walk
from kapelle.store.commit import Writer
from kapelle.store.faults import explain_fault, translated, where

T = TypeVar("T")
APPLICATION_VERSION = "kapelle-1"
"""Fixed: DBOS would else hash the code, and a deploy would strand every run in flight."""
FOLLOW = 0.05
"""Seconds between two looks at a run that another process walks."""

_engines: dict[str, "DurableEngine"] = {}


def durable_engine(
    engine: sa.Engine, *, patience: float | None, blob_threshold: int, on_trouble: Callable[[str], None]
) -> "DurableEngine":
    """The engine of this process for a database, made at the first call.

    Raises:
        SettingsError: this process already serves another database: DBOS is one per process.
        StoreUnavailable: the database cannot be written.
    """
    url = engine.url.render_as_string(hide_password=False)
    known = _engines.get(url)
    if known is not None:
        known.users += 1
        return known
    if _engines:
        raise SettingsError(
            "`KAPELLE_DATABASE_URL`: this process already serves another database; close that one first"
        )
    made = DurableEngine(engine, patience=patience, blob_threshold=blob_threshold, on_trouble=on_trouble)
    _engines[url] = made
    return made


class DurableEngine:
    """Runs in the database, walked by this process or another."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        patience: float | None,
        blob_threshold: int,
        on_trouble: Callable[[str], None],
    ) -> None:
        self.users = 1
        self._engine = engine
        self._blob_threshold = blob_threshold
        self._writer = Writer(engine, patience=patience, on_trouble=on_trouble)
        self._work: dict[str, Work] = {}
        self._walks: dict[str, asyncio.Task[None]] = {}
        self._bodies: set[asyncio.Task[Any]] = set()
        self._faults: dict[str, KapelleError] = {}
        with translated(engine):
            self._lease = leases.Lease(engine)
            self._launch()

    def _launch(self) -> None:
        # DBOS logs a lost ownership as a warning and an unwritable database with a traceback; both are told by us.
        # Without a handler it would hold on to the stderr of this moment, which may be closed at the next launch.
        logger = logging.getLogger("dbos")
        logger.setLevel(logging.CRITICAL)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
        DBOS(
            config={
                "name": "kapelle",
                "system_database_url": self._engine.url.render_as_string(hide_password=False),
                "system_database_engine": self._engine,
                "application_version": APPLICATION_VERSION,
                "executor_id": self._lease.executor,
                "notification_listener_polling_interval_sec": 0.05,
                "max_executor_threads": 4,
                "log_level": "CRITICAL",
                "serializer": DBOSPortableJSONSerializer(),
            }
        )
        DBOS.launch()

    async def start(self, record: RunRecord, work: Work) -> RunRecord:
        """Make a run and begin to walk it here; the same key gives the same run."""
        record = record.model_copy(update={"executor": self._lease.executor, "status": "queued"})
        if await self._write(lambda connection: _insert(connection, record)):
            await self._dispatch(record, work)
            return record
        assert record.key is not None
        with translated(self._engine), self._engine.connect() as connection:
            known = rows.run_by_key(connection, record.key, record.owner)
        if known is None:
            raise NotFound(f"the run with key `{record.key}` was deleted meanwhile; start it again")
        return await self.resume(known.id, known.owner, work)

    async def resume(self, run: str, owner: str, work: Work) -> RunRecord:
        """Walk a run on here, unless it ended or a living process walks it."""
        while True:
            record = await self.read(run, owner)
            if record.ended_already or record.id in self._walks:
                return record
            if record.status == "waiting" and not self._decided(record):
                return record
            if record.status != "waiting" and record.executor in self._living():
                return record
            if await self._take_over(record):
                taken = await self.read(run, owner)
                await self._dispatch(taken, work)
                return taken

    async def _take_over(self, record: RunRecord) -> bool:
        return await self._write(lambda connection: self._raise_generation(connection, record))

    def _raise_generation(self, connection: sa.Connection, record: RunRecord) -> bool:
        given = {"run": record.id, "generation": record.generation, "executor": self._lease.executor}
        if connection.execute(_TAKE_OVER, given).rowcount != 1:
            return False
        connection.execute(_CANCEL_WORKFLOW, {"workflow": _workflow_id(record.id, record.generation)})
        return True

    async def _dispatch(self, record: RunRecord, work: Work) -> None:
        self._work[record.id] = work
        self._faults.pop(record.id, None)
        with SetWorkflowID(_workflow_id(record.id, record.generation)):
            try:
                handle = await DBOS.start_workflow_async(_walk_run, record.id, record.owner, record.generation)
            except Exception as error:
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
            if run not in self._faults:
                self._faults[run] = self._fault(error)
        finally:
            self._walks.pop(run, None)
            self._work.pop(run, None)

    def _fault(self, error: Exception) -> KapelleError:
        if isinstance(error, KapelleError):
            return error
        known = explain_fault(error, where(self._engine))
        return known or StoreUnavailable(f"the run could not be walked on: {type(error).__name__}: {error}")

    async def walk(self, run: str, owner: str, generation: int, xid: str) -> str:
        """Walk one generation of a run; called by its workflow."""
        work = self._work[run]
        body = asyncio.current_task()
        assert body is not None
        self._bodies.add(body)
        body.add_done_callback(self._bodies.discard)
        with translated(self._engine), self._engine.connect() as connection:
            record = rows.read_run(connection, run, owner)
        if record.plan is None:
            raise DatabaseDamaged(f"run `{run}` has no plan")
        fence = RunFence(run, generation, _workflow_id(run, generation), xid)
        checkpoint = DatabaseCheckpoint(
            self._engine, self._writer, fence, owner=owner, blob_threshold=self._blob_threshold
        )
        try:
            return await Walk(run, record.task, record.plan, checkpoint, work.perform, work.limits)()
        except OwnershipLost as error:
            self._faults[run] = error
            # DBOS parks an execution that says so, instead of recording an outcome for it.
            raise DBOSWorkflowConflictIDError(fence.workflow) from error
        except KapelleError as error:
            self._faults[run] = error
            raise

    async def read(self, run: str, owner: str) -> RunRecord:
        """One run as it stands."""
        with translated(self._engine), self._engine.connect() as connection:
            return rows.read_run(connection, run, owner)

    async def runs(self, owner: str, *, limit: int = 50) -> list[RunRecord]:
        """The newest runs first."""
        with translated(self._engine), self._engine.connect() as connection:
            return rows.list_runs(connection, owner, limit=limit)

    async def interrupted(self, owner: str) -> list[RunRecord]:
        """Runs that nobody walks and that do not wait."""
        with translated(self._engine), self._engine.connect() as connection:
            return rows.interrupted(connection, owner, leases.living(connection))

    async def events(self, run: str, owner: str, *, after: int = 0) -> list[Event]:
        """Events of a run after a number."""
        with translated(self._engine), self._engine.connect() as connection:
            rows.read_run(connection, run, owner)
            return rows.events(connection, run, after=after)

    async def results(self, run: str, owner: str) -> list[StepResult]:
        """What came of its steps so far."""
        with translated(self._engine), self._engine.connect() as connection:
            rows.read_run(connection, run, owner)
            return list(rows.results(connection, run, owner).values())

    async def approvals(self, owner: str, *, run: str | None = None, pending: bool = False) -> list[ApprovalRecord]:
        """Questions to people, oldest first."""
        with translated(self._engine), self._engine.connect() as connection:
            return rows.approvals(connection, owner=owner, run=run, pending=pending)

    async def decide(
        self, approval: str, owner: str, decision: Decision, *, by: str, reason: str = "", arguments: object = None
    ) -> ApprovalRecord:
        """Decide, once."""
        given: dict[str, object] = {
            "id": approval,
            "owner": owner,
            "decision": decision,
            "by": by,
            "at": clock.to_iso(clock.now()),
            "reason": reason,
            "arguments": None if arguments is None else json.dumps(arguments),
        }
        won = await self._write(lambda connection: rows.decide(connection, given))
        with translated(self._engine), self._engine.connect() as connection:
            found = rows.approvals(connection, owner=owner, id=approval)
        if not found:
            raise NotFound(f"there is no approval `{approval}`; `kapelle approvals` lists them")
        if not won and found[0].decision is None:
            raise Refused(f"approval `{approval}` cannot be decided any more: its run has ended")
        if not won:
            raise AlreadyDecided(f"approval `{approval}` was {found[0].decision} by {found[0].by} already")
        return found[0]

    async def cancel(self, run: str, owner: str, work: Work) -> RunRecord:
        """Ask for a run to be cancelled; one that nobody walks is walked here to its end."""
        record = await self.read(run, owner)
        if record.ended_already:
            return record
        await self._write(lambda connection: connection.execute(_CANCEL, {"run": run, "owner": owner}))
        unwalked = record.id not in self._walks and (
            record.status == "waiting" or record.executor not in self._living()
        )
        if unwalked and await self._take_over(record):
            await self._dispatch(await self.read(run, owner), work)
        return await self.read(run, owner)

    async def settled(self, run: str, owner: str, work: Work) -> RunRecord:
        """Wait until a run ended or waits."""
        while True:
            walk = self._walks.get(run)
            if walk is not None:
                await asyncio.wait({walk}, timeout=FOLLOW if run in self._faults else None)
            record = await self.read(run, owner)
            if record.status in ENDED or (record.status == "waiting" and not self._decided(record)):
                return record
            fault = self._faults.get(run)
            if fault is not None and not isinstance(fault, OwnershipLost):
                raise fault
            if run not in self._walks:
                if record.status == "waiting":
                    return record
                await self._look_after(record, work)

    async def _look_after(self, record: RunRecord, work: Work) -> None:
        """Wait a little for the process that walks a run; walk it on here when that process is dead."""
        if record.executor not in self._living():
            await self.resume(record.id, record.owner, work)
        else:
            await asyncio.sleep(FOLLOW)

    async def close(self) -> None:
        """Stop walking here and end the lease; the last user ends DBOS too."""
        self.users -= 1
        if self.users > 0:
            return
        # DBOS shields its workflows from whoever waits for them: the bodies are cancelled themselves, and stay PENDING.
        tasks = [*self._walks.values(), *self._bodies]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        _engines.pop(self._engine.url.render_as_string(hide_password=False), None)
        await asyncio.get_running_loop().run_in_executor(None, self._shut_down)

    def _shut_down(self) -> None:
        self._lease.release()
        DBOS.destroy()
        self._writer.close()
        self._engine.dispose()

    async def _write(self, statements: Callable[[sa.Connection], T]) -> T:
        return await self._writer.write(statements)

    def _living(self) -> set[str]:
        with translated(self._engine), self._engine.connect() as connection:
            return leases.living(connection)

    def _decided(self, record: RunRecord) -> bool:
        with translated(self._engine), self._engine.connect() as connection:
            return rows.wakes(connection, record)


_TAKE_OVER = sa.text(
    "update runs set generation = generation + 1, executor = :executor, parked = false, status = 'queued', "
    "waiting_for = null where id = :run and generation = :generation "
    "and status not in ('succeeded', 'partial', 'failed', 'cancelled')"
)
_CANCEL_WORKFLOW = sa.text(
    "update workflow_status set status = 'CANCELLED', owner_xid = null "
    "where workflow_uuid = :workflow and status in ('PENDING', 'ENQUEUED')"
)
_CANCEL = sa.text("update runs set cancel_requested = true where id = :run and owner = :owner")


def _workflow_id(run: str, generation: int) -> str:
    return f"{run}:g{generation}"


def _insert(connection: sa.Connection, record: RunRecord) -> bool:
    return rows.insert_run(connection, record)


@DBOS.workflow(name="kapelle.walk", max_recovery_attempts=10_000)
async def _walk_run(run: str, owner: str, generation: int) -> str:
    xid = current_owner_xid(_workflow_id(run, generation))
    if xid is None:
        raise OwnershipLost(f"run `{run}` is walked outside its workflow")
    (engine,) = _engines.values()
    return await engine.walk(run, owner, generation, xid)
