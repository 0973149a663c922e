"""The statements of a rerun and of a fork: what was done is put aside or copied, in one transaction."""

import json
from collections.abc import Iterable

import sqlalchemy as sa
from pydantic import JsonValue

from kapelle import clock
from kapelle.errors import Refused
from kapelle.run import rows
from kapelle.run.again.rerun import Rerun
from kapelle.run.approvals import approval_rows
from kapelle.run.kept.retention import as_stored
from kapelle.run.model import NewEvent, RunRecord
from kapelle.store.tables import events
from kapelle.telemetry.redact import redact

_REOPEN = sa.text(
    "update runs set status = 'queued', generation = generation + 1, seq = seq + 1, executor = null, parked = false, "
    "waiting_for = null, wake_at = null, stuck = null, cancel_requested = false, not_before = null, ended = null, "
    "output = null, error = null where id = :run and owner = :owner and generation = :generation and seq = :seq "
    "and coalesce(purged, '') = :purged returning seq, plan"
)
_HOLD = sa.text("update runs set purged = purged where id = :run and coalesce(purged, '') = :purged")
_SUPERSEDE = sa.text("update steps set superseded = true where run = :run and path = :path and not superseded")
_JOURNALED = sa.text(
    "select j.path, max(j.revision) as revision from journal j where j.run = :run and not exists "
    "(select 1 from steps s where s.run = j.run and s.path = j.path and s.revision >= j.revision) group by j.path"
)
_PUT_ASIDE = sa.text(
    "insert into steps (run, path, revision, seq, status, result, superseded) "
    "values (:run, :path, :revision, :seq, 'cancelled', :result, true)"
)
_CLEAR_DELTAS = sa.text("delete from deltas where run = :run")
_SET_PLAN = sa.text("update runs set plan = :plan where id = :run")
_COPY_STEP = sa.text(
    "insert into steps (run, path, revision, seq, status, result, blob) "
    "select :fork, path, revision, :place, status, result, blob from steps "
    "where run = :run and path = :path and revision = :revision and not superseded"
)
_COPY_JOURNAL = sa.text(
    "insert into journal (run, path, revision, call, request_hash, entry, at) "
    "select :fork, path, revision, call, request_hash, entry, at from journal "
    "where run = :run and path = :path and revision = :revision"
)
_COPY_EVIDENCE = sa.text(
    "insert into run_evidence (run, path, source, sha256) "
    "select :fork, path, source, sha256 from run_evidence where run = :run and path = :path"
)


def supersede(connection: sa.Connection, again: Rerun) -> None:
    """Put the results of a rerun's steps aside and leave the run queued, its generation raised.

    Raises:
        Refused: the run has moved on since it was looked at; nothing was changed.
    """
    record = again.record
    seen = {"generation": record.generation, "seq": record.seq, "purged": as_stored(record.purged)}
    given = {"run": record.id, "owner": record.owner, **seen}
    found = connection.execute(_REOPEN, given).first()
    if found is None:
        raise Refused(f"run `{record.id}` has moved on meanwhile; look at it and try again")
    at = clock.to_iso(clock.now())
    _each(connection, _SUPERSEDE, record.id, again.again)
    _put_journals_aside(connection, again, int(found.seq))
    _withdraw_questions(connection, again)
    connection.execute(_CLEAR_DELTAS, {"run": record.id})
    if again.edit is not None:
        plan = json.dumps(again.edit.into(json.loads(found.plan)), ensure_ascii=False)
        connection.execute(_SET_PLAN, {"run": record.id, "plan": plan})
    told = planned_again(again)
    row = {"run": record.id, "seq": found.seq, "at": at, "kind": told.kind, "data": json.dumps(told.data)}
    connection.execute(sa.insert(events), row)


def planned_again(again: Rerun) -> NewEvent:
    """The event of a rerun: from where, what was edited, by whom."""
    plan = again.plan
    data: dict[str, JsonValue] = {"plan": plan.id, "planner": plan.planner, "steps": len(plan.steps), "why": plan.why}
    return NewEvent(kind="run.planned", data=redact({**data, **again.told}))


