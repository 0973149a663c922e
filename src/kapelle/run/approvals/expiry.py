"""Expiry: what becomes of approvals that nobody decides in time."""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from kapelle import clock
from kapelle.run.approvals import approval_rows
from kapelle.run.approvals.approval import ApprovalRecord
from kapelle.run.model import ENDED
from kapelle.store.tables import approvals

_AT_ONCE = 100
"""Approvals attended to in one transaction; the rest is due at the next look."""


Wake = Callable[[sa.Connection, str, str], None]
"""Told the run and the path of a question that is settled, within the transaction that settles it."""


def is_due(connection: sa.Connection, now: datetime) -> bool:
    """Whether anything is due: two looks into indexes, whatever number is pending."""
    return bool(_due(connection, now, 1))


def attend(connection: sa.Connection, now: datetime, wake: Wake) -> list[ApprovalRecord]:
    """Warn, escalate or reject what is due; the questions as they are then, whose runs have new events.

    To be called again and again, by any number of processes at once.
    """
    attended: list[ApprovalRecord] = []
    # In the order of runs, so that two processes that attend to the same ones wait for each other in one direction.
    for id, run in sorted(_due(connection, now, _AT_ONCE), key=lambda one: (one[1], one[0])):
        status = connection.execute(_LOCK, {"run": run}).scalar()
        row = connection.execute(sa.select(approvals).where(approvals.c.id == id)).mappings().first()
        if row is None or row["decision"] is not None:
            continue
        record = approval_rows.record_of(dict(row))
        if status in ENDED:
            approval_rows.withdraw(connection, [record], now, why="its run has ended")
            continue
        after = approval_rows.settle_due(connection, record, now)
        if after.decision is not None:
            wake(connection, run, after.path)
        attended.append(after)
    return attended


_LOCK = sa.text("update runs set seq = seq where id = :run returning status")


def _due(connection: sa.Connection, now: datetime, limit: int) -> list[tuple[str, str]]:
    at = clock.to_iso(now)
    # Two statements, one index each: with `or` SQLite would read every pending row.
    expired = sa.select(approvals.c.id, approvals.c.run).where(
        approvals.c.decision.is_(None), approvals.c.expires_at <= at
    )
    warned = sa.select(approvals.c.id, approvals.c.run).where(approvals.c.warn_at <= at)
    found = [*connection.execute(expired.limit(limit)), *connection.execute(warned.limit(limit))]
    return list({(str(row.id), str(row.run)) for row in found})
