"""Approvals of runs in memory: the same rules as in the database, on Python objects."""

from datetime import datetime

from pydantic import JsonValue

from kapelle import clock
from kapelle.errors import AlreadyDecided
from kapelle.ids import new_id
from kapelle.run.approvals.approval import (
    WITHDRAWN,
    ApprovalRecord,
    ApprovalRequest,
    AuditEntry,
    Verdict,
    due_of,
    objection,
    opened,
    shown,
)
from kapelle.run.memory import MemoryRun
from kapelle.run.model import Event, EventKind


def put(run: MemoryRun, request: ApprovalRequest) -> None:
    """Ask a question; one that stands already is left as it is."""
    if request.id not in run.approvals:
        record = run.approvals[request.id] = opened(request, run.record.owner)
        _note(run, record, "requested", request.created, shown(record))


def decide(run: MemoryRun, verdict: Verdict) -> ApprovalRecord:
    """Decide a question of a run.

    Raises:
        Refused: the decision does not count; the message says why.
    """
    ended = run.record.ended_already
    if not ended:
        attend(run, verdict.at)
    record = run.approvals[verdict.approval]
    error = objection(record, verdict, ended=ended)
    if error is not None:
        what = "lost" if isinstance(error, AlreadyDecided) else "refused"
        _note(run, record, what, verdict.at, {"decision": verdict.decision, "why": str(error)}, verdict.by)
        raise error
    given = {"decision": verdict.decision, "by": verdict.by, "at": verdict.at, "reason": verdict.reason}
    decided = record.model_copy(update={**given, "edited": verdict.arguments, "warn_at": None})
    _settle(run, decided)
    return decided


def attend(run: MemoryRun, now: datetime) -> bool:
    """Warn, escalate or reject what is due; whether anything was."""
    before = len(run.audit)
    for record in list(run.approvals.values()):
        while not run.record.ended_already and (due := due_of(run.approvals[record.id], now)) is not None:
            after = due.record
            if due.what == "expired":
                _settle(run, after)
                continue
            run.approvals[record.id] = after
            data: dict[str, JsonValue] = {"role": after.role, "expires_at": clock.to_iso(after.expires_at)}
            _note(run, after, due.what, now, data)
            kind: EventKind = "approval.expiring" if due.what == "warned" else "approval.requested"
            _tell(run, after, kind, now, {"approval": after.id, "action": after.action, **data})
    return len(run.audit) > before


def withdraw(run: MemoryRun, ids: list[str], why: str) -> None:
    """Close open questions that nobody waits for any more."""
    now = clock.now()
    for id in ids:
        record = run.approvals[id]
        if record.decision is None:
            update = {"decision": "rejected", "by": WITHDRAWN, "at": now, "reason": why, "warn_at": None}
            run.approvals[id] = record.model_copy(update=update)
            _note(run, record, "withdrawn", now, {"why": why})


def _settle(run: MemoryRun, record: ApprovalRecord) -> None:
    assert record.at is not None
    run.approvals[record.id] = record
    data: dict[str, JsonValue] = {"decision": record.decision, "reason": record.reason, "hash": record.arguments_hash}
    if record.edited is not None:
        data["edited"] = record.edited
    _note(run, record, "decided", record.at, {**data, "role": record.role}, record.by)
    about: dict[str, JsonValue] = {"approval": record.id, "decision": record.decision, "by": record.by}
    _tell(run, record, "approval.decided", record.at, about)


def _note(
    run: MemoryRun, record: ApprovalRecord, what: str, at: datetime, data: dict[str, JsonValue], by: str | None = None
) -> None:
    given = {"id": new_id("aud"), "approval": record.id, "run": record.run, "at": at, "what": what, "by": by}
    run.audit.append(AuditEntry.model_validate({**given, "data": data}))


def _tell(run: MemoryRun, record: ApprovalRecord, kind: EventKind, at: datetime, data: dict[str, JsonValue]) -> None:
    run.events.append(Event(run=record.run, seq=len(run.events) + 1, at=at, path=record.path, kind=kind, data=data))
