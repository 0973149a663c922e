"""What people say of search results, and what embedding a collection took."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables."""
    op.create_table(
        "evidence_ratings",
        sa.Column("id", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("owner", "collection", "query", "source")),
        sa.Column("start_char", sa.Integer()),
        sa.Column("end_char", sa.Integer()),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("vote", "by", "at")),
    )
    op.create_table(
        "evidence_costs",
        sa.Column("id", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("owner", "collection", "embedder")),
        sa.Column("texts", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("usage", "at")),
    )
    for table in ("evidence_ratings", "evidence_costs"):
        op.create_index(f"{table}_collection", table, ["owner", "collection", "at"])
