"""Open the database by its URL: the choice between SQLite and Postgres."""

import time
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from kapelle.errors import SettingsError
from kapelle.settings import Settings
from kapelle.store.engine_postgres import DRIVER, NAMES, postgres_engine
from kapelle.store.engine_sqlite import make_folder, sqlite_engine
from kapelle.telemetry.redact import remember


def open_engine(settings: Settings) -> sa.Engine:
    """Open the database of some settings; nothing is connected to yet.

    Raises:
        SettingsError: the URL cannot be used, or the folder of a SQLite file is not there and cannot be made.
        MissingExtra: Postgres is asked for, and its driver is not installed.
    """
    return open_url(settings.url, synchronous=settings.run.synchronous, home=settings.home)


def open_url(text: str, *, synchronous: str = "normal", home: Path | None = None) -> sa.Engine:
    """Open a database by its URL.

    Args:
        synchronous: `normal` or `full`: how SQLite commits.
        home: the folder that is made when missing (mode 0700), where the SQLite file lies in it. No other is made: a
            path that was mistyped would become one.
    """
    url = parse_url(text)
    remember(_secrets(url))
    if url.get_backend_name() == "sqlite":
        make_folder(url, home)
        return sqlite_engine(url, synchronous)
    return postgres_engine(url)


def parse_url(text: str) -> URL:
    """Read a database URL.

    Raises:
        SettingsError: it is none, or of another database; its text, which may hold a password, is not repeated.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # a port that is no number is the latter
        raise SettingsError(
            "setting `KAPELLE_DATABASE_URL` is not a database URL; expected sqlite:///FILE or postgresql://..."
        ) from None
    if url.get_backend_name() in NAMES:
        # Whatever driver it names: ours is psycopg.
        return _with_password_in_place(url.set(drivername=DRIVER))
    if url.get_backend_name() != "sqlite":
        raise SettingsError(
            f"setting `KAPELLE_DATABASE_URL`: `{url.drivername}` is not supported; "
            "use sqlite:///FILE or postgresql://USER@HOST/DATABASE"
        )
    return url


def _with_password_in_place(url: URL) -> URL:
    """A password among the options is moved to where every reader of URLs masks it."""
    password = url.query.get("password")
    if not isinstance(password, str):
        return url
    return url.set(password=url.password or password).difference_update_query(["password"])


def _secrets(url: URL) -> list[str]:
    found = [url.password, url.query.get("sslpassword")]
    return [one for one in found if isinstance(one, str) and one]


def close_engine(engine: sa.Engine, *, patience: float = 2.0) -> None:
    """Close every connection; one that a thread of DBOS is just using is waited for, or nobody would close it.

    Args:
        patience: seconds.
    """
    began = time.monotonic()
    while _in_use(engine) and time.monotonic() - began < patience:
        time.sleep(0.01)
    engine.dispose()


def _in_use(engine: sa.Engine) -> int:
    pool = engine.pool
    return pool.checkedout() if isinstance(pool, sa.QueuePool) else 0
