"""Every table but the search index's. Statements stay with the capability that owns the rows; each row has an owner,
directly or by its run."""

from collections.abc import Mapping

import sqlalchemy as sa

metadata = sa.MetaData()
TAKEN_BY: Mapping[str, tuple[str, ...]] = {
    "text": ("evidence_documents", "run_evidence"),
    "journal": ("journal",),
    "events": ("events",),
    "approvals": ("approvals", "outbox"),
}
"""Tables of which nothing of a run is left after a purge of a kind, as its `purged` names it."""

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("key", sa.Text),
    sa.Column("task", sa.Text, nullable=False),
    sa.Column("plan", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("waiting_for", sa.Text),
    sa.Column("parked", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("generation", sa.Integer, nullable=False, server_default="1"),
    sa.Column("seq", sa.Integer, nullable=False, server_default="0"),
    sa.Column("app", sa.Text),
    sa.Column("executor", sa.Text),
    sa.Column("cancel_requested", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("started", sa.Text),
    sa.Column("ended", sa.Text),
    sa.Column("output", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("spent", sa.Text),
    sa.Column("schema_version", sa.Integer, nullable=False, server_default="1"),
    # What follows came with 0002.
    sa.Column("queue", sa.Text),
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
    sa.Column("wake_at", sa.Text),
    sa.Column("stuck", sa.Text),
    sa.Column("session", sa.Text),
    # What the retention took, and when, as a JSON object; null: nothing.
    sa.Column("purged", sa.Text),
    # Of a run that was put into its queue with a delay: when it may begin.
    sa.Column("not_before", sa.Text),
    sa.UniqueConstraint("owner", "key", name="runs_owner_key"),
    sa.Index("runs_owner_created", "owner", "created"),
    sa.Index("runs_status", "status"),
    sa.Index("runs_open", "status", "parked"),
    sa.Index("runs_wake", "wake_at"),
)

_REFERS = sa.text("blob is not null")
steps = sa.Table(
    "steps",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True, server_default="0"),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    # A rerun sets it: the row is history, and a walk begins without it.
    sa.Column("superseded", sa.Boolean, nullable=False, server_default=sa.false()),
    # The payload that its result refers to.
    sa.Column("blob", sa.Text),
    sa.Index("steps_blob", "blob", sqlite_where=_REFERS, postgresql_where=_REFERS),
)

# One item of a map that is spread over workers: a dispatch of its own, inside its run.
parts = sa.Table(
    "parts",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("generation", sa.Integer, nullable=False, server_default="1"),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("executor", sa.Text),
    sa.Index("parts_status", "status"),
)

# What a step's own loop has done so far: model responses and tool results, for a re-entry after a crash.
journal = sa.Table(
    "journal",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("call", sa.Text, primary_key=True),
    sa.Column("request_hash", sa.Text, nullable=False),
    sa.Column("entry", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
)

# Text as it is being written: no facts, gone when the step's result is stored.
deltas = sa.Table(
    "deltas",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("execution", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("path", sa.Text),
    sa.Column("execution", sa.Integer),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("data", sa.Text, nullable=False, server_default="{}"),
)

approvals = sa.Table(
    "approvals",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("arguments_hash", sa.Text, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Text, nullable=False),
    sa.Column("decision", sa.Text),
    sa.Column("arguments", sa.Text),
    sa.Column("decided_by", sa.Text),
    sa.Column("decided_at", sa.Text),
    sa.Column("reason", sa.Text),
    # What follows came with 0002.
    sa.Column("level", sa.Integer, nullable=False, server_default="0"),
    sa.Column("warn_at", sa.Text),
    sa.Index("approvals_run", "run"),
    sa.Index("approvals_pending", "owner", "decision"),
    sa.Index("approvals_due", "decision", "expires_at"),
    sa.Index("approvals_warn", "warn_at"),
)

# Append-only; it outlives the run.
approval_audit = sa.Table(
    "approval_audit",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("approval", sa.Text, nullable=False),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("by", sa.Text),
    sa.Column("data", sa.Text, nullable=False, server_default="{}"),
    sa.Index("approval_audit_owner", "owner", "at"),
    sa.Index("approval_audit_approval", "approval", "at"),
)

# Notifications that were decided upon in a transaction and are delivered after it.
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("approval", sa.Text),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_at", sa.Text),
    sa.Column("delivered_at", sa.Text),
    sa.Column("error", sa.Text),
    sa.Index("outbox_due", "next_at"),
)

# Where a database cannot notify (SQLite): what was rung, for the processes that look.
rings = sa.Table(
    "rings",
    metadata,
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("topic", sa.Text, nullable=False),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("updated", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Text, nullable=False),
    sa.Column("schema_version", sa.Integer, nullable=False, server_default="1"),
    sa.Index("sessions_expires", "expires_at"),
)

session_turns = sa.Table(
    "session_turns",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("session", sa.Text, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("run", sa.Text),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["owner", "session"], ["sessions.owner", "sessions.id"], ondelete="CASCADE"),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("executor", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("boot", sa.Text, nullable=False),
    sa.Column("process_started", sa.Text, nullable=False),
    sa.Column("beat", sa.Float, nullable=False),
    # The queues it takes runs from, as a JSON list.
    sa.Column("queues", sa.Text, nullable=False, server_default="[]"),
)

# The last transaction of each writing thread: after a lost connection it says whether a commit took place (Postgres).
writers = sa.Table(
    "writers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)

blobs = sa.Table(
    "blobs",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

run_evidence = sa.Table(
    "run_evidence",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Index("run_evidence_text", "source", "sha256"),
)

# What people say of search results; rows are only added, and the newest of a person on a result counts.
evidence_ratings = sa.Table(
    "evidence_ratings",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("collection", sa.Text, nullable=False),
    sa.Column("query", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    # The passage that was meant; null: the whole document.
    sa.Column("start_char", sa.Integer),
    sa.Column("end_char", sa.Integer),
    sa.Column("vote", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Index("evidence_ratings_collection", "owner", "collection", "at"),
)

# What embedding a collection took, as a Usage in JSON; rows are only added.
evidence_costs = sa.Table(
    "evidence_costs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("collection", sa.Text, nullable=False),
    sa.Column("embedder", sa.Text, nullable=False),
    sa.Column("texts", sa.Integer, nullable=False),
    sa.Column("usage", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Index("evidence_costs_collection", "owner", "collection", "at"),
)
