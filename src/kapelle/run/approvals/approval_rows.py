"""The statements that ask, decide and read approvals, with their history. Every query is scoped by the owner.

Whoever changes an approval holds its run's row first: a decision, an expiry and the walk that parks follow one another.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import JsonValue

from kapelle import clock
from kapelle.errors import AlreadyDecided, KapelleError, UnknownVersion
from kapelle.ids import new_id
from kapelle.run.approvals import outbox
from kapelle.run.approvals.approval import (
    WITHDRAWN,
    ApprovalRecord,
    ApprovalRequest,
    AuditEntry,
    Due,
    Verdict,
    due_of,
    no_such,
    objection,
    opened,
    shown,
)
from kapelle.run.lift import read_request, stored_request
from kapelle.run.model import ENDED
from kapelle.store.tables import approval_audit, approvals, events, runs
from kapelle.telemetry.redact import redact

_PUT = sa.text(
    "insert into approvals (id, owner, run, path, request, arguments_hash, created, expires_at, warn_at) values "
    "(:id, :owner, :run, :path, :request, :arguments_hash, :created, :expires_at, :warn_at) on conflict (id) do nothing"
)
_DECIDE = sa.text(
    "update approvals set decision = :decision, decided_by = :by, decided_at = :at, reason = :reason, "
    "arguments = :arguments, warn_at = null where id = :id and decision is null and arguments_hash = :hash"
)
_MOVE = sa.text(
    "update approvals set level = :level, expires_at = :expires_at, warn_at = :warn_at "
    "where id = :id and decision is null"
)
_LOCK = sa.text("update runs set seq = seq where id = (select run from approvals where id = :id) returning status")


def put(connection: sa.Connection, request: ApprovalRequest, owner: str) -> None:
    """Ask a question; one that stands already is left as it is."""
    record = opened(request, owner)
    row = {
        "id": request.id,
        "owner": owner,
        "run": request.run,
        "path": request.path,
        "request": stored_request(request),
        "arguments_hash": request.arguments_hash,
        "created": clock.to_iso(request.created),
        "expires_at": clock.to_iso(request.expires_at),
        "warn_at": _iso(record.warn_at),
    }
    if connection.execute(_PUT, row).rowcount == 1:
        _note(connection, record, "requested", at=request.created, data=shown(record))
        outbox.put(connection, record, "requested", request.created)


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a decision."""

    record: ApprovalRecord | None
    """The question as it stands now; None: there is no such."""
    settled: bool = False
    """It was settled in this transaction, in which the caller wakes its run."""
    error: KapelleError | None = None
    """Why the decision does not count; to be raised when the transaction is over, for the history keeps the try."""


def decide(connection: sa.Connection, verdict: Verdict) -> Decided:
    """Decide a question if it is open: one compare-and-set, its event and its line of history in one transaction."""
    status = connection.execute(_LOCK, {"id": verdict.approval}).scalar()
    found = find(connection, owner=verdict.owner, id=verdict.approval)
    if not found:
        return Decided(None, error=no_such(verdict.approval))
    record = settle_due(connection, found[0], verdict.at) if status not in ENDED else found[0]
    error = objection(record, verdict, ended=status in ENDED)
    if error is not None:
        what = "lost" if isinstance(error, AlreadyDecided) else "refused"
        data: dict[str, JsonValue] = {"decision": verdict.decision, "why": str(error), "reason": verdict.reason}
        _note(connection, record, what, at=verdict.at, by=verdict.by, data=data)
        return Decided(record, settled=record.decision is not None and found[0].decision is None, error=error)
    given = {"decision": verdict.decision, "by": verdict.by, "at": verdict.at, "reason": verdict.reason}
    decided = record.model_copy(update={**given, "edited": verdict.arguments, "warn_at": None})
    _settle(connection, decided)
    return Decided(decided, settled=True)


def settle_due(connection: sa.Connection, record: ApprovalRecord, now: datetime) -> ApprovalRecord:
    """Write down what time has made of a question; it as it is then. The caller holds its run's row."""
    while (due := due_of(record, now)) is not None:
        _apply(connection, due, now)
        record = due.record
    return record


def _apply(connection: sa.Connection, due: Due, now: datetime) -> None:
    record = due.record
    if due.what == "expired":
        _settle(connection, record)
        return
    given = {"id": record.id, "level": record.level, "expires_at": clock.to_iso(record.expires_at)}
    connection.execute(_MOVE, {**given, "warn_at": _iso(record.warn_at)})
    data: dict[str, JsonValue] = {"role": record.role, "expires_at": clock.to_iso(record.expires_at)}
    _note(connection, record, due.what, at=now, data=data)
    outbox.put(connection, record, "expiring" if due.what == "warned" else "escalated", now)
    kind = "approval.expiring" if due.what == "warned" else "approval.requested"
    _tell(connection, record, kind, now, {"approval": record.id, "action": record.action, **data})


def _settle(connection: sa.Connection, record: ApprovalRecord) -> None:
    assert record.at is not None
    given = {
        "id": record.id,
        "hash": record.arguments_hash,
        "decision": record.decision,
        "by": record.by,
        "at": clock.to_iso(record.at),
        "reason": record.reason,
        "arguments": None if record.edited is None else json.dumps(record.edited),
    }
    connection.execute(_DECIDE, given)
    data: dict[str, JsonValue] = {"decision": record.decision, "reason": record.reason, "hash": record.arguments_hash}
    if record.edited is not None:
        data["edited"] = record.edited
    _note(connection, record, "decided", at=record.at, by=record.by, data={**data, "role": record.role})
    outbox.put(connection, record, "decided", record.at)
    about: dict[str, JsonValue] = {"approval": record.id, "decision": record.decision, "by": record.by}
    _tell(connection, record, "approval.decided", record.at, about)


