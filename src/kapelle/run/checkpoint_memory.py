"""The checkpoint in memory: for tests, for the floor of the benchmarks, and for runs that end with their process."""

from collections import Counter
from collections.abc import Callable, Sequence

from pydantic import JsonValue

from kapelle import clock
from kapelle.run.approvals import approval_memory
from kapelle.run.approvals.approval import ApprovalRecord
from kapelle.run.checkpoint import Batch, CancelledMeanwhile, DecidedMeanwhile, Past, is_past, seconds_walked
from kapelle.run.inside.deltas import Piece
from kapelle.run.inside.journal import Entry
from kapelle.run.memory import MemoryRun
from kapelle.run.model import Event, RunRecord


class MemoryCheckpoint:
    """A run's rows as Python objects."""

    def __init__(self, run: MemoryRun) -> None:
        self._run = run

    async def past(self) -> Past:
        """What is already recorded."""
        entered = Counter(event.path for event in self._run.events if event.kind in ("step.started", "step.restarted"))
        executions = {path: count for path, count in entered.items() if path is not None}
        return Past(
            results=dict(self._run.results),
            executions=executions,
            texts=dict(self._run.texts),
            revisions=dict(self._run.revisions),
            again=frozenset(self._run.again),
            done_before=dict(self._run.done_before),
        )

    async def commit(self, batch: Batch) -> int:
        """Record a batch."""
        run = self._run
        if await self.settled(batch.waits_for):
            raise DecidedMeanwhile
        if batch.unless_cancelled and run.record.cancel_requested:
            raise CancelledMeanwhile
        at = clock.now()
        for event in batch.events:
            seq = len(run.events) + 1
            run.events.append(Event(run=run.record.id, seq=seq, at=at, **event.model_dump()))
            if event.kind in ("step.started", "step.restarted"):
                run.again.discard(event.path or "")
        run.results.update((result.path, result) for result in batch.results)
        run.texts.update(((text.source, text.sha256), text) for _, text in batch.texts)
        for request in batch.approvals:
            approval_memory.put(run, request)
        if batch.run is not None:
            run.record = changed(run.record, batch)
        run.pieces[:] = [piece for piece in run.pieces if piece.path not in batch.silenced]
        run.tell()
        return 0

    async def say(self, pieces: Sequence[Piece]) -> None:
        """Keep text as it is being written."""
        self._run.pieces.extend(pieces)
        self._run.tell()

    async def walked(self) -> float:
        """Seconds for which the run was walked before."""
        return seconds_walked((event.kind, event.at) for event in self._run.events)

    async def cancel_requested(self) -> bool:
        """Whether somebody asked for the run to be cancelled."""
        return self._run.record.cancel_requested

    async def settled(self, refs: Sequence[str]) -> dict[str, JsonValue]:
        """Of the given references, those that are settled."""
        found: dict[str, JsonValue] = {ref: True for ref in refs if is_past(ref)}
        approval_memory.attend(self._run, clock.now())
        for ref in refs:
            known = self._run.approvals.get(ref.removeprefix("approval:"))
            if known is not None and known.decision is not None:
                found[ref] = dict(known.output)
        return found

    async def calls(self, path: str, revision: int) -> dict[str, Entry]:
        """The calls a step has made, by key."""
        return {key[2]: entry for key, entry in self._run.calls.items() if key[:2] == (path, revision)}

    async def record_call(self, path: str, revision: int, entry: Entry) -> None:
        """Keep a call."""
        self._run.calls[path, revision, entry.call] = entry

    async def asked(self, path: str) -> list[ApprovalRecord]:
        """What a step has asked people."""
        approval_memory.attend(self._run, clock.now())
        return [one for one in self._run.approvals.values() if one.path == path]

    async def withdraw(self, path: str, approvals: list[str]) -> None:
        """Close questions that the step does not ask any more."""
        approval_memory.withdraw(self._run, approvals, "the step does not ask it any more")

    async def clearance(self) -> None:
        """Nobody else can take over what is in memory."""

    def listen(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call `listener` when somebody decided or cancelled."""
        self._run.listeners.append(listener)
        return lambda: self._run.listeners.remove(listener)


def changed(record: RunRecord, batch: Batch) -> RunRecord:
    """The run's record after a batch."""
    change = batch.run
    assert change is not None
    names = ("plan", "output", "error", "spent")
    update = {name: value for name in names if (value := getattr(change, name)) is not None}
    at = clock.now()
    if change.status == "running" and record.started is None:
        update["started"] = at
    after = record.model_copy(update={**update, "status": change.status, "waiting_for": change.waiting_for})
    return after.model_copy(update={"ended": at}) if after.ended_already else after
