"""Write what a batch says of a run in as few statements as the database allows: fence, numbers, results, events.

SQLite is in this process: a statement costs its work, and each fact has one of its own. On Postgres each costs a way to
the server and back, so one statement does all of it; as the run's row is the first it changes, everything behind it
finds that row, or nothing to do.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from kapelle import clock
from kapelle.errors import OwnershipLost
from kapelle.run.checkpoint import RunChange
from kapelle.run.fence import LOCKED, OWNED, WHOSE, RunFence
from kapelle.run.model import ENDED
from kapelle.run.rows import PUT_EVENT
from kapelle.store.dialect import POSTGRES, Plain, Statement
from kapelle.store.nul import escape
from kapelle.store.transact_postgres import Alone

Row = Mapping[str, object]
# `json.dumps` makes an encoder at every call that asks for anything but its defaults.
to_json = json.JSONEncoder(ensure_ascii=False).encode
BRIEF_ROWS = 100
"""Results and events of a batch that is short enough for the loop's own thread: twice what 16 steps at once leave."""
BRIEF_CHARACTERS = 64_000


@dataclass(frozen=True, slots=True)
class Facts:
    """The rows of a batch, and what changes in the run's own."""

    results: Sequence[Row]
    """`path, revision, status, result, payload` each."""
    events: Sequence[Row]
    """`path, execution, kind, data` each, in order."""
    at: str
    change: RunChange | None = None

    @property
    def brief(self) -> bool:
        """Written within a millisecond, so that the loop may do it itself."""
        if len(self.results) + len(self.events) > BRIEF_ROWS:
            return False
        texts = [one["result"] for one in self.results] + [one["data"] for one in self.events]
        return sum(len(str(text)) for text in texts) <= BRIEF_CHARACTERS


@dataclass(frozen=True, slots=True)
class Written:
    """What the run's row said when it was passed."""

    last: int
    """The number of its last event."""
    cancelled: bool
    """Somebody asked for its cancellation."""


def write(connection: sa.Connection, fence: RunFence, facts: Facts) -> Written:
    """Write facts within the caller's transaction.

    Raises:
        OwnershipLost: another process owns the run now, or has recorded one of the steps.
    """
    if connection.dialect.name == POSTGRES.name:
        written = _write_at_once(connection, fence, facts)
    else:
        written = _write_singly(connection, fence, facts)
    if written is None:
        raise fence.lost()
    return written


def alone(fence: RunFence, facts: Facts) -> Alone[Written]:
    """The one statement, its own transaction on Postgres, that writes facts.

    It raises OwnershipLost where another process owns the run now or has recorded one of the steps, or where the writer
    has no row.
    """

    def read(row: Sequence[Any] | None) -> Written:
        if row is None:
            raise fence.lost()
        return Written(row[0], bool(row[1]))

    statement = _statement(_ALONE, fence, facts)
    return Alone(statement, _given_at_once(fence, facts), read, {_DIVIDED_BY_ZERO: _recorded(fence)})


def _write_singly(connection: sa.Connection, fence: RunFence, facts: Facts) -> Written | None:
    found = _statement(_PASS, fence, facts).row(connection, _given(fence, facts))
    if found is None:
        return None
    first = found[0] - len(facts.events) + 1
    for result in facts.results:
        if _RESULT.count(connection, {**result, "run": fence.run, "seq": first}) != 1:
            raise _recorded(fence)
    if facts.events:
        about = {"run": fence.run, "at": facts.at}
        rows = [{**event, **about, "seq": first + place} for place, event in enumerate(facts.events)]
        PUT_EVENT.many(connection, rows)
    return Written(found[0], bool(found[1]))


def _write_at_once(connection: sa.Connection, fence: RunFence, facts: Facts) -> Written | None:
    try:
        found = _statement(_AT_ONCE, fence, facts).row(connection, _given_at_once(fence, facts))
    except sa.exc.DataError as error:
        if getattr(error.orig, "sqlstate", None) != _DIVIDED_BY_ZERO:
            raise
        raise _recorded(fence) from error
    return None if found is None else Written(found[0], bool(found[1]))


def _given_at_once(fence: RunFence, facts: Facts) -> dict[str, object]:
    given = _given(fence, facts) | {"at": facts.at, "results": len(facts.results)}
    return given | {"told_results": _as_json(facts.results), "told_events": _as_json(facts.events)}


def _recorded(fence: RunFence) -> OwnershipLost:
    # The row is there and final: only a second writer could have put it there.
    return OwnershipLost(f"a step of run `{fence.run}` is recorded already")


