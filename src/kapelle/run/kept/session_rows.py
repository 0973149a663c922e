"""The statements that read and write sessions; every one is scoped by the owner."""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from pydantic import JsonValue

from kapelle import clock
from kapelle.errors import Conflict, UnknownVersion
from kapelle.run import rows
from kapelle.run.kept.sessions import SCHEMA_VERSION, Session, Turn, new_times, no_session, turn_of
from kapelle.run.kept.sessions_memory import behind
from kapelle.run.model import ENDED

BLOB = "blob:"
"""How the column of a state begins that is kept as a payload; JSON never begins so."""
_NEVER = 1 << 62
"""A threshold above any payload: an empty state is kept where it is."""
_ENDED = ", ".join(f"'{status}'" for status in sorted(ENDED))
_FIND = sa.text("select * from sessions where owner = :owner and id = :id")
_IN_USE = f"exists (select 1 from runs r where r.status not in ({_ENDED}) and r.session = s.id and r.owner = s.owner)"
"""A session does not expire while a run of it goes on or waits for somebody."""
EXPIRED = f"s.expires_at <= :now and not {_IN_USE}"
_LIVE = sa.text(f"select 1 from sessions s where s.owner = :owner and s.id = :id and not ({EXPIRED})")
_LIST = sa.text(
    f"select s.* from sessions s where s.owner = :owner and not ({EXPIRED}) order by s.updated desc, s.id limit :limit"
)
_INSERT = sa.text(
    "insert into sessions (owner, id, state, version, created, updated, expires_at, schema_version) "
    "values (:owner, :id, :state, :version, :created, :updated, :expires_at, :schema_version) "
    "on conflict (owner, id) do nothing"
)
_SAVE = sa.text(
    "update sessions set state = :state, version = :version, updated = :updated, expires_at = :expires_at, "
    "schema_version = :schema_version where owner = :owner and id = :id and version = :expect"
)
_TOUCH = sa.text("update sessions set updated = :updated, expires_at = :expires_at where owner = :owner and id = :id")
_DELETE = sa.text("delete from sessions where owner = :owner and id = :id")
_TURNS = sa.text(
    "select n, run, at, data from session_turns where owner = :owner and session = :id "
    "and (cast(:before as integer) is null or n < :before) order by n desc limit :limit"
)
_SAME_TURN = sa.text(
    "update session_turns set at = :at, data = :data where owner = :owner and session = :id and run = :run"
)
_NEW_TURN = sa.text(
    "insert into session_turns (owner, session, n, run, at, data) values (:owner, :id, "
    "(select coalesce(max(n), 0) + 1 from session_turns where owner = :owner and session = :id), :run, :at, :data)"
)


def create(connection: sa.Connection, session: Session, threshold: int) -> Session:
    """Make a session; one that expired makes room.

    Raises:
        Conflict: there is one of this id; nothing was written.
    """
    _clear_expired(connection, session.owner, session.id)
    if connection.execute(_INSERT, _row(connection, session, threshold)).rowcount != 1:
        known = connection.execute(_FIND, {"owner": session.owner, "id": session.id}).first()
        version = f", at version {known.version}" if known is not None else ""
        raise Conflict(f"there is a session `{session.id}`{version}; `get` and `save` it")
    return session


def save(connection: sa.Connection, session: Session, expect: int, threshold: int) -> Session:
    """Write a session's state over the version it was made from.

    Raises:
        Conflict: it has another version by now; nothing was written.
        NotFound: it is not there, or expired.
    """
    if not _lives(connection, session.owner, session.id):
        raise no_session(session.id)
    if connection.execute(_SAVE, {**_row(connection, session, threshold), "expect": expect}).rowcount != 1:
        known = connection.execute(_FIND, {"owner": session.owner, "id": session.id}).first()
        if known is None:
            raise no_session(session.id)
        raise behind(session.id, known.version, clock.parse_time(known.updated), expect)
    created = connection.execute(_FIND, {"owner": session.owner, "id": session.id}).one().created
    return session.model_copy(update={"created": clock.parse_time(created)})


def find(connection: sa.Connection, owner: str, id: str) -> Session | None:
    """A session; None when there is none, or it expired."""
    if not _lives(connection, owner, id):
        return None
    row = connection.execute(_FIND, {"owner": owner, "id": id}).mappings().first()
    return None if row is None else _session(connection, dict(row))


