"""Which database errors pass, which do not, and which are ours."""

import sqlite3

import pytest
import sqlalchemy as sa

from kapelle.errors import DatabaseDamaged, KapelleError, StoreUnavailable
from kapelle.store.faults import explain_fault, translated


def wrapped(message: str) -> sa.exc.OperationalError:
    return sa.exc.OperationalError("select 1", {}, sqlite3.OperationalError(message))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("database or disk is full", StoreUnavailable),
        ("database is locked", StoreUnavailable),
        ("disk I/O error", StoreUnavailable),
        ("unable to open database file", StoreUnavailable),
        ("attempt to write a readonly database", StoreUnavailable),
        ("database disk image is malformed", DatabaseDamaged),
        ("file is not a database", DatabaseDamaged),
        ("no such table: runs", None),
        ('near "selec": syntax error', None),
    ],
)
def test_an_error_of_the_database_is_told_apart(message: str, expected: type[KapelleError] | None) -> None:
    for error in (wrapped(message), sqlite3.OperationalError(message)):
        found = explain_fault(error, "kapelle.db")
        assert type(found) is expected if expected else found is None


def test_an_exhausted_pool_passes() -> None:
    assert isinstance(explain_fault(sa.exc.TimeoutError("QueuePool limit"), "kapelle.db"), StoreUnavailable)


def test_another_exception_is_no_fault_of_the_database() -> None:
    assert explain_fault(ValueError("disk is full of ideas"), "kapelle.db") is None


def test_inside_the_block_errors_are_translated_and_others_pass() -> None:
    engine = sa.create_engine("sqlite:///kapelle.db")
    with pytest.raises(StoreUnavailable, match=r"`kapelle\.db` cannot be used now"), translated(engine):
        raise wrapped("database is locked")
    with pytest.raises(sa.exc.OperationalError), translated(engine):
        raise wrapped("no such table: runs")
    with pytest.raises(KeyError), translated(engine):
        raise KeyError("x")
