"""The confidence from which a collection's questions are answered."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLE = {
    "sqlite": "CREATE TABLE evidence_thresholds (collection INTEGER PRIMARY KEY, answers_from REAL NOT NULL)",
    "postgresql": "CREATE TABLE evidence_thresholds (collection INTEGER PRIMARY KEY "
    "REFERENCES evidence_collections (id) ON DELETE CASCADE, answers_from DOUBLE PRECISION NOT NULL)",
}


def upgrade() -> None:
    """Add the table."""
    op.execute(_TABLE[op.get_bind().dialect.name])