def _statement(statements: Mapping[tuple[bool, bool], Plain], fence: RunFence, facts: Facts) -> Plain:
    return statements[fence.part is not None, facts.change is not None]


def _given(fence: RunFence, facts: Facts) -> dict[str, object]:
    given = {**fence.given, "n": len(facts.events)}
    change = facts.change
    if change is None:
        return given
    return given | {
        "status": change.status,
        "waiting_for": change.waiting_for,
        "parked": change.parked,
        "wake_at": clock.to_iso(change.wake_at) if change.wake_at else None,
        "plan": change.plan.model_dump_json(by_alias=True) if change.plan else None,
        "output": None if change.output is None else to_json(change.output),
        "error": change.error.model_dump_json() if change.error else None,
        "spent": change.spent.model_dump_json() if change.spent else None,
        "started": facts.at if change.status == "running" else None,
        "ended": facts.at if change.status in ENDED else None,
    }


def _as_json(rows: Sequence[Row]) -> str:
    """Rows as one parameter: a quarter of what arrays of columns cost the driver.

    In ASCII: what stands for NUL is written out, so that the driver does not take it for a text to escape.
    """
    return json.dumps(
        [{name: escape(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows]
    )


_RESULT = Plain(
    "insert into steps (run, path, revision, seq, status, result, blob) "
    "values (:run, :path, :revision, :seq, :status, :result, :payload) on conflict (run, path, revision) "
    "do update set seq = excluded.seq, status = excluded.status, result = excluded.result, blob = excluded.blob "
    "where steps.status = 'suspended'"
)
_CHANGED = (
    ", status = :status, waiting_for = :waiting_for, parked = parked or :parked, "
    "executor = case when :parked then null else executor end, "
    "wake_at = case when :parked then :wake_at else wake_at end, plan = coalesce(:plan, plan), "
    "output = coalesce(:output, output), error = coalesce(:error, error), spent = coalesce(:spent, spent), "
    "started = coalesce(started, :started), ended = coalesce(:ended, ended)"
)
_VARIANTS = [(part, changed) for part in (False, True) for changed in (False, True)]
"""Whether a part is owned, and whether the run's own row changes."""


def _passing(part: bool, changed: bool) -> str:
    change = _CHANGED if changed else ""
    return f"update runs set seq = seq + :n{change} where {WHOSE[part]} and {OWNED} returning seq, cancel_requested"


# A writer's row is locked before anything that may be waited for, and only by a number above its last: whoever asks
# after a lost answer waits for the row, and what comes too late finds it taken (store.transact_postgres).
_MINE = "mine as materialized (select 1 from writers where id = :writer and number < :mark for update), "
_MARKED = (
    ", marked as (update writers set number = :mark, at = extract(epoch from clock_timestamp()) from ran "
    "where id = :writer)"
)
_DIVIDED_BY_ZERO = "22012"


def _at_once(part: bool, changed: bool, *, alone: bool) -> str:
    locked = LOCKED.replace("{more}", " and exists (select from mine)" if alone else "")
    change = _CHANGED if changed else ""
    return (
        f"with {_MINE if alone else ''}own as materialized ({locked}), "
        f"ran as (update runs set seq = seq + :n{change} from own where {WHOSE[part]} "
        "returning seq, cancel_requested), "
        "done as (insert into steps (run, path, revision, seq, status, result, blob) "
        "select :run, r.path, r.revision, ran.seq - :n + 1, r.status, r.result, r.payload "
        "from ran, json_to_recordset(cast(:told_results as json)) "
        "as r (path text, revision integer, status text, result text, payload text) on conflict (run, path, revision) "
        "do update set seq = excluded.seq, status = excluded.status, result = excluded.result, blob = excluded.blob "
        "where steps.status = 'suspended' returning 1), "
        "told as (insert into events (run, seq, at, path, execution, kind, data) "
        "select :run, ran.seq - :n + e.place, :at, e.path, e.execution, e.kind, e.data "
        "from ran, rows from (json_to_recordset(cast(:told_events as json)) "
        "as (path text, execution integer, kind text, data text)) "
        "with ordinality as e (path, execution, kind, data, place))"
        f"{_MARKED if alone else ''} "
        # A statement takes back what it did only by failing: a result that is not written divides by zero.
        "select seq, cancel_requested, 1 / (case when (select count(*) from done) = :results then 1 else 0 end) "
        "from ran"
    )


_PASS = {one: Plain(_passing(*one)) for one in _VARIANTS}
_AT_ONCE = {one: Plain(Statement("", postgres=_at_once(*one, alone=False))) for one in _VARIANTS}
_ALONE = {one: Plain(Statement("", postgres=_at_once(*one, alone=True))) for one in _VARIANTS}
