"""Tell in a line whether a database is in order."""

import sqlalchemy as sa

from kapelle.store.dialect import POSTGRES
from kapelle.store.faults import translated, where

OLDEST = 14
"""The oldest Postgres that is still maintained."""


def examine(engine: sa.Engine) -> tuple[bool, str]:
    """Whether the database can be used, and what it is or what is wrong with it.

    Raises:
        StoreUnavailable, DatabaseDamaged, SettingsError: it cannot be asked.
    """
    with translated(engine), engine.connect() as connection:
        if engine.dialect.name != POSTGRES.name:
            state = str(connection.execute(sa.text("pragma quick_check")).scalar())
            return state == "ok", f"{where(engine)}: {state}"
        server = connection.execute(_SERVER).one()
    name = f"{where(engine)}: PostgreSQL {server.version}"
    if server.number < OLDEST * 10_000:
        return False, f"{name} is older than {OLDEST}; update it"
    if server.standby:
        return False, f"{name} is a standby and cannot be written; name the primary in KAPELLE_DATABASE_URL"
    if server.commit == "off":
        return False, f"{name} does not wait for the disk; set `synchronous_commit` to on"
    return True, name


_SERVER = sa.text(
    "select current_setting('server_version') as version, current_setting('server_version_num')::integer as number, "
    "pg_is_in_recovery() as standby, current_setting('synchronous_commit') as commit"
)
