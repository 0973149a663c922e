"""The statements that read and make a run's rows. Every query is scoped by the owner."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import JsonValue

from kapelle import clock
from kapelle.budget.model import Usage
from kapelle.errors import NotFound
from kapelle.evidence.model import Document
from kapelle.plan.model import Plan
from kapelle.run.approval import ApprovalRecord, ApprovalRequest
from kapelle.run.model import Event, NewEvent, RunRecord, StepFailure, StepResult
from kapelle.store.tables import approvals as approvals_table
from kapelle.store.tables import events as events_table
from kapelle.store.tables import runs
from kapelle.task.model import Task
from kapelle.telemetry.redact import redact_text

PUT_BLOB = sa.text("insert into blobs (owner, sha256, data) values (:owner, :sha256, :data) on conflict do nothing")
PUT_APPROVAL = sa.text(
    "insert into approvals (id, owner, run, path, request, arguments_hash, created, expires_at) "
    "values (:id, :owner, :run, :path, :request, :arguments_hash, :created, :expires_at) on conflict do nothing"
)


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A step's row, and the payload that goes to the blob table when it is large."""

    row: dict[str, object]
    blob: dict[str, object] | None = None


def result_row(run: str, owner: str, result: StepResult, threshold: int) -> ResultRow:
    """Make the row of a result; an output above `threshold` bytes goes to a blob, stored once per content."""
    row = {"run": run, "path": result.path, "revision": result.revision, "status": result.status}
    text = result.model_dump_json(exclude_defaults=True)
    if len(text.encode()) <= threshold:
        return ResultRow({**row, "result": text})
    data = json.dumps(result.output, ensure_ascii=False).encode()
    sha256 = hashlib.sha256(data).hexdigest()
    slim = json.loads(result.model_copy(update={"output": None}).model_dump_json(exclude_defaults=True))
    blob: dict[str, object] = {"owner": owner, "sha256": sha256, "data": data}
    return ResultRow({**row, "result": json.dumps({**slim, "blob": sha256})}, blob)


def results(connection: sa.Connection, run: str, owner: str) -> dict[str, StepResult]:
    """The newest result of every path of a run."""
    statement = sa.text(
        "select s.result from steps s join runs r on r.id = s.run "
        "where s.run = :run and r.owner = :owner order by s.revision, s.seq, s.path"
    )
    found: dict[str, StepResult] = {}
    for (text,) in connection.execute(statement, {"run": run, "owner": owner}):
        fields = json.loads(text)
        sha256 = fields.pop("blob", None)
        if sha256 is not None:
            fields["output"] = read_blob(connection, owner, sha256)
        result = StepResult.model_validate(fields)
        found[result.path] = result
    return found


def read_blob(connection: sa.Connection, owner: str, sha256: str) -> JsonValue:
    """A payload by its content hash."""
    statement = sa.text("select data from blobs where owner = :owner and sha256 = :sha256")
    data: bytes | None = connection.execute(statement, {"owner": owner, "sha256": sha256}).scalar()
    if data is None:
        raise NotFound(f"payload `{sha256[:12]}` is gone; it may have been purged")
    value: JsonValue = json.loads(data)
    return value


def executions(connection: sa.Connection, run: str) -> dict[str, int]:
    """How often each path of a run was entered."""
    statement = sa.text(
        "select path, count(*) from events where run = :run and kind in ('step.started', 'step.restarted') "
        "group by path"
    )
    return {path: int(count) for path, count in connection.execute(statement, {"run": run})}


def texts(connection: sa.Connection, run: str, owner: str) -> dict[tuple[str, str], Document]:
    """The texts that a run's steps read."""
    statement = sa.text(
        "select distinct d.id, d.source, d.sha256, d.title, d.text, d.converted, d.meta from run_evidence e "
        "join evidence_documents d on d.owner = :owner and d.source = e.source and d.sha256 = e.sha256 "
        "where e.run = :run"
    )
    found = connection.execute(statement, {"run": run, "owner": owner}).mappings()
    documents = [Document.model_validate({**row, "meta": json.loads(row["meta"])}) for row in found]
    return {(one.source, one.sha256): one for one in documents}


