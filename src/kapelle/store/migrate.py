"""Bring the database to the present schema, one process at a time."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from kapelle.errors import DatabaseDamaged, SettingsError
from kapelle.store.dialect import Statement
from kapelle.store.faults import translated, where
from kapelle.store.tables import metadata
from kapelle.store.version import HEAD, schema_version

MIGRATIONS = Path(__file__).parent / "migrations"
# Held to the end of the transaction, by one process at a time; the number is ours alone.
_LOCK = Statement("begin immediate", postgres="select pg_advisory_xact_lock(7235441)")


def migrate(engine: sa.Engine) -> None:
    """Apply what is missing, all of it or nothing.

    Raises:
        DatabaseDamaged: the file is no database, or of a newer Kapelle.
        SettingsError: it belongs to another program.
        StoreUnavailable: it cannot be written now.
    """
    current = schema_version(engine)
    if current == HEAD:
        return
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise DatabaseDamaged(
            f"the database `{where(engine)}` has schema {current}, which this version does not know; update Kapelle, "
            "or name another database (`KAPELLE_DATABASE_URL`) if this one belongs to another program"
        )
    with translated(engine), engine.connect() as connection:
        # The lock comes before Alembic reads the version: two processes started at once migrate once.
        connection.execute(_LOCK.on(connection))
        # Behind the lock: before it, the tables may be those of a process that migrates at this moment.
        if taken := _taken(connection):
            raise SettingsError(
                f"the database `{where(engine)}` belongs to something else (a table `{taken}`, and no schema version "
                "of Kapelle's); name another file or database by `KAPELLE_DATABASE_URL`"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def _taken(connection: sa.Connection) -> str | None:
    """A table or view of a name of ours in a database that has no version; None: there is room."""
    inspector = sa.inspect(connection)
    if inspector.has_table("alembic_version"):
        return None
    there = {*inspector.get_table_names(), *inspector.get_view_names()}
    return next((name for name in sorted(there) if name.lower() in metadata.tables), None)
