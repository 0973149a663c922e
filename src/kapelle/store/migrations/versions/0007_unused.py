"""Since when a text or a vector has been found unused, so that it may go after a while; passages counted again."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column to both tables, and an index of the few rows that have something there.

    A collection that was copied into a SQLite file counted no passage.
    """
    for table in ("evidence_documents", "evidence_vectors"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN unused_since TEXT")
        op.execute(f"CREATE INDEX {table}_unused ON {table} (unused_since) WHERE unused_since IS NOT NULL")
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "UPDATE evidence_collections SET passages = "
            "(SELECT count(*) FROM evidence_passages p WHERE p.collection = evidence_collections.id)"
        )
