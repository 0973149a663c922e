"""The journal: what a step's own loop has called so far, so that a re-entry after a crash does not call it again."""

from collections.abc import Awaitable, Callable
from typing import Literal, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, JsonValue

from kapelle.evidence.model import Document
from kapelle.run.approvals.approval import ApprovalRecord, hash_of
from kapelle.telemetry.redact import redact

Effect: TypeAlias = Literal["read", "write"]


class Entry(BaseModel):
    """One call that was made, and what came of it."""

    model_config = ConfigDict(frozen=True)

    call: str
    """Its key inside the step: a tool call's id, or the index of a message."""
    what: str = ""
    """The tool's name, or what was asked."""
    effect: Effect = "read"
    request: JsonValue = None
    """What was asked for; `request_hash` is its hash."""
    request_hash: str
    result: JsonValue = None
    texts: tuple[Document, ...] = ()
    """What it read and kept."""


class JournalStore(Protocol):
    """Where the calls of one run are kept. Each checkpoint is one; what it writes carries the run's fence."""

    async def calls(self, path: str, revision: int) -> dict[str, Entry]:
        """The calls a step has made, by key."""

    async def record_call(self, path: str, revision: int, entry: Entry) -> None:
        """Keep a call before the loop goes on; one of the same key is recorded over.

        Raises:
            OwnershipLost: another process took the run over; nothing was recorded.
        """

    async def asked(self, path: str) -> list[ApprovalRecord]:
        """What a step has asked people."""

    async def withdraw(self, path: str, approvals: list[str]) -> None:
        """Close questions that the step does not ask any more."""


class Diverged(Exception):
    """A re-entry wants to make another call where a write has happened; a person decides."""

    def __init__(self, recorded: Entry, request: JsonValue) -> None:
        super().__init__(f"call `{recorded.call}` wrote something else before")
        self.recorded = recorded
        self.request = request


class Journal:
    """The calls of one step, under (run, path, revision)."""

    def __init__(self, store: JournalStore, path: str, revision: int, entries: dict[str, Entry]) -> None:
        self._store = store
        self._path = path
        self._revision = revision
        self._entries = entries
        self._visited: set[str] = set()

    @classmethod
    async def of(cls, store: JournalStore, path: str, revision: int, *, fresh: bool) -> "Journal":
        """That of a step.

        Args:
            fresh: the step is entered for the first time; there is nothing to read.
        """
        return cls(store, path, revision, {} if fresh else await store.calls(path, revision))

    def recorded(self, call: str, request: JsonValue, *, effect: Effect) -> Entry | None:
        """What is recorded of this very call; None: it is to be made.

        A read that asks something else than what is recorded is made anew, and recorded over.

        Raises:
            Diverged: a write is recorded under this key, or this is one, and it is another call.
        """
        self._visited.add(call)
        known = self._entries.get(call)
        if known is None or known.request_hash == hash_of(request):
            return known
        if "write" in (known.effect, effect):
            raise Diverged(known, request)
        return None

    async def record(self, entry: Entry) -> None:
        """Keep a call that was made, before the loop goes on."""
        await self._store.record_call(self._path, self._revision, entry)
        self._entries[entry.call] = entry

    async def once(
        self, call: str, request: JsonValue, make: Callable[[], Awaitable[JsonValue]], *, what: str = ""
    ) -> JsonValue:
        """Make a call that changes nothing outside, such as asking a model for message `call`; once.

        Raises:
            Diverged: a write is recorded under this key.
        """
        known = self.recorded(call, request, effect="read")
        if known is not None:
            return known.result
        result: JsonValue = redact(await make())
        await self.record(Entry(call=call, what=what, request=request, request_hash=hash_of(request), result=result))
        return result

    def dropped(self) -> list[Entry]:
        """Writes that happened and that this entry into the step has passed over."""
        return [one for one in self._entries.values() if one.effect == "write" and not self._passed(one.call)]

    def _passed(self, call: str) -> bool:
        # Calls that a call made itself stand below its key; where it was recorded they are not made again.
        parts = call.split("/")
        return any("/".join(parts[:number]) in self._visited for number in range(1, len(parts) + 1))
