"""Tell what went wrong with the database, and whether waiting may help."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from kapelle.errors import DatabaseDamaged, DiskFull, KapelleError, SettingsError, StoreUnavailable

_DAMAGED = ("malformed", "not a database", "file is encrypted")
_PASSING = (
    "full",
    "locked",
    "busy",
    "disk i/o error",
    "unable to open",
    "readonly",
    "read-only",
    "connection",
    "timeout",
)

# Postgres says what is wrong by five letters; the first two are the class (its manual, appendix A).
_FULL = "53100"
_MOMENTARY = ("40001", "40P01")
"""Another transaction was in the way and has won: the same one may pass at once."""
_PASSING_STATES = (
    "08",  # connection
    "40",  # rolled back for another's sake
    "53",  # resources: memory, connections
    "57",  # the operator: shutting down, starting up, canceled
    "58",  # the system below
    "25006",  # a standby, read-only until it is promoted
    "25P03",  # stopped for too long inside a transaction
    "55P03",  # a lock was waited for too long
)
_DAMAGED_STATES = ("XX001", "XX002")
_REFUSED_STATES = ("28", "3D", "42501")
# A server that refuses a new connection says it in words alone.
_REFUSED = ("authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry")


def explain_fault(error: BaseException, where: str) -> KapelleError | None:
    """What a database error means, or None when it is a fault of ours (a wrong statement).

    A StoreUnavailable may pass; a DatabaseDamaged and a SettingsError will not.
    """
    if isinstance(error, sa.exc.TimeoutError):
        return _unavailable(where, str(error))
    cause = getattr(error, "orig", None) or error
    # Drivers are known by name: the one that is not used is not imported.
    if type(cause).__module__.split(".")[0] == "psycopg":
        return _explain_postgres(cause, where)
    if isinstance(cause, sqlite3.Error):
        return _explain_sqlite(str(cause).lower(), where)
    return None


def is_momentary(error: BaseException) -> bool:
    """Whether another transaction alone was in the way: the same one may pass at once."""
    return getattr(getattr(error, "orig", None) or error, "sqlstate", None) in _MOMENTARY


def _explain_sqlite(text: str, where: str) -> KapelleError | None:
    if any(word in text for word in _DAMAGED):
        return DatabaseDamaged(
            f"the database `{where}` is damaged or not a database; move it away and restore a copy, "
            "or set KAPELLE_DATABASE_URL to another file"
        )
    if "full" in text:
        return _full(where)
    if any(word in text for word in _PASSING):
        return StoreUnavailable(f"the database `{where}` cannot be used now ({text}); check its folder and try again")
    return None


def _explain_postgres(error: BaseException, where: str) -> KapelleError | None:
    state = getattr(error, "sqlstate", None)
    # The first line says it; the rest is advice for who runs the server.
    text = str(error).strip().split("\n", maxsplit=1)[0]
    if state is None:
        return _explain_connection(type(error).__name__, text, where)
    if state == _FULL:
        return _full(where)
    if state.startswith(_DAMAGED_STATES):
        return DatabaseDamaged(f"the database `{where}` is damaged ({text}); restore a backup")
    if state.startswith(_REFUSED_STATES):
        return _refused(where, text)
    if state.startswith(_PASSING_STATES):
        return _unavailable(where, text)
    return None


def _explain_connection(kind: str, text: str, where: str) -> KapelleError | None:
    if any(words in text for words in _REFUSED):
        return _refused(where, text)
    # Without a state it never reached the server, or the server went away.
    return _unavailable(where, text) if kind in ("OperationalError", "InterfaceError", "ConnectionTimeout") else None


def _full(where: str) -> DiskFull:
    return DiskFull(f"the disk of `{where}` is full: nothing finished is lost; free some space and resume")


def _refused(where: str, text: str) -> SettingsError:
    return SettingsError(f"the database `{where}` lets nobody in ({text}); check KAPELLE_DATABASE_URL")


def _unavailable(where: str, text: str) -> StoreUnavailable:
    return StoreUnavailable(f"the database `{where}` cannot be used now ({text}); check its server and try again")


@contextmanager
def translated(engine: sa.Engine) -> Iterator[None]:
    """Turn database errors inside the block into ones that say what to do."""
    try:
        yield
    except Exception as error:
        known = explain_fault(error, where(engine))
        if known is None:
            raise
        raise known from error


def where(engine: sa.Engine) -> str:
    """The database as a person may read it: a file, or `host:port/name`; no user, no password."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return url.database or "in memory"
    # A socket's folder, and more than one host, stand among the options.
    named = url.normalized_query.get("host", ())
    hosts = ",".join([url.host] if url.host else named) or "localhost"
    port = url.port or ",".join(url.normalized_query.get("port", ())) or 5432
    ported = any(":" in host for host in named)
    return f"{hosts}{'' if ported else f':{port}'}/{url.database or ''}"
