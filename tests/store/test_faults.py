"""Which database errors pass, which do not, and which are ours."""

import sqlite3

import psycopg
import pytest
import sqlalchemy as sa

from kapelle.errors import DatabaseDamaged, DiskFull, KapelleError, SettingsError, StoreUnavailable
from kapelle.store.faults import explain_fault, is_momentary, translated


def wrapped(message: str) -> sa.exc.OperationalError:
    return sa.exc.OperationalError("select 1", {}, sqlite3.OperationalError(message))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("database or disk is full", DiskFull),
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


def of_postgres(state: str, message: str = "as the server says") -> sa.exc.DBAPIError:
    cause = psycopg.errors.lookup(state)(message)
    return sa.exc.DBAPIError("select 1", {}, cause)


@pytest.mark.parametrize(
    ("state", "expected", "words"),
    [
        ("53100", DiskFull, "disk of `db` is full"),
        ("53300", StoreUnavailable, "cannot be used now"),
        ("57P01", StoreUnavailable, "cannot be used now"),
        ("57P03", StoreUnavailable, "cannot be used now"),
        ("08006", StoreUnavailable, "cannot be used now"),
        ("40001", StoreUnavailable, "cannot be used now"),
        ("40P01", StoreUnavailable, "cannot be used now"),
        ("55P03", StoreUnavailable, "cannot be used now"),
        ("25006", StoreUnavailable, "cannot be used now"),
        ("25P03", StoreUnavailable, "cannot be used now"),
        ("58030", StoreUnavailable, "cannot be used now"),
        ("XX001", DatabaseDamaged, "restore a backup"),
        ("28P01", SettingsError, "lets nobody in"),
        ("3D000", SettingsError, "lets nobody in"),
        ("42501", SettingsError, "lets nobody in"),
        ("42P01", None, ""),
        ("42601", None, ""),
        ("23505", None, ""),
        ("25P02", None, ""),
    ],
)
def test_an_error_of_postgres_is_told_apart_by_its_state(
    state: str, expected: type[KapelleError] | None, words: str
) -> None:
    for error in (of_postgres(state), of_postgres(state).orig):
        assert error is not None
        found = explain_fault(error, "db")
        assert type(found) is (expected or type(None))
        assert words in str(found)


def test_only_what_another_transaction_did_is_over_in_a_moment() -> None:
    assert [is_momentary(of_postgres(state)) for state in ("40001", "40P01", "53100", "57P01")] == [
        True,
        True,
        False,
        False,
    ]
    assert not is_momentary(wrapped("database is locked"))


def test_a_lost_connection_without_a_state_passes() -> None:
    lost = sa.exc.OperationalError("commit", {}, psycopg.OperationalError("the connection is lost\nadvice"))
    found = explain_fault(lost, "db")
    assert isinstance(found, StoreUnavailable)
    assert "the connection is lost)" in str(found)


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
