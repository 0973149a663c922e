"""Tell what went wrong with the database, and whether waiting may help."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from kapelle.errors import DatabaseDamaged, KapelleError, StoreUnavailable

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


def explain_fault(error: BaseException, where: str) -> KapelleError | None:
    """What a database error means, or None when it is a fault of ours (a wrong statement)."""
    if not isinstance(error, sa.exc.DBAPIError | sqlite3.Error | sa.exc.TimeoutError):
        return None
    text = str(getattr(error, "orig", None) or error).lower()
    if any(word in text for word in _DAMAGED):
        return DatabaseDamaged(
            f"the database `{where}` is damaged or not a database; move it away and restore a copy, "
            "or set KAPELLE_DATABASE_URL to another file"
        )
    if "full" in text:
        return StoreUnavailable(f"the disk of `{where}` is full: nothing finished is lost; free some space and resume")
    if isinstance(error, sa.exc.TimeoutError) or any(word in text for word in _PASSING):
        return StoreUnavailable(f"the database `{where}` cannot be used now ({text}); check its folder and try again")
    return None


@contextmanager
def translated(engine: sa.Engine) -> Iterator[None]:
    """Turn database errors inside the block into ones that say what to do."""
    try:
        yield
    except (sa.exc.DBAPIError, sa.exc.TimeoutError, sqlite3.Error) as error:
        known = explain_fault(error, where(engine))
        if known is None:
            raise
        raise known from error


def where(engine: sa.Engine) -> str:
    """The database as a person may read it: no password."""
    return engine.url.database or engine.url.render_as_string(hide_password=True)
