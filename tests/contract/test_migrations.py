"""The migrations make exactly the tables that the code declares, and refuse what they do not know."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from kapelle.errors import DatabaseDamaged
from kapelle.evidence.tables_sqlite import DDL
from kapelle.settings import load_settings
from kapelle.store.engine import open_engine
from kapelle.store.migrate import MIGRATIONS, migrate
from kapelle.store.tables import metadata
from kapelle.store.version import HEAD, schema_version


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_engine(load_settings(home=tmp_path))
    yield engine
    engine.dispose()


def shape(engine: sa.Engine) -> dict[str, Any]:
    """Every table with its columns, keys, indexes, and every view, trigger and virtual table with its text."""
    inspector = sa.inspect(engine)
    tables = {
        name: {
            "columns": [
                (one["name"], str(one["type"]), one["nullable"], one["default"], one["primary_key"])
                for one in inspector.get_columns(name)
            ],
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
    with engine.connect() as connection:
        others = connection.exec_driver_sql(
            "select type, name, sql from sqlite_master where type in ('view', 'trigger') or sql like '%VIRTUAL%'"
        )
        return {**tables, "": sorted((kind, name, " ".join(sql.split())) for kind, name, sql in others)}


def test_a_migrated_database_has_exactly_the_declared_tables(database: sa.Engine, tmp_path: Path) -> None:
    migrate(database)
    declared = sa.create_engine(f"sqlite:///{tmp_path / 'declared.db'}")
    metadata.create_all(declared)
    with declared.begin() as connection:
        for statement in DDL:
            connection.exec_driver_sql(statement)
    assert shape(database) == shape(declared)
    declared.dispose()


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


def test_an_empty_database_has_no_version(database: sa.Engine) -> None:
    assert schema_version(database) is None


def test_a_database_of_a_newer_version_is_refused_with_the_remedy(database: sa.Engine) -> None:
    migrate(database)
    with database.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    with pytest.raises(DatabaseDamaged, match="schema 9999, which this version does not know; update Kapelle"):
        migrate(database)


def test_a_file_that_is_no_database_is_refused_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "kapelle.db"
    file.write_bytes(b"this is no database, it is a letter to my aunt" * 40)
    engine = open_engine(load_settings(home=tmp_path))
    with pytest.raises(DatabaseDamaged, match="KAPELLE_DATABASE_URL"):
        migrate(engine)
    engine.dispose()
    assert file.read_bytes().startswith(b"this is no database")