def find_all(connection: sa.Connection, owner: str, limit: int) -> list[Session]:
    """The sessions of an owner, those used last first."""
    given = {"owner": owner, "limit": limit, "now": clock.to_iso(clock.now())}
    return [_session(connection, dict(row)) for row in connection.execute(_LIST, given).mappings()]


def delete(connection: sa.Connection, owner: str, id: str) -> bool:
    """Forget a session and its turns; False when there was none."""
    lived = _lives(connection, owner, id)
    connection.execute(_DELETE, {"owner": owner, "id": id})
    return lived


def touch(connection: sa.Connection, owner: str, id: str, days: float | None) -> None:
    """Use a session: it is made where it is absent, and expires later."""
    _clear_expired(connection, owner, id)
    _use(connection, owner, id, days)


def _use(connection: sa.Connection, owner: str, id: str, days: float | None) -> None:
    session = Session(id=id, owner=owner, **new_times(days))
    row = _row(connection, session, _NEVER)
    # The row is locked from here on, so that two turns never draw one number.
    if connection.execute(_TOUCH, row).rowcount == 0:
        connection.execute(_INSERT, row)
        connection.execute(_TOUCH, row)


def turns(connection: sa.Connection, owner: str, id: str, *, limit: int, before: int | None) -> list[Turn]:
    """The last turns, or the last before a number; the newest at the end."""
    given = {"owner": owner, "id": id, "limit": limit, "before": before}
    found = [
        Turn.model_validate({**json.loads(row.data), "n": row.n, "run": row.run or "", "at": row.at})
        for row in connection.execute(_TURNS, given)
    ]
    return found[::-1]


def end_run(connection: sa.Connection, run: str, at: str, days: float | None) -> None:
    """Keep what came of a run that ended, where it was one of a session; once, however often it ends."""
    found = connection.execute(_SESSION_OF, {"run": run}).first()
    if found is None:
        return
    record = rows.read_run(connection, run, found.owner)
    turn = turn_of(record, clock.parse_time(at))
    _use(connection, record.owner, found.session, days)
    data = turn.model_dump_json(include={"prompt", "status", "answer"})
    given = {"owner": record.owner, "id": found.session, "run": run, "at": at, "data": data}
    if connection.execute(_SAME_TURN, given).rowcount == 0:
        connection.execute(_NEW_TURN, given)


_SESSION_OF = sa.text("select session, owner from runs where id = :run and session is not null")


def _lives(connection: sa.Connection, owner: str, id: str) -> bool:
    given = {"owner": owner, "id": id, "now": clock.to_iso(clock.now())}
    return connection.execute(_LIVE, given).first() is not None


def _clear_expired(connection: sa.Connection, owner: str, id: str) -> None:
    if not _lives(connection, owner, id):
        connection.execute(_DELETE, {"owner": owner, "id": id})


def _row(connection: sa.Connection, session: Session, threshold: int) -> dict[str, object]:
    text = json.dumps(session.state, ensure_ascii=False)
    data = text.encode()
    if len(data) > threshold:
        sha256 = hashlib.sha256(data).hexdigest()
        connection.execute(rows.PUT_BLOB, {"owner": session.owner, "sha256": sha256, "data": data})
        text = BLOB + sha256
    times = {name: clock.to_iso(getattr(session, name)) for name in ("created", "updated", "expires_at")}
    about = {"owner": session.owner, "id": session.id, "version": session.version}
    return {**about, **times, "state": text, "schema_version": SCHEMA_VERSION}


def _session(connection: sa.Connection, row: dict[str, Any]) -> Session:  # Any: column values of several types
    if row["schema_version"] > SCHEMA_VERSION:
        raise UnknownVersion(
            f"session `{row['id']}` was written by a newer version (schema {row['schema_version']}, here "
            f"{SCHEMA_VERSION}); update Kapelle"
        )
    return Session.model_validate({**row, "state": _state(connection, row)})


def _state(connection: sa.Connection, row: dict[str, Any]) -> JsonValue:  # Any: as above
    text: str = row["state"]
    if text.startswith(BLOB):
        return rows.read_blob(connection, row["owner"], text.removeprefix(BLOB))
    value: JsonValue = json.loads(text)
    return value
