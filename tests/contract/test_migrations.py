"""The migrations make exactly the tables that the code declares, and refuse what they do not know."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from kapelle.errors import DatabaseDamaged, SettingsError
from kapelle.evidence import tables_postgres, tables_sqlite
from kapelle.evidence.index_sqlite import SqliteIndex
from kapelle.run.launch import make_tables
from kapelle.settings import load_settings
from kapelle.store.dialect import Statement
from kapelle.store.engine import open_engine, open_url
from kapelle.store.migrate import MIGRATIONS, migrate
from kapelle.store.tables import metadata
from kapelle.store.version import HEAD, schema_version


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    fields = {"database_url": request.getfixturevalue("empty_postgres_url")} if request.param == "postgres" else {}
    engine = open_engine(load_settings(home=tmp_path, **fields))
    yield engine
    engine.dispose()


@pytest.fixture
def declared(database: sa.Engine, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """A database made of what the code declares."""
    postgres = database.dialect.name == "postgresql"
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'declared.db'}"
        if postgres:
            url = stack.enter_context(request.getfixturevalue("postgres").database())
        engine = open_url(url)
        metadata.create_all(engine)
        (tables_postgres if postgres else tables_sqlite).ensure_schema(engine)
        yield engine
        engine.dispose()


def shape(engine: sa.Engine) -> dict[str, Any]:
    """Every table with its columns, keys, indexes, and every view, trigger and virtual table with its text."""
    inspector = sa.inspect(engine)
    tables = {
        name: {
            "columns": sorted(
                (one["name"], repr(one["type"]), one["nullable"], str(one["default"]), one.get("primary_key") or 0)
                for one in inspector.get_columns(name)
            ),
            "keys": inspector.get_pk_constraint(name)["constrained_columns"],
            "foreign": [
                (one["constrained_columns"], one["referred_table"], one["options"])
                for one in inspector.get_foreign_keys(name)
            ],
            "unique": sorted(tuple(one["column_names"]) for one in inspector.get_unique_constraints(name)),
            "indexes": sorted((str(one["name"]), tuple(one["column_names"])) for one in inspector.get_indexes(name)),
        }
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }
    if engine.dialect.name == "postgresql":
        return tables
    with engine.connect() as connection:
        others = connection.exec_driver_sql(
            "select type, name, sql from sqlite_master where type in ('view', 'trigger') or sql like '%VIRTUAL%'"
        )
        return {**tables, "": sorted((kind, name, " ".join(sql.split())) for kind, name, sql in others)}


def test_a_migrated_database_has_exactly_the_declared_tables(database: sa.Engine, declared: sa.Engine) -> None:
    migrate(database)
    assert shape(database) == shape(declared)


def test_many_that_start_at_once_migrate_once(database: sa.Engine) -> None:
    engines = [open_url(database.url.render_as_string(hide_password=False)) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(migrate, engines))
    for engine in engines:
        assert schema_version(engine) == HEAD
        engine.dispose()


def test_a_migration_that_fails_leaves_nothing(database: sa.Engine) -> None:
    with database.begin() as connection:
        # It stands in the way of the second migration.
        connection.exec_driver_sql("create table other (x integer)")
        connection.exec_driver_sql("create index runs_wake on other (x)")
    with pytest.raises(sa.exc.DBAPIError, match="already exists"):
        migrate(database)
    assert sa.inspect(database).get_table_names() == ["other"]


def test_head_is_the_newest_script() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_migrating_twice_changes_nothing(database: sa.Engine) -> None:
    migrate(database)
    before = shape(database)
    migrate(database)
    assert shape(database) == before
    assert schema_version(database) == HEAD


def test_results_written_before_say_which_payload_they_refer_to(database: sa.Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    results = {
        "large": '{"path": "large", "status": "succeeded", "blob": "abc"}',
        "small": '{"path": "small", "status": "succeeded", "output": {"blob": "no\\u0000ne"}}',
        "plain": '{"path": "plain", "status": "succeeded", "output": 1}',
    }
    with database.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        run = "insert into runs (id, owner, task, status, created) values ('r', 'a/b', '{}', 'succeeded', '2026')"
        connection.execute(sa.text(run))
        step = sa.text(
            "insert into steps (run, path, seq, status, result) values ('r', :path, 1, 'succeeded', :result)"
        )
        connection.execute(step, [{"path": path, "result": text} for path, text in results.items()])
    migrate(database)
    with database.connect() as connection:
        found = connection.execute(sa.text("select path, blob from steps order by path")).all()
    assert [tuple(row) for row in found] == [("large", "abc"), ("plain", None), ("small", None)]


def test_a_run_that_was_delayed_before_is_known_to_be_so(database: sa.Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    make_tables(database)
    with database.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
        run = sa.text(
            "insert into runs (id, owner, task, status, created, generation) "
            "values (:run, 'a/b', '{}', 'queued', '2026', 3)"
        )
        workflow = Statement(
            "insert into {workflow_status} (workflow_uuid, status, delay_until_epoch_ms) "
            "values (:workflow, :status, 1500)"
        ).on(connection)
        for name, status in (("r0", "DELAYED"), ("r1", "ENQUEUED")):
            connection.execute(run, {"run": name})
            connection.execute(workflow, {"workflow": f"{name}:g3", "status": status})
    migrate(database)
    with database.connect() as connection:
        found = connection.execute(sa.text("select id, not_before from runs order by id")).all()
    assert [tuple(row) for row in found] == [("r0", "1970-01-01T00:00:01.500Z"), ("r1", None)]


def test_an_empty_database_has_no_version(database: sa.Engine) -> None:
    assert schema_version(database) is None


def test_a_database_of_a_newer_version_is_refused_with_the_remedy(database: sa.Engine) -> None:
    migrate(database)
    with database.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    with pytest.raises(DatabaseDamaged, match="schema 9999, which this version does not know; update Kapelle"):
        migrate(database)


@pytest.mark.parametrize("kind", ["table", "view"])
def test_a_database_of_another_program_is_refused_and_left_as_it_is(database: sa.Engine, kind: str) -> None:
    make = "create table runs (id integer primary key, distance real)"
    with database.begin() as connection:
        connection.execute(sa.text(make if kind == "table" else "create view runs as select 1 as id"))
    before = sa.inspect(database).get_table_names()
    with pytest.raises(SettingsError, match=r"belongs to something else .a table `runs`.*KAPELLE_DATABASE_URL") as told:
        migrate(database)
    assert "CREATE" not in str(told.value)
    assert told.value.exit_code == 2
    assert sa.inspect(database).get_table_names() == before


def test_a_database_of_another_program_may_be_shared_where_no_name_is_taken(database: sa.Engine) -> None:
    with database.begin() as connection:
        connection.execute(sa.text("create table races (id integer primary key)"))
    migrate(database)
    assert schema_version(database) == HEAD


def test_a_file_that_is_no_database_is_refused_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "kapelle.db"
    file.write_bytes(b"this is no database, it is a letter to my aunt" * 40)
    engine = open_engine(load_settings(home=tmp_path))
    with pytest.raises(DatabaseDamaged, match="KAPELLE_DATABASE_URL"):
        migrate(engine)
    engine.dispose()
    assert file.read_bytes().startswith(b"this is no database")


def test_a_collection_of_before_contexts_is_found_by_them_after(tmp_path: Path) -> None:
    engine = open_engine(load_settings(home=tmp_path))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        for statement in (
            "insert into evidence_collections (id, owner, name, generation, passages) values (1, 'a/b', 'rules', 1, 1)",
            "insert into evidence_metas (id, collection, digest, meta) values (1, 1, x'00', '{}')",
            "insert into evidence_live (owner, collection, source, sha256) values ('a/b', 'rules', 'r.md', 's')",
            "insert into evidence_passages (collection, id, document, source, sha256, start_char, end_char, header, "
            "section, text, meta, digest) values (1, 'p', 'd', 'r.md', 's', 0, 9, 'Rules', 'Part', 'Daily.', 1, x'00')",
            "create view evidence_words_1 as select number, header, section, coalesce(visible, text) as body "
            "from evidence_passages where collection = 1",
            "create virtual table evidence_fts_1 using fts5(header, section, body, content='evidence_words_1', "
            "content_rowid='number', tokenize='porter unicode61 remove_diacritics 2')",
            "insert into evidence_fts_1 (evidence_fts_1) values ('rebuild')",
        ):
            connection.exec_driver_sql(statement)
    migrate(engine)
    index = SqliteIndex(engine)
    whole = "insert into evidence_fts_1 (evidence_fts_1, rank) values ('integrity-check', 1)"
    for context, found in (("Of Ulm.", 1), ("", 0)):
        assert index.put_contexts("rules", "r.md", "s", {"p": context}, owner="a/b")
        assert len(index.search("rules", "Ulm", owner="a/b")) == found
        assert len(index.search("rules", "part daily", owner="a/b")) == 1
        with engine.begin() as connection:
            connection.exec_driver_sql(whole)
    engine.dispose()
