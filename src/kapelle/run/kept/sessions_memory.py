"""Sessions in memory: they end with their process."""

from collections.abc import Sequence
from datetime import datetime

from kapelle import clock
from kapelle.errors import Conflict
from kapelle.run.kept.sessions import Session, Turn, new_times, no_session, turn_of
from kapelle.run.model import RunRecord

Key = tuple[str, str]
"""Owner and id."""


class MemorySessions:
    """The sessions of every owner of one engine."""

    def __init__(self, days: float | None) -> None:
        self._days = days
        self._sessions: dict[Key, Session] = {}
        self._turns: dict[Key, list[Turn]] = {}

    async def put(self, session: Session, *, expect: int | None) -> Session:
        """Write a session; None: it must not be there yet."""
        key = session.owner, session.id
        known = self._live(key)
        if expect is None:
            if known is not None:
                raise Conflict(f"there is a session `{session.id}`, at version {known.version}; `get` and `save` it")
            self._sessions[key], self._turns[key] = session, []
            return session
        if known is None:
            raise no_session(session.id)
        if known.version != expect:
            raise behind(session.id, known.version, known.updated, expect)
        self._sessions[key] = session.model_copy(update={"created": known.created})
        return self._sessions[key]

    async def find(self, owner: str, id: str) -> Session | None:
        """A session; None when there is none, or it expired."""
        return self._live((owner, id))

    async def list(self, owner: str, *, limit: int) -> list[Session]:
        """The sessions of an owner, those used last first."""
        mine = [one for key in list(self._sessions) if key[0] == owner and (one := self._live(key)) is not None]
        return sorted(mine, key=lambda one: one.updated, reverse=True)[:limit]

    async def delete(self, owner: str, id: str) -> bool:
        """Forget a session and its turns; False when there was none."""
        live = self._live((owner, id))
        self._sessions.pop((owner, id), None)
        self._turns.pop((owner, id), None)
        return live is not None

    async def touch(self, owner: str, id: str) -> None:
        """Use a session: it is made where it is absent, and expires later."""
        key = owner, id
        known = self._live(key)
        times = new_times(self._days)
        if known is None:
            self._sessions[key], self._turns[key] = Session(id=id, owner=owner, **times), []
        else:
            self._sessions[key] = known.model_copy(update={**times, "created": known.created})

    async def turns(self, owner: str, id: str, *, limit: int, before: int | None) -> Sequence[Turn]:
        """The last turns, or the last before a number; the newest at the end."""
        known = self._turns.get((owner, id), [])
        return [one for one in known if before is None or one.n < before][-limit:]

    async def end(self, record: RunRecord) -> None:
        """Keep what came of a run that ended."""
        assert record.task.session is not None
        await self.touch(record.owner, record.task.session)
        known = self._turns[record.owner, record.task.session]
        turn = turn_of(record, clock.now())
        place = next((place for place, one in enumerate(known) if one.run == record.id), len(known))
        known[place : place + 1] = [turn.model_copy(update={"n": place + 1})]

    def _live(self, key: Key) -> Session | None:
        known = self._sessions.get(key)
        return known if known is not None and known.expires_at > clock.now() else None


def behind(id: str, version: int, updated: datetime, expect: int) -> Conflict:
    """What the slower of two savers is told."""
    ahead = f"it is at version {version} since {clock.to_iso(updated)}"
    return Conflict(f"session `{id}`: {ahead}, yours was made from {expect}; `get` it, apply yours, `save` again")