def withdraw(connection: sa.Connection, found: Sequence[ApprovalRecord], now: datetime, *, why: str) -> None:
    """Close open questions that nobody waits for any more, without an event: they can be decided no longer."""
    for record in found:
        given = {"id": record.id, "hash": record.arguments_hash, "decision": "rejected", "by": WITHDRAWN}
        rest = {"at": clock.to_iso(now), "reason": why, "arguments": None}
        if connection.execute(_DECIDE, {**given, **rest}).rowcount == 1:
            _note(connection, record, "withdrawn", at=now, data={"why": why})


def find(
    connection: sa.Connection,
    *,
    owner: str,
    run: str | None = None,
    id: str | None = None,
    path: str | None = None,
    pending: bool = False,
) -> list[ApprovalRecord]:
    """The questions of an owner, oldest first; a pending one is undecided, and its run goes on."""
    table = approvals
    statement = sa.select(table).where(table.c.owner == owner).order_by(table.c.created, table.c.id)
    for column, value in ((table.c.run, run), (table.c.id, id), (table.c.path, path)):
        if value is not None:
            statement = statement.where(column == value)
    if pending:
        going_on = sa.select(runs.c.id).where(runs.c.id == table.c.run, runs.c.status.not_in(sorted(ENDED)))
        statement = statement.where(table.c.decision.is_(None), going_on.exists())
    return [record_of(dict(row)) for row in connection.execute(statement).mappings()]


def decided_of(connection: sa.Connection, run: str, refs: Sequence[str]) -> bool:
    """Whether one of the given references (`approval:ID`) of a run is decided."""
    ids = [ref.removeprefix("approval:") for ref in refs if ref.startswith("approval:")]
    table = approvals
    statement = sa.select(table.c.id).where(table.c.run == run, table.c.id.in_(ids), table.c.decision.is_not(None))
    return bool(ids) and connection.execute(statement.limit(1)).first() is not None


def record_of(row: dict[str, Any]) -> ApprovalRecord:  # Any: column values of several types
    """A question as its row says."""
    try:
        request, unreadable = read_request(row["request"]), ""
    except UnknownVersion as error:  # one such question must not hide the others
        request, unreadable = _unread(row), str(error)
    return ApprovalRecord(
        **{**dict(request), "expires_at": _time(row["expires_at"])},
        unreadable=unreadable,
        owner=row["owner"],
        level=row["level"],
        warn_at=_time(row["warn_at"]),
        decision=row["decision"],
        edited=json.loads(row["arguments"]) if row["arguments"] else None,
        by=row["decided_by"],
        at=_time(row["decided_at"]),
        reason=row["reason"],
    )


def _unread(row: dict[str, Any]) -> ApprovalRequest:  # Any: as above
    """What is known of a question that this version cannot read."""
    created, expires_at = clock.parse_time(row["created"]), clock.parse_time(row["expires_at"])
    action = "(this version cannot read it)"
    about = {"id": row["id"], "run": row["run"], "path": row["path"]}
    return ApprovalRequest(**about, action=action, created=created, expires_at=expires_at)


def history(
    connection: sa.Connection, *, owner: str, approval: str | None = None, run: str | None = None, limit: int = 1_000
) -> list[AuditEntry]:
    """The newest lines of an owner's history, oldest first."""
    table = approval_audit
    statement = sa.select(table).where(table.c.owner == owner).order_by(table.c.at.desc(), table.c.id.desc())
    if approval is not None:
        statement = statement.where(table.c.approval == approval)
    if run is not None:
        statement = statement.where(table.c.run == run)
    found = connection.execute(statement.limit(limit)).mappings().all()
    return [
        AuditEntry.model_validate({**row, "at": clock.parse_time(row["at"]), "data": json.loads(row["data"])})
        for row in reversed(found)
    ]


def _note(
    connection: sa.Connection,
    record: ApprovalRecord,
    what: str,
    *,
    at: datetime,
    data: dict[str, JsonValue],
    by: str | None = None,
) -> None:
    row = {"id": _next_line(), "owner": record.owner, "approval": record.id, "run": record.run, "what": what}
    text = json.dumps(redact(data), ensure_ascii=False)
    connection.execute(sa.insert(approval_audit), {**row, "at": clock.to_iso(at), "by": by, "data": text})


_last_line = ""


def _next_line() -> str:
    """An id behind every former one of this process: lines of one transaction have one time, and an order."""
    global _last_line
    made = new_id("aud")
    while made <= _last_line:  # at most until the next millisecond
        made = new_id("aud")
    _last_line = made
    return made


def _tell(
    connection: sa.Connection, record: ApprovalRecord, kind: str, at: datetime, data: dict[str, JsonValue]
) -> None:
    seq = connection.execute(sa.text("update runs set seq = seq + 1 where id = :id returning seq"), {"id": record.run})
    event = {"run": record.run, "seq": seq.scalar(), "at": clock.to_iso(at), "path": record.path, "kind": kind}
    connection.execute(sa.insert(events), {**event, "data": json.dumps(redact(data), ensure_ascii=False)})


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else clock.to_iso(moment)


def _time(text: str | None) -> datetime | None:
    return None if text is None else clock.parse_time(text)
