"""Many processes: queues and waiting in the run's row, spread items, the journal, audited approvals, notifications,
sessions, text as it is written."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what 0001 had not."""
    _add_columns()
    _make_tables_of_runs()
    _make_tables_of_people()
    _name_payloads()


def _add_columns() -> None:
    op.add_column("runs", sa.Column("queue", sa.Text()))
    op.add_column("runs", sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("wake_at", sa.Text()))
    op.add_column("runs", sa.Column("stuck", sa.Text()))
    op.add_column("runs", sa.Column("session", sa.Text()))
    op.add_column("runs", sa.Column("purged", sa.Text()))
    op.create_index("runs_open", "runs", ["status", "parked"])
    op.create_index("runs_wake", "runs", ["wake_at"])
    op.add_column("steps", sa.Column("superseded", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("steps", sa.Column("blob", sa.Text()))
    there = sa.text("blob is not null")
    op.create_index("steps_blob", "steps", ["blob"], sqlite_where=there, postgresql_where=there)
    op.create_index("run_evidence_text", "run_evidence", ["source", "sha256"])
    op.add_column("leases", sa.Column("queues", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("approvals", sa.Column("level", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("approvals", sa.Column("warn_at", sa.Text()))
    op.create_index("approvals_due", "approvals", ["decision", "expires_at"])
    op.create_index("approvals_warn", "approvals", ["warn_at"])


def _name_payloads() -> None:
    """Say beside a result which payload it refers to, as its own JSON does."""
    connection = op.get_bind()
    found = connection.execute(
        sa.text('select run, path, revision, result from steps where result like \'%"blob": "%\'')
    )
    for run, path, revision, result in found.all():
        blob = json.loads(result).get("blob")
        if isinstance(blob, str):
            connection.execute(
                sa.text("update steps set blob = :blob where run = :run and path = :path and revision = :revision"),
                {"blob": blob, "run": run, "path": path, "revision": revision},
            )


def _make_tables_of_runs() -> None:
    op.create_table(
        "parts",
        sa.Column("run", sa.Text(), sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("executor", sa.Text()),
        sa.PrimaryKeyConstraint("run", "path", "number"),
    )
    op.create_index("parts_status", "parts", ["status"])
    op.create_table(
        "journal",
        sa.Column("run", sa.Text(), sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.Text(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run", "path", "revision", "call"),
    )
    op.create_table(
        "rings",
        sa.Column("n", sa.Integer(), primary_key=True),
        sa.Column("topic", sa.Text(), nullable=False),
    )
    op.create_table(
        "deltas",
        sa.Column("run", sa.Text(), sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("execution", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run", "path", "execution", "n"),
    )
    op.create_table(
        "writers",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )


def _make_tables_of_people() -> None:
    op.create_table(
        "approval_audit",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("approval", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("by", sa.Text()),
        sa.Column("data", sa.Text(), nullable=False, server_default="{}"),
    )
    op.create_index("approval_audit_owner", "approval_audit", ["owner", "at"])
    op.create_index("approval_audit_approval", "approval_audit", ["approval", "at"])
    op.create_table(
        "outbox",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("approval", sa.Text()),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("next_at", sa.Text()),
        sa.Column("delivered_at", sa.Text()),
        sa.Column("error", sa.Text()),
    )
    op.create_index("outbox_due", "outbox", ["next_at"])
    op.create_table(
        "sessions",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created", sa.Text(), nullable=False),
        sa.Column("updated", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("owner", "id"),
    )
    op.create_index("sessions_expires", "sessions", ["expires_at"])
    op.create_table(
        "session_turns",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("run", sa.Text()),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "session", "n"),
        sa.ForeignKeyConstraint(["owner", "session"], ["sessions.owner", "sessions.id"], ondelete="CASCADE"),
    )
