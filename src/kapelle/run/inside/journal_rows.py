"""The statements that keep and read the journal."""

import sqlalchemy as sa

from kapelle.run.inside.journal import Entry
from kapelle.telemetry.redact import redact

_PUT = sa.text(
    "insert into journal (run, path, revision, call, request_hash, entry, at) "
    "values (:run, :path, :revision, :call, :request_hash, :entry, :at) on conflict (run, path, revision, call) "
    "do update set request_hash = excluded.request_hash, entry = excluded.entry, at = excluded.at"
)
_READ = sa.text("select entry from journal where run = :run and path = :path and revision = :revision")

_ALL = sa.text("select path, entry from journal where run = :run")


def put(connection: sa.Connection, run: str, path: str, revision: int, entry: Entry, at: str) -> None:
    """Keep a call; one of the same key is recorded over."""
    row = {"run": run, "path": path, "revision": revision, "call": entry.call, "request_hash": entry.request_hash}
    slim = entry.model_copy(update={"request": redact(entry.request)})
    connection.execute(_PUT, {**row, "entry": slim.model_dump_json(), "at": at})


def changes(connection: sa.Connection, run: str) -> list[tuple[str, str]]:
    """Path and tool of the writes among the calls of a run, those of former revisions too."""
    found = [(row.path, Entry.model_validate_json(row.entry)) for row in connection.execute(_ALL, {"run": run})]
    return sorted({(path, entry.what) for path, entry in found if entry.effect == "write"})


def read(connection: sa.Connection, run: str, path: str, revision: int) -> dict[str, Entry]:
    """The calls of a step, by key."""
    found = connection.execute(_READ, {"run": run, "path": path, "revision": revision})
    entries = [Entry.model_validate_json(row.entry) for row in found]
    return {entry.call: entry for entry in entries}
