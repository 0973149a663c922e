"""The statements of a purge: which ended runs are old enough, what goes of each, and how, a small transaction each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kapelle import clock
from kapelle.run.dispatch import workflow_id
from kapelle.run.kept.retention import Kind, as_stored
from kapelle.run.model import ENDED
from kapelle.run.schedules import TICK
from kapelle.store.dialect import POSTGRES, Statement

Row = tuple[str, Mapping[str, Any]]  # Any: column values of several types
"""A row that goes, with its table."""
_ENDED = ", ".join(f"'{status}'" for status in sorted(ENDED))
_OF = {
    "journal": ("journal",),
    "events": ("events",),
    "approvals": ("approvals", "outbox"),
    "runs": ("runs", "steps", "parts", "journal", "events", "approvals", "outbox", "run_evidence"),
}
"""Tables of which a kind takes every row of a run."""
_LEFT = {
    "text": "coalesce(r.purged, '') not like '%\"text\"%'",
    "journal": (
        "(exists (select 1 from journal j where j.run = r.id) or exists (select 1 from {workflow_status} w "
        "where w.workflow_uuid = r.id || '\\:g' || r.generation))"
    ),
    "events": "exists (select 1 from events e where e.run = r.id)",
    "approvals": "exists (select 1 from approvals a where a.run = r.id)",
    "runs": "1 = 1",
}
"""What a run must still have for there to be something to take."""
_RUNS = {
    kind: Statement(
        f"select r.id, r.owner, r.generation, r.ended, r.purged from runs r where r.status in ({_ENDED}) "
        "and r.ended <= :before and r.id > :after and (cast(:owner as text) is null or r.owner = :owner) "
        f"and {left} order by r.id limit :limit"
    )
    for kind, left in _LEFT.items()
}
# It locks the row: nobody reruns or forks the run from here on, and if somebody has, nothing is taken of it.
_MARK = sa.text(
    f"update runs set purged = :marked where id = :run and status in ({_ENDED}) and generation = :generation "
    "and ended = :ended and coalesce(purged, '') = :seen"
)
_STEPS = sa.text("select * from steps where run = :run order by revision, seq, path")
_SLIM = sa.text(
    "update steps set result = :result, blob = null where run = :run and path = :path and revision = :revision"
)
_ALONE = (
    "not exists (select 1 from run_evidence o join runs r on r.id = o.run where o.source = d.source "
    "and o.sha256 = d.sha256 and r.owner = d.owner and o.run <> :run) and not exists (select 1 from evidence_live l "
    "where l.owner = d.owner and l.source = d.source and l.sha256 = d.sha256)"
)
"""No other run has read the text, and no collection shows it."""
_TEXTS = sa.text(
    "select d.* from evidence_documents d where d.owner = :of and exists (select 1 from run_evidence e "
    f"where e.run = :run and e.source = d.source and e.sha256 = d.sha256) and {_ALONE}"
)
_DROP_TEXTS = sa.text(
    "delete from evidence_documents as d where d.owner = :of and exists (select 1 from run_evidence e "
    f"where e.run = :run and e.source = d.source and e.sha256 = d.sha256) and {_ALONE}"
)
_TICKS = Statement(
    "select workflow_uuid from {workflow_status} where name = :name and created_at <= :before "
    "and status in ('SUCCESS', 'ERROR', 'CANCELLED') limit :limit"
)
_PAYLOADS = sa.text(
    "select b.sha256, length(b.data) as bytes from blobs b where b.owner = :of and b.sha256 in "
    "(select s.blob from steps s where s.run = :run and s.blob is not null) and not exists "
    "(select 1 from steps o join runs r on r.id = o.run where o.blob = b.sha256 and r.owner = b.owner "
    "and o.run <> :run) and not exists (select 1 from sessions x where x.owner = b.owner "
    "and x.state = 'blob\\:' || b.sha256)"
)


@dataclass(frozen=True, slots=True)
class Old:
    """A run that ended long enough ago."""

    run: str
    owner: str
    generation: int
    ended: str
    purged: str
    """What was taken of it before, as its row has it."""


def old_runs(
    connection: sa.Connection, kind: Kind, before: datetime, owner: str | None, *, after: str, limit: int
) -> list[Old]:
    """Ended runs of which a kind can still be taken, by id, behind `after`."""
    given = {"before": clock.to_iso(before), "after": after, "owner": owner, "limit": limit}
    found = connection.execute(_RUNS[kind].on(connection), given)
    return [Old(one.id, one.owner, int(one.generation), one.ended, one.purged or "") for one in found]


def rows_of(connection: sa.Connection, kind: Kind, old: Old) -> list[Row]:
    """What goes of a run, payloads left out: they go when nothing refers to them any more."""
    found: list[Row] = [row for table in _OF.get(kind, ()) for row in _all(connection, table, old)]
    if kind == "text":
        found += [("steps", row) for row in _steps(connection, old) if _has_output(row)]
        found += _all(connection, "run_evidence", old)
    if kind in ("text", "runs"):
        given = {"run": old.run, "of": old.owner}
        found += [("evidence_documents", dict(row)) for row in connection.execute(_TEXTS, given).mappings()]
    return found


def old_ticks(connection: sa.Connection, before: datetime, limit: int) -> list[str]:
    """Workflows of times at which schedules began runs long ago."""
    given = {"before": int(before.timestamp() * 1000), "name": TICK, "limit": limit}
    return [one.workflow_uuid for one in connection.execute(_TICKS.on(connection), given)]


def payload_sizes(connection: sa.Connection, old: Old) -> list[int]:
    """Bytes of each payload that only this run refers to."""
    found = connection.execute(_PAYLOADS, {"run": old.run, "of": old.owner})
    return [int(one.bytes) for one in found]


def _all(connection: sa.Connection, table: str, old: Old) -> list[Row]:
    column = "id" if table == "runs" else "run"
    found = connection.execute(sa.text(f"select * from {table} where {column} = :run"), {"run": old.run})
    return [(table, dict(row)) for row in found.mappings()]


def _steps(connection: sa.Connection, old: Old) -> list[dict[str, Any]]:  # Any: column values of several types
    return [dict(row) for row in connection.execute(_STEPS, {"run": old.run}).mappings()]


def _has_output(row: Mapping[str, Any]) -> bool:  # Any: as above
    return row["blob"] is not None or "output" in json.loads(row["result"])


def workflows_of(connection: sa.Connection, old: Old) -> list[str]:
    """Every workflow that has walked a run or a part of it."""
    found = [workflow_id(old.run, number) for number in range(1, old.generation + 1)]
    parts = connection.execute(sa.text("select path, number, generation from parts where run = :run"), {"run": old.run})
    for path, number, generation in parts:
        found += [workflow_id(old.run, one, f"{path}/{number}") for one in range(1, int(generation) + 1)]
    return found


def take(connection: sa.Connection, kind: Kind, old: Old, *, marks: bool) -> bool:
    """Delete a kind of a run; False when the run has moved on since it was read, and nothing was deleted.

    Args:
        marks: the run's row says that it is gone.
    """
    if kind in ("text", "runs"):
        hold(connection, "evidence_documents")
    before: dict[str, Any] = json.loads(old.purged or "{}")  # Any: times as text
    times = {name: clock.parse_time(text) for name, text in before.items()}
    marked = as_stored({**times, kind: clock.now()} if marks else times) or None
    given = {"run": old.run, "generation": old.generation, "ended": old.ended, "seen": old.purged, "marked": marked}
    if connection.execute(_MARK, given).rowcount != 1:
        return False
    if kind in ("text", "runs"):
        connection.execute(_DROP_TEXTS, {"run": old.run, "of": old.owner})
    if kind == "text":
        _slim(connection, old)
        _drop(connection, "run_evidence", old)
    elif kind == "runs":
        _drop(connection, "outbox", old)
        connection.execute(sa.text("delete from runs where id = :run"), {"run": old.run})
    else:
        for table in _OF[kind]:
            _drop(connection, table, old)
    return True


def _slim(connection: sa.Connection, old: Old) -> None:
    """Keep of every result all but the output."""
    slim = []
    for row in _steps(connection, old):
        result: dict[str, Any] = json.loads(row["result"])  # Any: JSON
        if row["blob"] is not None or "output" in result:
            kept = {name: value for name, value in result.items() if name not in ("output", "blob")}
            key = {name: row[name] for name in ("run", "path", "revision")}
            slim.append({**key, "result": json.dumps(kept, ensure_ascii=False)})
    if slim:
        connection.execute(_SLIM, slim)


def _drop(connection: sa.Connection, table: str, old: Old) -> None:
    connection.execute(sa.text(f"delete from {table} where run = :run"), {"run": old.run})


def hold(connection: sa.Connection, table: str) -> None:
    """Keep others from writing to a table for this transaction, where that does not go without saying.

    Whoever writes a row that is there already writes nothing, and relies on it: nothing may delete it meanwhile.
    """
    if connection.dialect.name == POSTGRES.name:
        connection.execute(sa.text("set local lock_timeout = '1s'"))
        connection.execute(sa.text(f"lock table {table} in share row exclusive mode"))


# What is no run's, or outlives it, goes by itself.
_UNUSED = (
    "(cast(:owner as text) is null or b.owner = :owner) and not exists (select 1 from steps s join runs r "
    "on r.id = s.run where s.blob = b.sha256 and r.owner = b.owner) and not exists (select 1 from sessions x "
    "where x.owner = b.owner and x.state = 'blob\\:' || b.sha256)"
)
_LOOSE_TEXTS = {
    "blobs": f"select b.* from blobs b where {_UNUSED} limit :limit",
    "approval_audit": (
        "select a.* from approval_audit a where a.at <= :before and (cast(:owner as text) is null or a.owner = :owner) "
        f"and not exists (select 1 from runs r where r.id = a.run and r.status not in ({_ENDED})) "
        "order by a.at, a.id limit :limit"
    ),
    "sessions": (
        "select s.* from sessions s where s.updated <= :before and (cast(:owner as text) is null or s.owner = :owner) "
        "and not exists (select 1 from runs r where r.session = s.id and r.owner = s.owner "
        f"and r.status not in ({_ENDED})) order by s.owner, s.id limit :limit"
    ),
}
_LOOSE = {table: sa.text(text) for table, text in _LOOSE_TEXTS.items()}
_DROP_LOOSE = {
    "blobs": sa.text(f"delete from blobs as b where b.owner = :of and b.sha256 = :sha256 and {_UNUSED}"),
    "approval_audit": sa.text("delete from approval_audit where id = :id"),
    "sessions": sa.text(
        "delete from sessions where owner = :of and id = :id and updated = :updated and version = :version"
    ),
}
_TURNS = sa.text("select * from session_turns where owner = :of and session = :id order by n")


def loose_rows(
    connection: sa.Connection, table: str, before: datetime, owner: str | None, limit: int
) -> list[list[Row]]:
    """Rows that no run holds any more, each with what goes with it; the first of each is the row itself."""
    given = {"before": clock.to_iso(before), "owner": owner, "limit": limit}
    found = [dict(row) for row in connection.execute(_LOOSE[table], given).mappings()]
    return [[(table, row), *(_turns(connection, row) if table == "sessions" else ())] for row in found]


def _turns(connection: sa.Connection, session: Mapping[str, Any]) -> list[Row]:  # Any: column values of several types
    given = {"of": session["owner"], "id": session["id"]}
    return [("session_turns", dict(row)) for row in connection.execute(_TURNS, given).mappings()]


def take_loose(connection: sa.Connection, rows: Sequence[Row], owner: str | None) -> list[bool]:
    """Delete such rows of one table, unless they are used again by now; which were deleted."""
    if any(table == "blobs" for table, _ in rows):
        hold(connection, "blobs")
    given = [{**row, "of": row["owner"], "owner": owner} for _, row in rows]
    return [connection.execute(_DROP_LOOSE[rows[0][0]], one).rowcount == 1 for one in given]
