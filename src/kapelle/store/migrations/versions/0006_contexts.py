"""What a model wrote of where passages stand, and which model writes it; on Postgres all of a posting in its index."""

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
    """Add both columns, widen the index. What is indexed of older passages stays: an empty context adds no word."""
    op.execute("ALTER TABLE evidence_passages ADD COLUMN context TEXT NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE evidence_collections ADD COLUMN contexts_by TEXT")
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.execute(
            "ALTER TABLE evidence_words DROP CONSTRAINT evidence_words_pkey, "
            "ADD PRIMARY KEY (collection, stem, passage) INCLUDE (times, length)"
        )
        return
    for collection in connection.exec_driver_sql("SELECT id FROM evidence_collections").scalars().all():
        op.execute(f"DROP VIEW IF EXISTS evidence_words_{collection}")
        op.execute(_VIEW.format(collection=collection))