def insert_run(connection: sa.Connection, record: RunRecord) -> bool:
    """Make a run's row with its plan and its first two events; False when the owner's key is taken."""
    assert record.plan is not None
    statement = sa.text(
        "insert into runs "
        "(id, owner, key, task, plan, status, generation, seq, app, executor, created, schema_version) values "
        "(:id, :owner, :key, :task, :plan, :status, :generation, 2, :app, :executor, :created, 1) "
        "on conflict (owner, key) do nothing"
    )
    row = {
        "plan": record.plan.model_dump_json(by_alias=True),
        "id": record.id,
        "owner": record.owner,
        "key": record.key,
        "task": record.task.model_dump_json(),
        "status": record.status,
        "generation": record.generation,
        "app": record.app,
        "executor": record.executor,
        "created": clock.to_iso(record.created),
    }
    if connection.execute(statement, row).rowcount != 1:
        return False
    first = [
        {"run": record.id, "seq": place + 1, "at": row["created"], "kind": event.kind, "data": json.dumps(event.data)}
        for place, event in enumerate(first_events(record))
    ]
    connection.execute(sa.insert(events_table), first)
    return True


def first_events(record: RunRecord) -> tuple[NewEvent, NewEvent]:
    """What every run begins with."""
    plan = record.plan
    assert plan is not None
    data: dict[str, JsonValue] = {"plan": plan.id, "planner": plan.planner, "steps": len(plan.steps), "why": plan.why}
    prompt = redact_text(record.task.prompt[:200])
    return NewEvent(kind="run.created", data={"prompt": prompt}), NewEvent(kind="run.planned", data=data)


def interrupted(connection: sa.Connection, owner: str, living: set[str]) -> list[RunRecord]:
    """Runs that are under way and whose executor is not among the living; oldest first."""
    found = list_runs(connection, owner, status=("queued", "planning", "running", "verifying"), limit=1_000)
    return [one for one in reversed(found) if one.executor not in living]


def wakes(connection: sa.Connection, record: RunRecord) -> bool:
    """Whether something that a waiting run waits for is settled."""
    refs = (record.waiting_for or "").split(", ")
    now = clock.now()
    dates = [ref.removeprefix("date:") for ref in refs if ref.startswith("date:")]
    return any(clock.parse_time(text) <= now for text in dates) or decided_of(connection, record.id, refs)


def decide(connection: sa.Connection, given: dict[str, object]) -> bool:
    """Decide an approval if nobody has and its run goes on: one compare-and-set, its event written with it."""
    statement = sa.text(
        "update approvals set decision = :decision, decided_by = :by, decided_at = :at, reason = :reason, "
        "arguments = :arguments where id = :id and owner = :owner and decision is null and not exists "
        "(select 1 from runs where runs.id = approvals.run "
        "and runs.status in ('succeeded', 'partial', 'failed', 'cancelled')) returning run, path"
    )
    found = connection.execute(statement, given).first()
    if found is None:
        return False
    seq = connection.execute(sa.text("update runs set seq = seq + 1 where id = :run returning seq"), {"run": found.run})
    data = {"approval": given["id"], "decision": given["decision"], "by": given["by"]}
    event = {"run": found.run, "seq": seq.scalar(), "at": given["at"], "path": found.path, "kind": "approval.decided"}
    connection.execute(sa.insert(events_table), {**event, "data": json.dumps(data)})
    return True


def read_run(connection: sa.Connection, run: str, owner: str) -> RunRecord:
    """One run by its id.

    Raises:
        NotFound: the owner has no such run.
    """
    statement = sa.select(runs).where(runs.c.id == run, runs.c.owner == owner)
    row = connection.execute(statement).mappings().first()
    if row is None:
        raise NotFound(f"there is no run `{run}`; `kapelle runs` lists them")
    return _record(dict(row))


