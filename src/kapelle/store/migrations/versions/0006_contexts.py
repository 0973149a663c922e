"""What a model wrote of where a passage stands, and which model writes it."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_VIEW = (
    "CREATE VIEW IF NOT EXISTS evidence_words_{collection} AS\n"
    "SELECT number, header, section || ' ' || context AS section, coalesce(visible, text) AS body\n"
    "FROM evidence_passages WHERE collection = {collection}\n"
)


def upgrade() -> None:
    """Add both columns. What is indexed of older passages stays as it is: an empty context adds no word."""
    op.execute("ALTER TABLE evidence_passages ADD COLUMN context TEXT NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE evidence_collections ADD COLUMN contexts_by TEXT")
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    for collection in connection.exec_driver_sql("SELECT id FROM evidence_collections").scalars().all():
        op.execute(f"DROP VIEW IF EXISTS evidence_words_{collection}")
        op.execute(_VIEW.format(collection=collection))
