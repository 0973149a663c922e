"""The statements that read and make a run's rows. Every query is scoped by the owner."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import sqlalchemy as sa
from pydantic import JsonValue

from kapelle import clock
from kapelle.budget.model import Usage
from kapelle.errors import NotFound, UnknownVersion
from kapelle.evidence.model import Document
from kapelle.plan.model import Plan
from kapelle.run.approvals.approval_rows import decided_of
from kapelle.run.checkpoint import Part
from kapelle.run.lift import read_plan, read_result, read_task
from kapelle.run.model import ENDED, Event, NewEvent, RunRecord, StepFailure, StepResult, Stuck
from kapelle.store.dialect import Plain, Statement
from kapelle.store.tables import events as events_table
from kapelle.store.tables import runs
from kapelle.task.model import Task
from kapelle.telemetry.redact import redact_text

PUT_EVENT = Plain(
    "insert into events (run, seq, at, path, execution, kind, data) "
    "values (:run, :seq, :at, :path, :execution, :kind, :data)"
)
PUT_BLOB = sa.text("insert into blobs (owner, sha256, data) values (:owner, :sha256, :data) on conflict do nothing")


Blob: TypeAlias = dict[str, object]
"""The row of a payload."""


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A step's row, its run left out, and the payload that goes to the blob table when it is large."""

    row: dict[str, object]
    blob: Blob | None = None

    @property
    def size(self) -> int:
        """Bytes it comes to, about."""
        data = self.blob["data"] if self.blob else b""
        return len(str(self.row["result"])) + (len(data) if isinstance(data, bytes) else 0)


@dataclass(frozen=True, slots=True)
class Results:
    """The results of a run, and how large they are."""

    results: dict[str, StepResult]
    """The newest of every path."""
    bytes: int


def result_row(owner: str, result: StepResult, threshold: int) -> ResultRow:
    """Make the row of a result; an output above `threshold` bytes goes to a blob, stored once per content."""
    row = {"path": result.path, "revision": result.revision, "status": result.status, "payload": None}
    text = result.model_dump_json(exclude_defaults=True)
    if len(text.encode()) <= threshold:
        return ResultRow({**row, "result": text})
    data = json.dumps(result.output, ensure_ascii=False).encode()
    sha256 = hashlib.sha256(data).hexdigest()
    slim = json.loads(result.model_copy(update={"output": None}).model_dump_json(exclude_defaults=True))
    blob: Blob = {"owner": owner, "sha256": sha256, "data": data}
    return ResultRow({**row, "payload": sha256, "result": json.dumps({**slim, "blob": sha256})}, blob)


def results(connection: sa.Connection, run: str, owner: str, *, part: Part | None = None) -> Results:
    """The newest result of every path of a run; for a part, without those of its map's other items."""
    given: dict[str, object] = {"run": run, "owner": owner}
    if part is not None:
        given |= {"map": part.map + "/", "part": part.prefix}
    found: dict[str, StepResult] = {}
    size = 0
    for (text,) in connection.execute(_RESULTS if part is None else _RESULTS_OF_PART, given):
        size += len(text)
        fields = json.loads(text)
        sha256 = fields.pop("blob", None)
        if sha256 is not None:
            fields["output"] = read_blob(connection, owner, sha256)
        result = read_result(fields)
        found[result.path] = result
    return Results(found, size)


_NEWEST = (
    "select s.result from steps s join runs r on r.id = s.run where s.run = :run and r.owner = :owner "
    "and not s.superseded{narrowed} order by s.revision, s.seq, s.path"
)
_RESULTS = sa.text(_NEWEST.format(narrowed=""))
_RESULTS_OF_PART = sa.text(
    _NEWEST.format(
        narrowed=" and (substr(s.path, 1, length(:map)) <> :map or substr(s.path, 1, length(:part)) = :part)"
    )
)


def parts(connection: sa.Connection, run: str) -> dict[str, bool]:
    """The maps of a run that were spread, and whether every item of them is settled."""
    statement = sa.text(
        "select path, sum(case when status in ('idle', 'queued', 'waiting') then 1 else 0 end) as open "
        "from parts where run = :run and status <> 'local' group by path"
    )
    return {row.path: int(row.open) == 0 for row in connection.execute(statement, {"run": run})}


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


def times(connection: sa.Connection, run: str) -> list[tuple[str, datetime]]:
    """What happened when, in order."""
    statement = sa.text("select kind, at from events where run = :run order by seq")
    return [(row.kind, clock.parse_time(row.at)) for row in connection.execute(statement, {"run": run})]


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
    row = {
        "plan": record.plan.model_dump_json(by_alias=True),
        "id": record.id,
        "owner": record.owner,
        "key": record.key,
        "task": record.task.model_dump_json(),
        "status": record.status,
        "generation": record.generation,
        "app": record.app,
        "queue": record.queue,
        "priority": record.priority,
        "session": record.task.session,
        "executor": record.executor,
        "created": clock.to_iso(record.created),
        "not_before": clock.to_iso(record.not_before) if record.not_before is not None else None,
    }
    if _NEW_RUN.count(connection, row) != 1:
        return False
    about = {"run": record.id, "at": row["created"], "path": None, "execution": None}
    first = [
        {**about, "seq": place + 1, "kind": event.kind, "data": json.dumps(event.data)}
        for place, event in enumerate(first_events(record))
    ]
    PUT_EVENT.many(connection, first)
    return True


