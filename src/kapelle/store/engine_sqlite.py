"""Open a SQLite file as durable runs need it: write-ahead log, writers that wait for each other."""

import sqlite3
import time
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL

from kapelle.errors import SettingsError

# `unixepoch('subsec')`, which DBOS asks for on Python 3.12 and later, came with SQLite 3.42.
_NEEDS_SUBSEC = sqlite3.sqlite_version_info < (3, 42)
POOL_SIZE = 9
"""Connections kept, two of them the writer's."""
WAIT = 30
"""Seconds to wait for another writer before a statement fails."""


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite URL; None for one in memory, and for another database."""
    if url.get_backend_name() != "sqlite":
        return None
    return Path(url.database) if url.database and url.database != ":memory:" else None


def make_folder(url: URL, home: Path | None) -> None:
    """Make the folder of a SQLite file, for this user alone, where it is `home`; any other must be there.

    Raises:
        SettingsError: there is no file in the URL, its folder is not there, or it cannot be made.
    """
    file = sqlite_file(url)
    if file is None:
        raise SettingsError("setting `KAPELLE_DATABASE_URL`: a database in memory loses its runs; name a file")
    if file.is_dir():
        raise SettingsError(f"setting `KAPELLE_DATABASE_URL`: `{file}` is a folder; name a file in it")
    if file.parent.is_dir():
        return
    if home is None or file.parent.resolve() != home.resolve():
        raise SettingsError(
            f"setting `KAPELLE_DATABASE_URL`: there is no folder `{file.parent}`; make it, or correct the path"
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingsError(
            f"the folder `{file.parent}` for the database cannot be made ({error.strerror}); set KAPELLE_HOME"
        ) from None


def sqlite_engine(url: URL, synchronous: str) -> sa.Engine:
    """The engine of a file; `synchronous` is `normal` or `full`."""
    engine = sa.create_engine(url, pool_size=POOL_SIZE, max_overflow=0, pool_timeout=60)

    @sa.event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        try:
            _prepare(connection, synchronous)
        except sqlite3.Error:
            connection.close()  # nobody else would
            raise

    return engine


def memory_engine() -> sa.Engine:
    """The engine of a database in memory, which goes with its one connection.

    Threads take it in turn: a transaction that another began beside it would be its own, rolled back with it.
    """
    return sa.create_engine(
        "sqlite://",
        poolclass=sa.QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=60,
        connect_args={"check_same_thread": False},
    )


def _prepare(connection: sqlite3.Connection, synchronous: str) -> None:
    connection.isolation_level = "IMMEDIATE"
    connection.execute(f"PRAGMA busy_timeout={WAIT * 1000}")
    connection.execute("PRAGMA foreign_keys=ON")
    # An ingest's transaction fits into memory, and the log is brought into the file every 16 MB instead of every 4.
    connection.execute("PRAGMA cache_size=-16384")
    connection.execute("PRAGMA wal_autocheckpoint=4000")
    _use_write_ahead_log(connection)
    connection.execute(f"PRAGMA synchronous={synchronous.upper()}")
    if _NEEDS_SUBSEC:
        connection.create_function("unixepoch", -1, _unixepoch)


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    # Two processes that change the mode of a new file would wait for each other for ever, so SQLite tells one of them
    # "locked" at once, whatever the timeout. The mode stays with the file: whoever comes second only reads it.
    began = time.monotonic()
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() - began > WAIT:
                raise
            time.sleep(0.01)


def _unixepoch(*arguments: object) -> float:
    return time.time() if "subsec" in arguments else int(time.time())
