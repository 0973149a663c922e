"""Sessions: state that outlives a run, and what was asked and answered in it, of one owner."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from kapelle import clock
from kapelle.errors import BadInput, NotFound
from kapelle.ids import new_id
from kapelle.run.model import RunRecord
from kapelle.telemetry.redact import redact, redact_text

SCHEMA_VERSION = 1
MAX_STATE = 16_000_000
"""Bytes a session's state may come to."""
MAX_PAGE = 1_000
"""Turns, or sessions, at once."""
LAST_TURN = 2**31 - 1
SHORT = 2_000
"""Characters kept of a prompt and of an answer; the run has the whole."""
FOR_EVER = datetime(9999, 12, 31, tzinfo=UTC)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")


class Session(BaseModel):
    """A session as it stands."""

    model_config = ConfigDict(frozen=True)

    id: str
    owner: str
    state: dict[str, JsonValue] = Field(default_factory=dict)
    version: int = 1
    """Raised by each save; a save names the one it was made from."""
    created: datetime
    updated: datetime
    expires_at: datetime
    """From then on it is absent, unless it is used before, or a run of it goes on."""
    schema_version: int = SCHEMA_VERSION


class Turn(BaseModel):
    """One run of a session that ended. A rerun changes what it says, not its place."""

    model_config = ConfigDict(frozen=True)

    n: int = 0
    """Its place in the session, from 1."""
    run: str
    at: datetime
    prompt: str
    status: str
    answer: str = ""


class SessionStore(Protocol):
    """Keeps the sessions of every owner. Two implementations: in memory, and in the database."""

    async def put(self, session: Session, *, expect: int | None) -> Session:
        """Write a session; None: it must not be there yet.

        Raises:
            Conflict: somebody else has written it meanwhile, or it is there; nothing was written.
            NotFound: it is not there, or expired.
        """

    async def find(self, owner: str, id: str) -> Session | None:
        """A session; None when there is none, or it expired."""

    async def list(self, owner: str, *, limit: int) -> list[Session]:
        """The sessions of an owner, those used last first."""

    async def delete(self, owner: str, id: str) -> bool:
        """Forget a session and its turns; False when there was none."""

    async def touch(self, owner: str, id: str) -> None:
        """Use a session: it is made where it is absent, and expires later."""

    async def turns(self, owner: str, id: str, *, limit: int, before: int | None) -> Sequence[Turn]:
        """The last turns, or the last before a number; the newest at the end."""


class Sessions:
    """The sessions of one owner."""

    def __init__(self, store: SessionStore, owner: str, *, days: float | None) -> None:
        """Args:
        days: without use, after which a session expires; None: never.
        """
        self._store = store
        self._owner = owner
        self._days = days

    async def create(self, id: str | None = None, *, state: Mapping[str, JsonValue] | None = None) -> Session:
        """Make a session.

        Args:
            id: your own name for it; None: one is made.

        Raises:
            BadInput: the id is malformed, or the state is no JSON object.
            Conflict: there is one of this id.
        """
        chosen = check_session_id(id) if id is not None else new_id("session")
        return await self._store.put(self._made(chosen, {} if state is None else state, 1), expect=None)

    async def get(self, id: str) -> Session | None:
        """A session as it stands; None when there is none, or it expired.

        Raises:
            BadInput: the id is malformed.
        """
        return await self._store.find(self._owner, check_session_id(id))

    async def save(self, id: str, state: Mapping[str, JsonValue], *, expect: int) -> Session:
        """Write a session's state, unless somebody else has written it since.

        Args:
            expect: the version that the state was made from.

        Raises:
            BadInput: the id is malformed, or the state is no JSON object.
            Conflict: it has another version by now; nothing was written.
            NotFound: there is no such session, or it expired.
        """
        return await self._store.put(self._made(check_session_id(id), state, expect + 1), expect=expect)

    async def list(self, *, limit: int = 50) -> list[Session]:
        """The sessions, those used last first; expired ones are left out."""
        return await self._store.list(self._owner, limit=_page(limit))

    async def delete(self, id: str) -> bool:
        """Forget a session and its history; its runs stay. False when there was none.

        Raises:
            BadInput: the id is malformed.
        """
        return await self._store.delete(self._owner, check_session_id(id))

    async def touch(self, id: str) -> None:
        """Use a session: it is made where it is absent, and expires later.

        Raises:
            BadInput: the id is malformed.
        """
        await self._store.touch(self._owner, check_session_id(id))

    async def history(self, id: str, *, limit: int = 50, before: int | None = None) -> Sequence[Turn]:
        """What was asked and answered, the newest at the end.

        Args:
            limit: at most so many of the last turns.
            before: of those before this number; pass the first one's `n` for the page before it.

        Raises:
            BadInput: the id is malformed, or a number is out of its bounds.
            NotFound: there is no such session, or it expired.
        """
        if await self.get(id) is None:
            raise no_session(id)
        if before is not None and not 0 <= before <= LAST_TURN:
            raise BadInput(f"`before`: expected the number of a turn, 0 to {LAST_TURN}, not {before}")
        return await self._store.turns(self._owner, id, limit=_page(limit), before=before)

    def _made(self, id: str, state: Mapping[str, JsonValue], version: int) -> Session:
        from_now = new_times(self._days)
        return Session(id=id, owner=self._owner, state=check_state(state), version=version, **from_now)


def new_times(days: float | None) -> dict[str, Any]:  # Any: fields of Session
    """The times of a session that is used now."""
    now = clock.now()
    return {"created": now, "updated": now, "expires_at": now + timedelta(days=days) if days else FOR_EVER}


def check_session_id(id: str) -> str:
    """A session's id as it may be used.

    Raises:
        BadInput: it is malformed.
    """
    if not isinstance(id, str) or not _ID.fullmatch(id):
        raise BadInput(
            f"session id `{str(id)[:60]!s}`: expected 1 to 128 letters, digits, `.`, `_`, `:`, `@`, `-`, "
            "the first a letter or digit"
        )
    return id


def check_state(state: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """A session's state as it may be stored, without secrets.

    Raises:
        BadInput: it is no JSON object, or too large.
    """
    if not isinstance(state, Mapping):
        raise BadInput(f"`state`: expected an object, got {type(state).__name__}")
    try:
        text = json.dumps(dict(state), ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"`state`: expected JSON: {error}") from None
    if size > MAX_STATE:
        raise BadInput(f"`state`: {size} bytes; at most {MAX_STATE}")
    found: dict[str, JsonValue] = redact(json.loads(text))
    return found


def no_session(id: str) -> NotFound:
    """What an owner is told who has no such session."""
    return NotFound(f"there is no session `{id}`, or it expired; `kapelle sessions` lists them")


def turn_of(record: RunRecord, at: datetime) -> Turn:
    """What a session keeps of a run that ended."""
    output = record.output
    text = output.get("text") if isinstance(output, dict) and "text" in output else output
    if text is None:
        answer = record.error.message if record.error is not None else ""
    else:
        answer = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
    return Turn(
        run=record.id,
        at=at,
        prompt=record.task.prompt[:SHORT],
        status=record.status,
        answer=redact_text(answer)[:SHORT],
    )


def _page(limit: int) -> int:
    if not 1 <= limit <= MAX_PAGE:
        raise BadInput(f"`limit`: expected 1 to {MAX_PAGE}, got {limit}")
    return limit
