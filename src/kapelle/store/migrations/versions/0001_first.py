"""The first schema: runs, steps, events, approvals, leases, blobs, texts, evidence."""

from alembic import op

from kapelle.store.tables import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    metadata.create_all(op.get_bind())