def _put_journals_aside(connection: sa.Connection, again: Rerun, seq: int) -> None:
    """A step that was left in its midst begins anew: its next revision has a journal of its own."""
    run = again.record.id
    for path, revision in connection.execute(_JOURNALED, {"run": run}).all():
        if path in again.cone:
            result = json.dumps({"path": path, "revision": revision, "status": "cancelled"})
            connection.execute(
                _PUT_ASIDE, {"run": run, "path": path, "revision": revision, "seq": seq, "result": result}
            )


def _withdraw_questions(connection: sa.Connection, again: Rerun) -> None:
    record = again.record
    found = approval_rows.find(connection, owner=record.owner, run=record.id)
    asked = [one for one in found if one.decision is None and one.path in again.cone]
    approval_rows.withdraw(connection, asked, clock.now(), why=withdrawn_because(again))


def withdrawn_because(again: Rerun) -> str:
    """Why a question that is asked again can no longer be decided."""
    return f"the run is done again from `{again.start}`"


def _each(connection: sa.Connection, statement: sa.TextClause, run: str, paths: Iterable[str]) -> None:
    given = [{"run": run, "path": path} for path in paths]
    if given:
        connection.execute(statement, given)


def copy_run(connection: sa.Connection, again: Rerun, fork: RunRecord) -> None:
    """Make a run of what is kept of another: its finished rows, their journals, and the texts that they read.

    Payloads and texts are shared by their content's hash. The other run is left as it is.

    Raises:
        Refused: what was to be kept is gone meanwhile; nothing was made.
    """
    run = again.record.id
    # What is purged while it is copied would be lost to both: the row is held until then.
    if connection.execute(_HOLD, {"run": run, "purged": as_stored(again.record.purged)}).rowcount != 1:
        raise Refused(f"run `{run}` was purged meanwhile; look at it and try again")
    rows.insert_run(connection, fork)
    _copy_plan(connection, again, fork.id)
    for place, kept in enumerate(again.kept):
        given = {"fork": fork.id, "run": run, "path": kept.path, "revision": kept.revision, "place": place}
        if connection.execute(_COPY_STEP, given).rowcount != 1:
            raise Refused(f"run `{run}` has moved on meanwhile; look at it and try again")
        connection.execute(_COPY_JOURNAL, given)
        connection.execute(_COPY_EVIDENCE, given)


def _copy_plan(connection: sa.Connection, again: Rerun, fork: str) -> None:
    # As it is stored, with what this version does not know of it.
    stored = connection.execute(sa.text("select task, plan from runs where id = :run"), {"run": again.record.id}).one()
    data = json.loads(stored.plan)
    plan = json.dumps(again.edit.into(data) if again.edit is not None else data, ensure_ascii=False)
    given = {"fork": fork, "task": stored.task, "plan": plan}
    connection.execute(sa.text("update runs set task = :task, plan = :plan where id = :fork"), given)


def revisions(connection: sa.Connection, run: str) -> tuple[dict[str, int], frozenset[str], dict[str, int]]:
    """Of paths that a rerun put aside: the revision of the next result; those not entered since; how often each had
    succeeded."""
    statement = sa.text(
        "select old.path, old.revision + 1 as next, old.done, (select count(*) from events e where e.run = :run "
        "and e.path = old.path and e.kind in ('step.started', 'step.restarted') and e.seq > old.seq) as entered "
        "from (select path, max(revision) as revision, max(seq) as seq, "
        "sum(case when status = 'succeeded' then 1 else 0 end) as done from steps where run = :run and superseded "
        "group by path) old"
    )
    found = connection.execute(statement, {"run": run}).all()
    unentered = frozenset(one.path for one in found if not one.entered)
    return {one.path: int(one.next) for one in found}, unentered, {one.path: int(one.done) for one in found}