def run_by_key(connection: sa.Connection, key: str, owner: str) -> RunRecord | None:
    """One run by the owner's own key."""
    row = connection.execute(sa.select(runs).where(runs.c.key == key, runs.c.owner == owner)).mappings().first()
    return None if row is None else _record(dict(row))


def list_runs(connection: sa.Connection, owner: str, *, status: Sequence[str] = (), limit: int = 50) -> list[RunRecord]:
    """The newest runs first."""
    statement = sa.select(runs).where(runs.c.owner == owner).order_by(runs.c.created.desc(), runs.c.id.desc())
    if status:
        statement = statement.where(runs.c.status.in_(status))
    return [_record(dict(row)) for row in connection.execute(statement.limit(limit)).mappings()]


def _record(row: dict[str, Any]) -> RunRecord:  # Any: column values of several types
    return RunRecord(
        id=row["id"],
        owner=row["owner"],
        key=row["key"],
        task=Task.model_validate_json(row["task"]),
        plan=Plan.model_validate_json(row["plan"]) if row["plan"] else None,
        status=row["status"],
        waiting_for=row["waiting_for"],
        generation=row["generation"],
        seq=row["seq"],
        app=row["app"],
        executor=row["executor"],
        cancel_requested=bool(row["cancel_requested"]),
        created=clock.parse_time(row["created"]),
        started=_time(row["started"]),
        ended=_time(row["ended"]),
        output=json.loads(row["output"]) if row["output"] else None,
        error=StepFailure.model_validate_json(row["error"]) if row["error"] else None,
        spent=Usage.model_validate_json(row["spent"]) if row["spent"] else Usage(),
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else clock.parse_time(text)


def events(connection: sa.Connection, run: str, *, after: int = 0, limit: int = 10_000) -> list[Event]:
    """Events of a run after a number, in order."""
    statement = (
        sa.select(events_table)
        .where(events_table.c.run == run, events_table.c.seq > after)
        .order_by(events_table.c.seq)
        .limit(limit)
    )
    return [
        Event.model_validate({**row, "at": clock.parse_time(row["at"]), "data": json.loads(row["data"])})
        for row in connection.execute(statement).mappings()
    ]


def approval_row(request: ApprovalRequest, owner: str) -> dict[str, object]:
    """The row of a question."""
    return {
        "id": request.id,
        "owner": owner,
        "run": request.run,
        "path": request.path,
        "request": request.model_dump_json(),
        "arguments_hash": request.arguments_hash,
        "created": clock.to_iso(request.created),
        "expires_at": clock.to_iso(request.expires_at),
    }


def approvals(
    connection: sa.Connection, *, owner: str, run: str | None = None, id: str | None = None, pending: bool = False
) -> list[ApprovalRecord]:
    """The questions of an owner, oldest first."""
    table = approvals_table
    statement = sa.select(table).where(table.c.owner == owner).order_by(table.c.created, table.c.id)
    if run is not None:
        statement = statement.where(table.c.run == run)
    if id is not None:
        statement = statement.where(table.c.id == id)
    if pending:
        statement = statement.where(table.c.decision.is_(None))
    return [_approval(dict(row)) for row in connection.execute(statement).mappings()]


def _approval(row: dict[str, Any]) -> ApprovalRecord:  # Any: column values of several types
    return ApprovalRecord(
        **json.loads(row["request"]),
        owner=row["owner"],
        decision=row["decision"],
        edited=json.loads(row["arguments"]) if row["arguments"] else None,
        by=row["decided_by"],
        at=_time(row["decided_at"]),
        reason=row["reason"],
    )


def decided_of(connection: sa.Connection, run: str, refs: Sequence[str]) -> bool:
    """Whether one of the given references (`approval:ID`) of a run is decided."""
    ids = [ref.removeprefix("approval:") for ref in refs if ref.startswith("approval:")]
    table = approvals_table
    statement = sa.select(sa.func.count()).where(table.c.run == run, table.c.id.in_(ids), table.c.decision.is_not(None))
    return bool(connection.execute(statement).scalar())
