"""A bell between processes: it says that rows may have changed; the rows are the truth.

Postgres: LISTEN and NOTIFY. SQLite: a thread looks at the file's data version, which every commit of another connection
changes, and reads from `rings` which runs were rung. A bell that is not heard costs time, never a fact: whoever waits
also looks now and then by itself.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import cast

import sqlalchemy as sa

from kapelle.store.faults import explain_fault

LOOK = 0.02
"""Seconds between two looks at a SQLite file, and between two notifications of what goes on in a run."""
CHANNEL = "kapelle"
KEPT = 1_000
"""Rows of `rings` that stay: more than can be rung between two looks."""

Listener = Callable[[], object]
"""Called from any thread; must return at once."""


class Bell:
    """Who waits for news of a run is called when there may be some."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._notifies = engine.dialect.name == "postgresql"
        self._listeners: dict[str, list[Listener]] = {}
        self._lock = threading.Lock()
        self._news: set[str] = set()
        self._wanted = threading.Event()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def listen(self, topic: str, listener: Listener) -> Callable[[], None]:
        """Call `listener` when `topic` is rung; the result ends it."""
        with self._lock:
            self._listeners.setdefault(topic, []).append(listener)
            self._start(self._hear_notifications if self._notifies else self._look_at_file, "kapelle-bell")
        self._wanted.set()

        def leave() -> None:
            with self._lock:
                known = self._listeners.get(topic, [])
                if listener in known:
                    known.remove(listener)
                if not known:
                    self._listeners.pop(topic, None)
                if not self._listeners:
                    self._wanted.clear()

        return leave

    def ring(self, connection: sa.Connection, topic: str) -> None:
        """Ring with a transaction: heard everywhere when it is committed, never when it is not."""
        if self._notifies:
            connection.execute(_NOTIFY, {"channel": CHANNEL, "topic": topic})
        else:
            connection.execute(_RING, {"topic": topic})

    def ring_here(self, topic: str) -> None:
        """Call the listeners of this process at once."""
        with self._lock:
            listeners = list(self._listeners.get(topic, ()))
        for listener in listeners:
            listener()

    def tell(self, topic: str) -> None:
        """Say after a commit that there is news; gathered, so that a quick run does not ring at every step."""
        self.ring_here(topic)
        if not self._notifies:  # a commit is seen by everyone who looks at the file
            return
        with self._lock:
            self._news.add(topic)
            self._start(self._notify, "kapelle-ringer")

    def close(self) -> None:
        """Ring no more."""
        self._stop.set()
        self._wanted.set()
        if self._notifies and self._threads:
            # Whoever listens is woken by a notification alone; one that is not heard comes to an end by itself.
            with suppress(sa.exc.SQLAlchemyError), self._engine.connect() as connection:
                _announce(connection, [""])
                connection.commit()
        for thread in self._threads:
            thread.join(timeout=2)

    def _start(self, work: Callable[[], None], name: str) -> None:
        """Begin a thread that is not there yet; the caller holds the lock."""
        if any(thread.name == name for thread in self._threads):
            return
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _ring_all(self) -> None:
        with self._lock:
            topics = list(self._listeners)
        for topic in topics:
            self.ring_here(topic)

    def _keep_on(self, work: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                work()
            except Exception as error:  # a bell that is silent for a second; only a fault of ours is raised
                if explain_fault(error, "") is None:
                    raise
                self._stop.wait(1.0)
            self._ring_all()

    def _look_at_file(self) -> None:
        self._keep_on(self._look)

    def _look(self) -> None:
        with self._engine.connect() as connection:
            # Through the driver: while a run is walked it looks fifty times a second, and the walk waits meanwhile.
            driver = cast(sqlite3.Connection, connection.connection.driver_connection)
            version = -1
            last = int(driver.execute(_LAST).fetchone()[0] or 0)
            # What was rung before this was read.
            self._ring_all()
            while not self._stop.wait(LOOK):
                self._wanted.wait()
                seen = int(driver.execute("pragma data_version").fetchone()[0])
                if seen == version:
                    continue
                version = seen
                for n, topic in driver.execute(_RUNG, {"n": last}).fetchall():
                    last = int(n)
                    self.ring_here(topic)
                self._ring_events()

    def _ring_events(self) -> None:
        """Ring what any commit may have changed."""
        with self._lock:
            topics = [topic for topic in self._listeners if topic.startswith(EVENTS)]
        for topic in topics:
            self.ring_here(topic)

    def _hear_notifications(self) -> None:
        self._keep_on(self._hear)

    def _hear(self) -> None:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"listen {CHANNEL}")
            driver = connection.connection.driver_connection
            assert driver is not None
            self._ring_all()
            while not self._stop.is_set():
                for notice in driver.notifies(timeout=0.5):
                    self.ring_here(notice.payload)
                    if self._stop.is_set():
                        return

    def _notify(self) -> None:
        self._keep_on(self._notify_of_news)

    def _notify_of_news(self) -> None:
        # One connection that is kept, and one statement: what it costs is taken from the walk beside it.
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not self._stop.wait(LOOK):
                with self._lock:
                    news, self._news = self._news, set()
                if news:
                    _announce(connection, news)


def _announce(connection: sa.Connection, topics: Iterable[str]) -> None:
    connection.execute(_NOTIFY_ALL, {"channel": CHANNEL, "topics": list(topics)})


EVENTS = "events:"
STATUS = "status:"
SIGNALS = "signals:"


def events_of(run: str) -> str:
    """Rung when a run has new events."""
    return EVENTS + run


def status_of(run: str) -> str:
    """Rung when a run's own row changed: it began, waits, goes on, ended."""
    return STATUS + run


def signals_of(run: str) -> str:
    """Rung when whoever walks a run should look outside: a decision, a cancellation, an item that ended elsewhere."""
    return SIGNALS + run


def forget_rings(connection: sa.Connection) -> None:
    """Delete what everybody has heard."""
    connection.execute(_FORGET, {"kept": KEPT})


_NOTIFY = sa.text("select pg_notify(:channel, :topic)")
_RING = sa.text("insert into rings (topic) values (:topic)")
_NOTIFY_ALL = sa.text("select pg_notify(:channel, topic) from unnest(cast(:topics as text[])) as topic")
_LAST = "select max(n) from rings"
_RUNG = "select n, topic from rings where n > :n order by n"
_FORGET = sa.text("delete from rings where n < (select max(n) from rings) - :kept")
