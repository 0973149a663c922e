"""When workers begin a task: schedules as DBOS keeps them. dbos is imported here, in run.launch and run.durable."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import TypeVar

import sqlalchemy as sa
from dbos import ClientScheduleInput, DBOSClient, WorkflowSchedule
from dbos._error import DBOSException
from dbos._scheduler import croniter  # type: ignore[attr-defined]

from kapelle import clock
from kapelle.errors import KapelleError
from kapelle.run.dispatch import queue_of, tick_queue_of
from kapelle.run.launch import client_of, has_tables, make_tables
from kapelle.run.leases import holders
from kapelle.run.schedules import TICK, Schedule, Tick, bad_cron, schedule_key
from kapelle.store.commit import Writer
from kapelle.store.copy import Copied
from kapelle.store.dialect import Statement
from kapelle.store.faults import translated
from kapelle.telemetry.logs import log

T = TypeVar("T")
LONG = 30.0
"""Seconds after which a time counts as claimed and never begun: it takes as long as making a run."""


class Timetable:
    """The schedules of a database."""

    def __init__(self, client: DBOSClient, engine: sa.Engine, readers: Executor, writer: Writer) -> None:
        self._client = client
        self._engine = engine
        self._readers = readers
        self._writer = writer

    async def put(self, schedule: Schedule) -> Schedule:
        """Write down when workers begin a task; the same name again replaces it."""
        scheduled = schedule.model_copy(update={"next": _next_time(schedule.cron)})
        told: ClientScheduleInput = {
            "schedule_name": schedule.key,
            "workflow_name": TICK,
            "schedule": schedule.cron,
            "context": schedule.model_dump(mode="json", exclude={"last", "next"}),
            "queue_name": tick_queue_of(queue_of(schedule.app)),
        }
        try:
            await self._in_thread(lambda: self._client.apply_schedules([told]))
        except DBOSException:
            raise bad_cron(schedule.cron) from None
        return scheduled

    async def all(self, owner: str) -> list[Schedule]:
        """What an owner has scheduled, by name."""
        found = await self._in_thread(lambda: self._client.list_schedules(workflow_name=TICK))
        times = [{"last": one["last_fired_at"], "next": _next_time(one["schedule"])} for one in found]
        known = [Schedule.model_validate({**one["context"], **at}) for one, at in zip(found, times, strict=True)]
        return sorted((one for one in known if one.owner == owner), key=lambda one: one.name)

    async def drop(self, owner: str, name: str) -> bool:
        """Begin it no more; False when there was none."""
        if all(one.name != name for one in await self.all(owner)):
            return False
        await self._in_thread(lambda: self._client.delete_schedule(schedule_key(owner, name)))
        return True

    async def tick(self, scheduled_at: datetime, schedule: Schedule, begin: Tick) -> None:
        """Begin the run of a time, if it is still scheduled."""
        known = await self.all(schedule.owner)
        # DBOS's threads learn a little later than the table that a schedule is gone or was changed.
        current = next((one for one in known if one.name == schedule.name), None)
        if current is None:
            return
        try:
            await begin(current, scheduled_at)
        except KapelleError as error:
            log.warning("schedule.failed", schedule=schedule.name, at=clock.to_iso(scheduled_at), error=str(error))
            raise

    async def tick_again(self) -> None:
        """Put the times of dead workers back into their queue, and those that take long; beginning a run twice begins
        one."""

        def requeue(connection: sa.Connection) -> None:
            trusted = {one.executor for one in holders(connection) if not one.gone and one.alive}
            for one in connection.execute(_TICKS_UNDER_WAY.on(connection), {"name": TICK}).all():
                if one.executor_id not in trusted or one.seconds > LONG:
                    given = {"workflow": one.workflow_uuid, "executor": one.executor_id}
                    connection.execute(_TICK_AGAIN.on(connection), given)

        await self._writer.write(requeue)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        def call() -> T:
            with translated(self._engine):
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._readers, call)


def copy_schedules(source: sa.Engine, target: sa.Engine) -> Copied:
    """Put the schedules of one database into another, but none whose key it has; DBOS is not launched for it."""
    wanted, known = _scheduled(source), {one["schedule_name"] for one in _scheduled(target)}
    new = [one for one in wanted if one["schedule_name"] not in known]
    if new and not has_tables(target):
        make_tables(target)
    if new:
        client = client_of(target, patient=False)
        client.apply_schedules([_as_put(one) for one in new])
        client.destroy()
    return Copied(table="schedules", source=len(wanted), written=len(new), target=len(known) + len(new))


def _scheduled(engine: sa.Engine) -> list[WorkflowSchedule]:
    """The schedules of every owner."""
    if not has_tables(engine):
        return []
    client = client_of(engine, patient=False)
    try:
        return client.list_schedules(workflow_name=TICK)
    finally:
        client.destroy()


def _as_put(schedule: WorkflowSchedule) -> ClientScheduleInput:
    return {
        "schedule_name": schedule["schedule_name"],
        "workflow_name": schedule["workflow_name"],
        "schedule": schedule["schedule"],
        "context": schedule["context"],
        "queue_name": schedule["queue_name"],
    }


def _next_time(cron: str) -> datetime:
    """The next time of an expression, as DBOS's own reader has it.

    Raises:
        BadInput: it cannot be read, or names no day that there is.
    """
    try:
        found: datetime = croniter(cron, datetime.now(UTC), second_at_beginning=True).get_next(datetime)
    except (ValueError, KeyError, AttributeError):
        raise bad_cron(cron) from None
    return found


_TICKS_UNDER_WAY = Statement(
    "select workflow_uuid, executor_id, {now} - coalesce(started_at_epoch_ms, 0) / 1000.0 as seconds "
    "from {workflow_status} where name = :name and status = 'PENDING'"
)
_TICK_AGAIN = Statement(
    "update {workflow_status} set status = 'ENQUEUED', owner_xid = null, started_at_epoch_ms = null "
    "where workflow_uuid = :workflow and status = 'PENDING' and executor_id = :executor"
)
