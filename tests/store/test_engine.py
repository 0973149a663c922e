"""The database's URL: what is accepted, and that no password is repeated."""

import stat
from pathlib import Path

import pytest

from kapelle.errors import SettingsError
from kapelle.settings import load_settings
from kapelle.store.engine import open_engine, parse_url
from kapelle.store.faults import where


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


def test_the_place_that_people_read_has_no_password(tmp_path: Path) -> None:
    assert parse_url("postgresql://ann:hunter22@db/kapelle").render_as_string(hide_password=True).count("hunter22") == 0
    engine = open_engine(load_settings(home=tmp_path))
    assert where(engine) == str(tmp_path / "kapelle.db")
    engine.dispose()