_NEW_RUN = Plain(
    "insert into runs "
    "(id, owner, key, task, plan, status, generation, seq, app, queue, priority, session, executor, created, "
    "not_before) "
    "values (:id, :owner, :key, :task, :plan, :status, :generation, 2, :app, :queue, :priority, :session, "
    ":executor, :created, :not_before) "
    "on conflict (owner, key) do nothing"
)


def first_events(record: RunRecord) -> tuple[NewEvent, NewEvent]:
    """What every run begins with."""
    plan = record.plan
    assert plan is not None
    data: dict[str, JsonValue] = {"plan": plan.id, "planner": plan.planner, "steps": len(plan.steps), "why": plan.why}
    prompt = redact_text(record.task.prompt[:200])
    created: dict[str, JsonValue] = {"prompt": prompt}
    if record.forked_from is not None:
        created["forked_from"] = record.forked_from
    return NewEvent(kind="run.created", data=created), NewEvent(kind="run.planned", data=data)


def interrupted(connection: sa.Connection, owner: str | None, living: set[str]) -> list[RunRecord]:
    """Runs that go on and that nobody walks: neither one of the living nor, later, whoever takes them from a queue.

    Args:
        owner: None: of every owner, for the process that looks after all of them.
    """
    statement = _UNDER_WAY.on(connection)
    found = connection.execute(statement, {"owner": owner}).mappings()
    dead = [row["id"] for row in found if (row["executor"] or row["claimed_by"]) not in living]
    if not dead:
        return []
    chosen = sa.select(runs).where(runs.c.id.in_(dead[:1_000])).order_by(runs.c.created, runs.c.id)
    return [_record(dict(row)) for row in connection.execute(chosen).mappings()]


# A run that nobody has claimed yet is not interrupted: its workflow stands in a queue.
_UNDER_WAY = Statement(
    "select r.id, r.executor, w.executor_id as claimed_by from runs r left join {workflow_status} w "
    "on w.workflow_uuid = r.id || '\\:g' || r.generation where "
    "(r.status in ('queued', 'planning', 'running', 'verifying') or r.status = 'waiting') and r.parked = false "
    "and r.stuck is null and (cast(:owner as text) is null or r.owner = :owner) "
    "and (w.status is null or w.status not in ('ENQUEUED', 'DELAYED'))"
)


def interrupted_parts(connection: sa.Connection, living: set[str]) -> list[sa.Row[Any]]:  # Any: the columns below
    """Items of spread maps that nobody living walks or will take from a queue: `run, path, number, queue, app`."""
    found = connection.execute(_PARTS_UNDER_WAY.on(connection)).all()
    return [row for row in found if row.claimed_by not in living]


