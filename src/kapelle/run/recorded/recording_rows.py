"""The statements that read a run into a recording."""

import json

import sqlalchemy as sa
from pydantic import JsonValue

from kapelle.run import rows
from kapelle.run.approvals import approval_rows
from kapelle.run.inside import journal_rows
from kapelle.run.kept.retention import refuse_purged
from kapelle.run.model import Event
from kapelle.run.recorded.recording import Call, Read, Recording

_EVENTS_AT_ONCE = 10_000
_STORED = sa.text("select task, plan from runs where id = :run and owner = :owner")
_RESULTS = sa.text(
    "select s.result from steps s where s.run = :run and not s.superseded order by s.revision, s.seq, s.path"
)
_CALLED = sa.text("select distinct path, revision from journal where run = :run order by path, revision")
_READ = sa.text("select path, source, sha256 from run_evidence where run = :run order by path, source, sha256")


def recorded(connection: sa.Connection, run: str, owner: str) -> Recording:
    """A run as it stands, with everything that a replay needs.

    Raises:
        NotFound: the owner has no such run.
        Purged: the retention took what a replay needs.
    """
    record = rows.read_run(connection, run, owner)
    refuse_purged(record, "be recorded or replayed", ("text", "journal", "events", "approvals"))
    stored = connection.execute(_STORED, {"run": run, "owner": owner}).one()
    return Recording(
        run=record.id,
        owner=record.owner,
        app=record.app,
        status=record.status,
        created=record.created,
        task=_object(stored.task),
        plan=_object(stored.plan),
        results=tuple(_results(connection, run, owner)),
        events=tuple(_events(connection, run)),
        approvals=tuple(one.model_dump(mode="json") for one in approval_rows.find(connection, owner=owner, run=run)),
        calls=tuple(_calls(connection, run)),
        texts=tuple(rows.texts(connection, run, owner).values()),
        read=tuple(Read(path=path, source=source, sha256=sha) for path, source, sha in _rows(connection, _READ, run)),
        output=record.output,
        error=record.error,
    )


def _object(text: str | None) -> dict[str, JsonValue]:
    """A stored object; what is none reads as empty, and the replay says that it cannot be read."""
    try:
        found = json.loads(text or "{}")
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _rows(connection: sa.Connection, statement: sa.TextClause, run: str) -> list[tuple[str, ...]]:
    return [tuple(row) for row in connection.execute(statement, {"run": run})]


def _results(connection: sa.Connection, run: str, owner: str) -> list[dict[str, JsonValue]]:
    found: list[dict[str, JsonValue]] = []
    for (text,) in connection.execute(_RESULTS, {"run": run}):
        fields: dict[str, JsonValue] = json.loads(text)
        sha256 = fields.pop("blob", None)
        if isinstance(sha256, str):
            fields["output"] = rows.read_blob(connection, owner, sha256)
        found.append(fields)
    return found


def _events(connection: sa.Connection, run: str) -> list[Event]:
    found: list[Event] = []
    while more := rows.events(connection, run, after=found[-1].seq if found else 0, limit=_EVENTS_AT_ONCE):
        found += more
    return found


def _calls(connection: sa.Connection, run: str) -> list[Call]:
    return [
        Call(path=path, revision=int(revision), entry=entry)
        for path, revision in _rows(connection, _CALLED, run)
        for entry in journal_rows.read(connection, run, path, int(revision)).values()
    ]
