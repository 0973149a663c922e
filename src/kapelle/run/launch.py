"""DBOS as this process runs it: launched on our database, with the queues it listens to and a way to put runs in."""

import logging
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions

from kapelle.run.dispatch import Ticket, spread_queue_of, tick_queue_of
from kapelle.settings import WorkerSettings
from kapelle.store.dialect import dialect_of

APPLICATION = "kapelle"
APPLICATION_VERSION = "kapelle-1"
"""Fixed: DBOS would else hash the code, and a deploy would strand every run in flight."""
WALK = "kapelle.walk"
"""The workflow that walks a run, or a part of it."""
SCHEDULES = 2.0
"""Seconds between two looks for schedules that are new or gone."""


@dataclass(frozen=True, slots=True)
class Service:
    """What a worker takes from the queues."""

    queue: str
    concurrency: int
    """Runs at once."""
    spread: int
    """Items of spread maps at once."""

    @property
    def queues(self) -> tuple[str, str]:
        """The queues of runs and of items that it listens to."""
        return self.queue, spread_queue_of(self.queue)

    @property
    def ticks(self) -> str:
        """The queue of its schedules' times."""
        return tick_queue_of(self.queue)


def client_of(engine: sa.Engine, *, patient: bool = True) -> DBOSClient:
    """What reads and writes DBOS's tables from outside; nothing is launched or connected to by it.

    Args:
        patient: wait for a database that does not answer, for ever.
    """
    return DBOSClient(
        system_database_engine=engine,
        serializer=DBOSPortableJSONSerializer(),
        application_name=APPLICATION,
        lazy=True,
        retry_connection_errors=patient,
    )


def has_tables(engine: sa.Engine) -> bool:
    """Whether DBOS was ever launched on a database."""
    schema, _, table = dialect_of(engine).workflow_status.rpartition(".")
    return sa.inspect(engine).has_table(table, schema=schema or None)


def make_tables(engine: sa.Engine) -> None:
    """Make DBOS's tables, as its launch would."""
    _silence()
    DBOS.migrate(engine.url.render_as_string(hide_password=False))


def _silence() -> None:
    # DBOS logs a lost ownership as a warning and an unwritable database with a traceback; both are told by us.
    # Without a handler it would hold on to the stderr of this moment, which may be closed at the next launch.
    logger = logging.getLogger("dbos")
    logger.setLevel(logging.CRITICAL)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


class Launch:
    """DBOS, launched: one per process."""

    def __init__(self, engine: sa.Engine, executor: str, settings: WorkerSettings, service: Service | None) -> None:
        """Args:
        executor: who claims what this process walks.
        service: the queues to listen to; None: none.
        """
        self._engine = engine
        self._settings = settings
        try:
            self.client = self._launch(executor, service)
        except BaseException:
            # It may be half launched, and would refuse the next try.
            with suppress(Exception):
                DBOS.destroy()
            raise

    def _launch(self, executor: str, service: Service | None) -> DBOSClient:
        _silence()
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": self._engine.url.render_as_string(hide_password=False),
                "system_database_engine": self._engine,
                "application_version": APPLICATION_VERSION,
                "executor_id": executor,
                "notification_listener_polling_interval_sec": 0.05,
                "max_executor_threads": 4,
                "scheduler_polling_interval_sec": SCHEDULES,
                "log_level": "CRITICAL",
                "serializer": DBOSPortableJSONSerializer(),
            }
        )
        DBOS.listen_queues([*service.queues, service.ticks] if service else [])
        client = client_of(self._engine)
        # Queues that are known at the launch are listened to at once, later ones after a second: only the very first
        # workers of a database are that late, for which DBOS is still making its tables.
        known = service is None or self._try_register(client, service)
        DBOS.launch()
        if service is not None and not known:
            self._register(client, service)
        return client

    def _try_register(self, client: DBOSClient, service: Service) -> bool:
        try:
            self._register(client, service)
        except sa.exc.DBAPIError:  # no tables, or not all of them yet
            return False
        return True

    def _register(self, client: DBOSClient, service: Service) -> None:
        limits = zip(service.queues, (service.concurrency, service.spread), strict=True)
        for name, concurrency in limits:
            # Partitions are owners: claimed in a random order, so that none is starved by another's long queue.
            client.register_queue(
                name,
                worker_concurrency=concurrency,
                partition_worker_concurrency=min(concurrency, self._settings.owner_concurrency or concurrency),
                polling_interval_sec=self._settings.poll,
                on_conflict="always_update",
            )
        client.register_queue(service.ticks, polling_interval_sec=0.1, on_conflict="always_update")

    def enqueue(self, connection: sa.Connection, ticket: Ticket) -> None:
        """Put a dispatch into its queue, within the caller's transaction."""
        options: EnqueueOptions = {
            "workflow_name": WALK,
            "queue_name": ticket.queue,
            "workflow_id": ticket.workflow,
            "queue_partition_key": ticket.owner,
            "priority": ticket.priority + 1,
            "app_version": APPLICATION_VERSION,
        }
        if ticket.delay:
            options["delay_seconds"] = ticket.delay
        arguments = (ticket.run, ticket.owner, ticket.generation, ticket.map, ticket.number)
        self.client.enqueue_in_transaction(connection, options, *arguments)

    def end(self) -> None:
        """End DBOS here; what it claimed stays claimed."""
        DBOS.destroy()
        self.client.destroy()
