"""Tell which schema a database has, without loading Alembic."""

import sqlalchemy as sa

from kapelle.store.faults import translated

HEAD = "0008"
"""The newest migration; a test holds it to the scripts."""


def schema_version(engine: sa.Engine) -> str | None:
    """The migration a database stands at; None for an empty one.

    Raises:
        DatabaseDamaged: the file is no database.
        StoreUnavailable: it cannot be opened now.
    """
    with translated(engine), engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        version: str | None = connection.execute(sa.text("select version_num from alembic_version")).scalar()
        return version
