"""When a run that was started with a delay may begin: DBOS knew it alone, and another database has another DBOS."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Where DBOS has it; a database on which nothing was walked yet has none.
_SCHEMA = {"sqlite": None, "postgresql": "dbos"}
_DELAYED = (
    "SELECT r.id, w.delay_until_epoch_ms FROM runs r JOIN {table} w "
    "ON w.workflow_uuid = r.id || '\\:g' || r.generation WHERE w.status = 'DELAYED'"
)


def upgrade() -> None:
    """Add the column, and fill it for the runs whose time has not come."""
    op.execute("ALTER TABLE runs ADD COLUMN not_before TEXT")
    connection = op.get_bind()
    schema = _SCHEMA[connection.dialect.name]
    if not sa.inspect(connection).has_table("workflow_status", schema=schema):
        return
    table = "workflow_status" if schema is None else f"{schema}.workflow_status"
    for run, until in connection.execute(sa.text(_DELAYED.format(table=table))).all():
        at = datetime.fromtimestamp(until / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        connection.execute(sa.text("UPDATE runs SET not_before = :at WHERE id = :run"), {"at": at, "run": run})
