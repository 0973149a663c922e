"""Whether a database is in order is told in a line."""

from pathlib import Path

from tests.postgres import Server

from kapelle.store.engine import open_url
from kapelle.store.health import examine


def test_a_file_that_is_sound_is_ok(tmp_path: Path) -> None:
    engine = open_url(f"sqlite:///{tmp_path / 'a.db'}")
    assert examine(engine) == (True, f"{tmp_path / 'a.db'}: ok")
    engine.dispose()


def test_a_server_is_told_with_its_version(postgres_url: str) -> None:
    engine = open_url(postgres_url)
    passed, detail = examine(engine)
    assert passed
    assert ": PostgreSQL 1" in detail
    engine.dispose()


def test_a_server_that_does_not_wait_for_the_disk_is_not_in_order(postgres: Server) -> None:
    with postgres.database() as url:
        name = url.rsplit("/", 1)[1].split("?")[0]
        postgres.execute(f"alter database {name} set synchronous_commit = off")
        engine = open_url(url)
        passed, detail = examine(engine)
        assert not passed
        assert "set `synchronous_commit` to on" in detail
        engine.dispose()