_PARTS_UNDER_WAY = Statement(
    "select p.run, p.path, p.number, r.queue, r.app, w.executor_id as claimed_by from parts p "
    "join runs r on r.id = p.run left join {workflow_status} w "
    "on w.workflow_uuid = p.run || '\\:' || p.path || '/' || p.number || '\\:g' || p.generation "
    "where p.status = 'queued' and (w.status is null or w.status not in ('ENQUEUED', 'DELAYED'))"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a process has taken from a queue and nobody has ended: a run, or an item of a spread map."""

    workflow: str
    run: str
    owner: str
    path: str | None
    """Of an item: its map's place."""
    number: int | None


def claims(connection: sa.Connection, executor: str) -> list[Claim]:
    """Everything under way that a process has claimed."""
    return [Claim(*row) for row in connection.execute(_CLAIMS.on(connection), {"executor": executor})]


_CLAIMS = Statement(
    "select w.workflow_uuid, r.id, r.owner, null, null from {workflow_status} w join runs r "
    "on w.workflow_uuid = r.id || '\\:g' || r.generation where w.status = 'PENDING' and w.executor_id = :executor "
    "and r.parked = false and r.stuck is null "
    f"and r.status not in ({', '.join(repr(status) for status in sorted(ENDED))}) "
    "union all select w.workflow_uuid, p.run, r.owner, p.path, p.number from {workflow_status} w join parts p "
    "on w.workflow_uuid = p.run || '\\:' || p.path || '/' || p.number || '\\:g' || p.generation "
    "join runs r on r.id = p.run "
    "where w.status = 'PENDING' and w.executor_id = :executor and p.status = 'queued'"
)


def walker(connection: sa.Connection, record: RunRecord) -> str | None:
    """The process that walks a run, or walked it last; None while it stands in a queue."""
    statement = _WALKER.on(connection)
    found = connection.execute(statement, {"workflow": f"{record.id}:g{record.generation}"}).first()
    if found is None:
        return record.executor or ""
    return None if found.status in ("ENQUEUED", "DELAYED") else str(found.executor_id or record.executor or "")


_WALKER = Statement("select status, executor_id from {workflow_status} where workflow_uuid = :workflow")


def queued(connection: sa.Connection, queue: str, limit: int) -> int:
    """How many runs stand in a queue, counted up to a limit."""
    statement = sa.text(
        "select count(*) from (select 1 from runs where status = 'queued' and queue = :queue limit :limit) q"
    )
    return int(connection.execute(statement, {"queue": queue, "limit": limit}).scalar() or 0)


def due(connection: sa.Connection, now: str) -> list[str]:
    """Parked runs whose date has come, at most a thousand."""
    statement = sa.text("select id from runs where wake_at <= :now and parked order by wake_at limit 1000")
    return [str(row.id) for row in connection.execute(statement, {"now": now})]


def wakes(connection: sa.Connection, record: RunRecord) -> bool:
    """Whether something that a waiting run waits for is settled, or its deadline has passed."""
    refs = (record.waiting_for or "").split(", ")
    now = clock.now()
    dates = [ref.removeprefix("date:") for ref in refs if ref.startswith("date:")]
    due = [*map(clock.parse_time, dates), *([record.task.deadline] if record.task.deadline else [])]
    return any(at <= now for at in due) or decided_of(connection, record.id, refs)


def read_run(connection: sa.Connection, run: str, owner: str) -> RunRecord:
    """One run by its id.

    Raises:
        NotFound: the owner has no such run.
    """
    statement = sa.select(runs).where(runs.c.id == run, runs.c.owner == owner)
    row = connection.execute(statement).mappings().first()
    if row is None:
        raise no_run(run)
    return _record(dict(row))


def no_run(run: str) -> NotFound:
    """What an owner is told who has no such run."""
    return NotFound(f"there is no run `{run}`; `kapelle runs` lists them")


def check_known(connection: sa.Connection, run: str, owner: str) -> None:
    """Say so when the owner has no such run.

    Raises:
        NotFound: there is none.
    """
    statement = sa.select(runs.c.id).where(runs.c.id == run, runs.c.owner == owner)
    if connection.execute(statement).first() is None:
        raise no_run(run)


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
    task, plan, unreadable = _task_and_plan(row)
    return RunRecord(
        id=row["id"],
        owner=row["owner"],
        key=row["key"],
        task=task,
        plan=plan,
        status=row["status"],
        waiting_for=row["waiting_for"],
        generation=row["generation"],
        seq=row["seq"],
        app=row["app"],
        queue=row["queue"],
        priority=row["priority"],
        parked=bool(row["parked"]),
        executor=row["executor"],
        cancel_requested=bool(row["cancel_requested"]),
        stuck=Stuck.model_validate_json(row["stuck"]) if row["stuck"] else None,
        purged=json.loads(row["purged"]) if row["purged"] else {},
        unreadable=unreadable,
        created=clock.parse_time(row["created"]),
        not_before=_time(row["not_before"]),
        started=_time(row["started"]),
        ended=_time(row["ended"]),
        output=json.loads(row["output"]) if row["output"] else None,
        error=StepFailure.model_validate_json(row["error"]) if row["error"] else None,
        spent=Usage.model_validate_json(row["spent"]) if row["spent"] else Usage(),
    )


def _task_and_plan(row: dict[str, Any]) -> tuple[Task, Plan | None, str]:  # Any: as above
    """What was asked and planned, and why not all of it can be read: one such run must not hide the others."""
    unreadable = ""
    try:
        task = read_task(row["task"])
    except UnknownVersion as error:
        task, unreadable = Task(prompt="(this version cannot read it)", owner=row["owner"]), str(error)
    try:
        plan = read_plan(row["plan"]) if row["plan"] else None
    except UnknownVersion as error:
        plan, unreadable = None, unreadable or str(error)
    return task, plan, unreadable


def hold_back(connection: sa.Connection, run: str, owner: str, stuck: Stuck) -> None:
    """Write down why a run cannot go on."""
    statement = sa.text("update runs set stuck = :stuck where id = :run and owner = :owner")
    connection.execute(statement, {"run": run, "owner": owner, "stuck": stuck.model_dump_json()})


def held_back(connection: sa.Connection, queues: Sequence[str]) -> list[RunRecord]:
    """The runs of some queues that the code of their time could not go on with."""
    statement = sa.select(runs).where(runs.c.stuck.is_not(None), runs.c.queue.in_(queues), runs.c.ended.is_(None))
    return [_record(dict(row)) for row in connection.execute(statement).mappings()]


def stranded(connection: sa.Connection, owner: str) -> list[RunRecord]:
    """The runs of an owner that this version cannot read, ended or not, or that cannot go on; oldest first."""
    statement = sa.select(runs).where(runs.c.owner == owner).order_by(runs.c.created, runs.c.id)
    found = (_record(dict(row)) for row in connection.execute(statement).mappings())
    return [one for one in found if one.unreadable or (one.stuck is not None and not one.ended_already)]


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
