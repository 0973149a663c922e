"""Open a Postgres database as durable runs need it: a lost server is noticed, and a stopped process holds no lock."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL

from kapelle.errors import MissingExtra

NAMES = ("postgresql", "postgres")
"""How a Postgres URL may begin; a driver may follow after a `+`."""
DRIVER = "postgresql+psycopg"
POOL_SIZE = 10
"""Connections kept: DBOS's listener and four threads, the writer, the lease, the bell's two, and a reader; the loop has
one of its own beside them."""
OVERFLOW = 2
"""Connections more, in a rush."""

_CONNECT: Mapping[str, str | int] = {
    "application_name": "kapelle",
    "connect_timeout": 10,
    # A host that is gone without a word is noticed after about 15 s, sent data unanswered included.
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
SESSION = (
    # A process that is stopped in the middle of a commit holds the run's row: within a lease it must be free.
    "set idle_in_transaction_session_timeout = '5s'",
    "set lock_timeout = '30s'",
)


def postgres_engine(url: URL) -> sa.Engine:
    """The engine of a Postgres URL; what the URL's own options say wins.

    Raises:
        MissingExtra: psycopg is not installed, or finds no libpq.
    """
    try:
        engine = sa.create_engine(
            url,
            connect_args=_chosen(url),
            pool_size=POOL_SIZE,
            max_overflow=OVERFLOW,
            pool_timeout=30,
            pool_pre_ping=True,
        )
    except ImportError:
        raise MissingExtra("postgres") from None

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:  # Any: psycopg is not imported here
        with connection.cursor() as cursor:
            for statement in SESSION:
                cursor.execute(statement)
        # The pool rolls a connection back when it is returned, which would undo them.
        connection.commit()
        # psycopg is loaded by now; without Postgres it is not.
        import_module("kapelle.store.nul_postgres").keep_nul(connection)

    return engine


def connect_arguments(engine: sa.Engine) -> dict[str, Any]:  # Any: as the driver takes them
    """What an engine's connections are opened with, for one that is not of its pool."""
    _, named = engine.dialect.create_connect_args(engine.url)
    return {**named, **_chosen(engine.url)}


def _chosen(url: URL) -> dict[str, str | int]:
    chosen = {name: value for name, value in _CONNECT.items() if name not in url.query}
    # `store.nul_postgres` reads and writes it.
    return {**chosen, "client_encoding": "utf8"}
