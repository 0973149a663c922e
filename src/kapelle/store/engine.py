"""Open the database by its URL."""

import sqlite3
import time
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from kapelle.errors import SettingsError
from kapelle.settings import Settings

# `unixepoch('subsec')`, which DBOS asks for on Python 3.12 and later, came with SQLite 3.42.
_NEEDS_SUBSEC = sqlite3.sqlite_version_info < (3, 42)
POOL_SIZE = 8


def open_engine(settings: Settings) -> sa.Engine:
    """Open the database, its folder made when missing (mode 0700).

    Raises:
        SettingsError: the URL cannot be used, or the folder cannot be made.
    """
    url = parse_url(settings.url)
    if url.get_backend_name() != "sqlite":
        raise SettingsError(
            f"setting `KAPELLE_DATABASE_URL`: `{url.get_backend_name()}` is not supported yet; use sqlite:///FILE"
        )
    _make_folder(url)
    return _sqlite_engine(url, settings.run.synchronous)


def parse_url(text: str) -> URL:
    """Read a database URL.

    Raises:
        SettingsError: it is none; its text, which may hold a password, is not repeated.
    """
    try:
        return make_url(text)
    except ArgumentError:
        raise SettingsError(
            "setting `KAPELLE_DATABASE_URL` is not a database URL; expected sqlite:///FILE or postgresql://..."
        ) from None


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite URL; None for one in memory."""
    return Path(url.database) if url.database and url.database != ":memory:" else None


def _make_folder(url: URL) -> None:
    file = sqlite_file(url)
    if file is None:
        raise SettingsError("setting `KAPELLE_DATABASE_URL`: a database in memory loses its runs; name a file")
    if file.is_dir():
        raise SettingsError(f"setting `KAPELLE_DATABASE_URL`: `{file}` is a folder; name a file in it")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingsError(
            f"the folder `{file.parent}` for the database cannot be made ({error.strerror}); set KAPELLE_HOME"
        ) from None


def _sqlite_engine(url: URL, synchronous: str) -> sa.Engine:
    engine = sa.create_engine(url, pool_size=POOL_SIZE, max_overflow=0, pool_timeout=60)

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in (
            "busy_timeout=30000",
            "foreign_keys=ON",
            "journal_mode=WAL",
            f"synchronous={synchronous.upper()}",
        ):
            connection.execute("PRAGMA " + pragma)
        if _NEEDS_SUBSEC:
            connection.create_function("unixepoch", -1, _unixepoch)

    return engine


def _unixepoch(*arguments: object) -> float:
    return time.time() if "subsec" in arguments else int(time.time())
