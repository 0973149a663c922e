"""The outbox: a notification is written in the transaction that makes it true, and delivered afterwards."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa
from pydantic import JsonValue

from kapelle import clock
from kapelle.ids import new_id
from kapelle.run.approvals.approval import ApprovalRecord
from kapelle.store.tables import outbox
from kapelle.telemetry.redact import redact

Happened = Literal["requested", "expiring", "escalated", "decided"]
CLAIM = 60.0
"""Seconds for which a delivery under way is left alone by other processes."""
FIRST, LONGEST, ENOUGH = 5.0, 3_600.0, 86_400.0
"""Seconds before the second try, between two tries at most, and after which nobody tries any more."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One message as it is sent, each time with the same id and body."""

    id: str
    body: str
    attempts: int
    """How often it was tried, this time included."""
    created: datetime


def put(connection: sa.Connection, record: ApprovalRecord, what: Happened, at: datetime) -> None:
    """Write a notification, where somebody is to be told."""
    if not record.notify:
        return
    data = record.model_dump(mode="json", exclude={"owner", "notify", "seconds", "warn_share", "warn_at"})
    about: dict[str, JsonValue] = {**data, "role": record.role, "arguments_hash": record.arguments_hash}
    body = {"type": f"approval.{what}", "timestamp": clock.to_iso(at), "data": redact(about)}
    row = {
        "id": new_id("msg"),
        "owner": record.owner,
        "run": record.run,
        "approval": record.id,
        "body": json.dumps(body, ensure_ascii=False),
        "created": clock.to_iso(at),
        "next_at": clock.to_iso(at),
    }
    connection.execute(sa.insert(outbox), row)


def claim(connection: sa.Connection, now: datetime, *, limit: int = 20) -> list[Notification]:
    """Take what is due, so that no other process sends it at the same time; one that dies gives it back by time."""
    table = outbox
    due = sa.select(table.c.id).where(table.c.next_at <= clock.to_iso(now)).order_by(table.c.next_at).limit(limit)
    if connection.dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True)
    later = clock.to_iso(now + timedelta(seconds=CLAIM))
    taken = (
        sa.update(table)
        .where(table.c.id.in_(due))
        .values(attempts=table.c.attempts + 1, next_at=later)
        .returning(table.c.id, table.c.body, table.c.attempts, table.c.created)
    )
    found = connection.execute(taken).all()
    return [Notification(row.id, row.body, row.attempts, clock.parse_time(row.created)) for row in found]


def delivered(connection: sa.Connection, message: Notification, now: datetime) -> None:
    """The other side has it."""
    values = {"delivered_at": clock.to_iso(now), "next_at": None, "error": None}
    connection.execute(sa.update(outbox).where(outbox.c.id == message.id).values(**values))


def failed(connection: sa.Connection, message: Notification, now: datetime, error: str) -> bool:
    """The other side has not taken it: it is sent again later, unless it is a day old; whether it is given up."""
    pause = min(FIRST * 2 ** min(message.attempts - 1, 20), LONGEST)
    next_at = now + timedelta(seconds=pause)
    over = next_at > message.created + timedelta(seconds=ENOUGH)
    values = {"next_at": None if over else clock.to_iso(next_at), "error": error[:500]}
    connection.execute(sa.update(outbox).where(outbox.c.id == message.id).values(**values))
    return over


def is_due(connection: sa.Connection, now: datetime) -> bool:
    """Whether there is anything to send; one look into an index."""
    statement = sa.select(outbox.c.id).where(outbox.c.next_at <= clock.to_iso(now)).limit(1)
    return connection.execute(statement).first() is not None
