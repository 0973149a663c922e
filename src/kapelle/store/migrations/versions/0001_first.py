"""The first schema: runs, their steps, events, approvals and evidence; leases; blobs; the search index."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# As evidence/tables_sqlite.py had it then; a migration is history and does not follow the code.
INDEX_SQLITE = (
    """CREATE TABLE IF NOT EXISTS evidence_documents (
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    source TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    converted INTEGER NOT NULL,
    meta TEXT NOT NULL,
    PRIMARY KEY (owner, source, sha256)
)""",
    """CREATE INDEX IF NOT EXISTS evidence_documents_id ON evidence_documents (owner, id)""",
    """CREATE TABLE IF NOT EXISTS evidence_collections (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    generation INTEGER NOT NULL,
    PRIMARY KEY (owner, name)
)""",
    """CREATE TABLE IF NOT EXISTS evidence_live (
    owner TEXT NOT NULL,
    collection TEXT NOT NULL,
    source TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (owner, collection, source)
)""",
    """CREATE TABLE IF NOT EXISTS evidence_passages (
    number INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    document TEXT NOT NULL,
    source TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    start_char INTEGER NOT NULL,
    end_char INTEGER NOT NULL,
    header TEXT NOT NULL,
    section TEXT NOT NULL,
    text TEXT NOT NULL,
    visible TEXT,
    meta TEXT NOT NULL
)""",
    """CREATE INDEX IF NOT EXISTS evidence_passages_source ON evidence_passages (owner, collection, source)""",
    """CREATE VIEW IF NOT EXISTS evidence_words AS
SELECT number, header, section, coalesce(visible, text) AS body FROM evidence_passages""",
    """CREATE VIRTUAL TABLE IF NOT EXISTS evidence_fts USING fts5(
    header, section, body, content='evidence_words', content_rowid='number',
    tokenize='porter unicode61 remove_diacritics 2'
)""",
    """CREATE TRIGGER IF NOT EXISTS evidence_passages_inserted AFTER INSERT ON evidence_passages BEGIN
    INSERT INTO evidence_fts (rowid, header, section, body)
    VALUES (new.number, new.header, new.section, coalesce(new.visible, new.text));
END""",
    """CREATE TRIGGER IF NOT EXISTS evidence_passages_deleted AFTER DELETE ON evidence_passages BEGIN
    INSERT INTO evidence_fts (evidence_fts, rowid, header, section, body)
    VALUES ('delete', old.number, old.header, old.section, coalesce(old.visible, old.text));
END""",
)


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "blobs",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "sha256"),
    )
    op.create_table(
        "leases",
        sa.Column("executor", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("process_started", sa.Text(), nullable=False),
        sa.Column("beat", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("executor"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("waiting_for", sa.Text(), nullable=True),
        sa.Column("parked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("seq", sa.Integer(), server_default="0", nullable=False),
        sa.Column("app", sa.Text(), nullable=True),
        sa.Column("executor", sa.Text(), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created", sa.Text(), nullable=False),
        sa.Column("started", sa.Text(), nullable=True),
        sa.Column("ended", sa.Text(), nullable=True),
        sa.Column("output", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("spent", sa.Text(), nullable=True),
        sa.Column("schema_version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("owner", "key", name="runs_owner_key"),
    )
    op.create_index("runs_owner_created", "runs", ["owner", "created"], unique=False)
    op.create_index("runs_status", "runs", ["status"], unique=False)
    op.create_table(
        "approvals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("arguments_hash", sa.Text(), nullable=False),
        sa.Column("created", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("arguments", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("approvals_pending", "approvals", ["owner", "decision"], unique=False)
    op.create_index("approvals_run", "approvals", ["run"], unique=False)
    op.create_table(
        "events",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("execution", sa.Integer(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "seq"),
    )
    op.create_table(
        "run_evidence",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "path", "source", "sha256"),
    )
    op.create_table(
        "steps",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "path", "revision"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for statement in INDEX_SQLITE:
            op.get_bind().exec_driver_sql(statement)
