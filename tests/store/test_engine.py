"""The database's URL: what is accepted, and that no password is repeated."""

import stat
import sys
from pathlib import Path

import pytest

from kapelle.errors import MissingExtra, SettingsError, StoreUnavailable
from kapelle.settings import load_settings
from kapelle.store.engine import open_engine, open_url, parse_url
from kapelle.store.faults import where
from kapelle.store.version import schema_version
from kapelle.telemetry.redact import redact_text, redact_url


def test_the_folder_is_made_for_this_user_alone(tmp_path: Path) -> None:
    engine = open_engine(load_settings(home=tmp_path / "new" / "home"))
    assert stat.S_IMODE((tmp_path / "new" / "home").stat().st_mode) == 0o700
    with engine.connect() as connection:
        assert connection.exec_driver_sql("pragma journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("pragma foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("pragma synchronous").scalar() == 1
    engine.dispose()


def test_a_power_loss_can_be_survived_too(tmp_path: Path) -> None:
    engine = open_engine(load_settings(home=tmp_path, run={"synchronous": "full"}))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("pragma synchronous").scalar() == 2
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://ann:hunter22@db/kapelle", "`mysql` is not supported; use sqlite"),
        ("ann:hunter22@db", "is not a database URL"),
        ("http//ann:hunter22", "is not a database URL"),
        ("sqlite://", "in memory loses its runs"),
        ("sqlite:///:memory:", "in memory loses its runs"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as raised:
        open_engine(load_settings(database_url=url))
    assert "KAPELLE_DATABASE_URL" in str(raised.value)
    assert "hunter22" not in str(raised.value) + repr(raised.value.__cause__)


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is a folder; name a file in it"):
        open_engine(load_settings(database_url=f"sqlite:///{tmp_path}"))


def test_a_folder_that_cannot_be_made_is_told_with_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="set KAPELLE_HOME"):
        open_engine(load_settings(home=tmp_path / "file" / "home"))


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://ann:hunter22@db/kapelle", "db:5432/kapelle"),
        ("postgres://ann:hunter22@db:6000/kapelle", "db:6000/kapelle"),
        ("postgresql+psycopg://ann:hunter22@[::1]/kapelle", "::1:5432/kapelle"),
        ("postgresql+psycopg2://ann@db/kapelle?password=hunter22&sslpassword=hunter22", "db:5432/kapelle"),
        ("postgresql://ann:hunter22@/kapelle?host=/run/pg&port=6000", "/run/pg:6000/kapelle"),
        ("postgresql://ann:hunter22@/kapelle?host=one&host=two", "one,two:5432/kapelle"),
        ("postgresql://ann:hunter22@/kapelle?host=db1:6000&host=db2:6001", "db1:6000,db2:6001/kapelle"),
        ("postgresql:///kapelle", "localhost:5432/kapelle"),
    ],
)
def test_the_place_that_people_read_has_no_password(url: str, place: str) -> None:
    engine = open_url(url)
    assert where(engine) == place
    assert "hunter22" not in redact_url(url)
    assert (
        "hunter22" in redact_text("hunter22") if "hunter22" not in url else "hunter22" not in redact_text(repr(engine))
    )
    engine.dispose()


def test_a_file_is_named_as_it_is(tmp_path: Path) -> None:
    engine = open_engine(load_settings(home=tmp_path))
    assert where(engine) == str(tmp_path / "kapelle.db")
    engine.dispose()


def test_without_its_driver_postgres_is_an_extra_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"pip install 'kapelle\[postgres\]'"):
        open_url("postgresql://db/kapelle")


@pytest.mark.parametrize("port", [1, 65_000])
def test_a_server_that_is_not_there_is_named_with_the_remedy(port: int) -> None:
    engine = open_url(f"postgresql://ann:hunter22@127.0.0.1:{port}/kapelle")
    with pytest.raises(StoreUnavailable, match=f"`127.0.0.1:{port}/kapelle` cannot be used now") as raised:
        schema_version(engine)
    assert "check its server" in str(raised.value)
    assert "hunter22" not in str(raised.value) + repr(raised.value.__cause__)
    engine.dispose()


@pytest.mark.parametrize(
    ("change", "words"), [({"database": "nowhere"}, '"nowhere" does not exist'), ({"username": "nobody"}, '"nobody"')]
)
def test_a_server_that_lets_nobody_in_is_a_wrong_setting(postgres_url: str, change: dict[str, str], words: str) -> None:
    engine = open_url(parse_url(postgres_url).set(**change).render_as_string(hide_password=False))
    with pytest.raises(SettingsError, match=f"lets nobody in .*{words}.*check KAPELLE_DATABASE_URL"):
        schema_version(engine)
    engine.dispose()


def test_a_session_on_postgres_gives_up_locks_and_says_who_it_is(postgres_url: str) -> None:
    engine = open_url(postgres_url)
    with engine.connect() as connection:
        shown = {
            name: connection.exec_driver_sql(f"show {name}").scalar()
            for name in ("application_name", "idle_in_transaction_session_timeout", "lock_timeout", "client_encoding")
        }
        connection.rollback()
        assert connection.exec_driver_sql("show lock_timeout").scalar() == "30s"
    assert list(shown.values()) == ["kapelle", "5s", "30s", "UTF8"]
    engine.dispose()


def test_what_the_url_says_of_the_connection_wins(postgres_url: str) -> None:
    engine = open_url(parse_url(postgres_url).update_query_dict({"application_name": "mine"}).render_as_string())
    with engine.connect() as connection:
        assert connection.exec_driver_sql("show application_name").scalar() == "mine"
    engine.dispose()


def test_a_connection_that_the_server_closed_is_replaced(postgres_url: str) -> None:
    engine = open_url(postgres_url)
    other = open_url(postgres_url)
    with engine.connect() as connection:
        pid = connection.exec_driver_sql("select pg_backend_pid()").scalar()
    with other.connect() as connection:
        connection.exec_driver_sql(f"select pg_terminate_backend({pid})")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("select pg_backend_pid()").scalar() != pid
    engine.dispose()
    other.dispose()
