"""Bring the database to the present schema, one process at a time."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from kapelle.errors import DatabaseDamaged
from kapelle.store.dialect import Statement
from kapelle.store.faults import translated, where
from kapelle.store.version import HEAD, schema_version

MIGRATIONS = Path(__file__).parent / "migrations"
# Held to the end of the transaction, by one process at a time; the number is ours alone.
_LOCK = Statement("begin immediate", postgres="select pg_advisory_xact_lock(7235441)")


def migrate(engine: sa.Engine) -> None:
    """Apply what is missing, all of it or nothing.

    Raises:
        DatabaseDamaged: the file is no database, or of a newer Kapelle.
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
            f"the database `{where(engine)}` has schema {current}, which this version does not know; update Kapelle"
        )
    with translated(engine), engine.connect() as connection:
        # The lock comes before Alembic reads the version: two processes started at once migrate once.
        connection.execute(_LOCK.on(connection))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
