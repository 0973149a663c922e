"""The checkpoint in memory: for tests, for the floor of the benchmarks, and for runs that end with their process."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from kapelle import clock
from kapelle.evidence.model import Document
from kapelle.run.approval import ApprovalRecord
from kapelle.run.checkpoint import Batch, DecidedMeanwhile, Past
from kapelle.run.model import Event, RunRecord, StepResult


@dataclass(slots=True)
class MemoryRun:
    """Everything of one run."""

    record: RunRecord
    results: dict[str, StepResult] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    texts: dict[tuple[str, str], Document] = field(default_factory=dict)
    approvals: dict[str, ApprovalRecord] = field(default_factory=dict)

    @property
    def standing(self) -> RunRecord:
        """The run as a reader sees it, with the number of its last event."""
        return self.record.model_copy(update={"seq": len(self.events)})


class MemoryCheckpoint:
    """A run's rows as Python objects."""

    def __init__(self, run: MemoryRun) -> None:
        self._run = run

    async def past(self) -> Past:
        """What is already recorded."""
        entered = Counter(event.path for event in self._run.events if event.kind in ("step.started", "step.restarted"))
        executions = {path: count for path, count in entered.items() if path is not None}
        return Past.model_construct(results=dict(self._run.results), executions=executions, texts=dict(self._run.texts))

    async def commit(self, batch: Batch) -> None:
        """Record a batch."""
        run = self._run
        parking = batch.run is not None and batch.run.status == "waiting"
        if parking and await self.settled([ref.removeprefix("approval:") for ref in batch.waits_for]):
            raise DecidedMeanwhile
        at = clock.now()
        for event in batch.events:
            seq = len(run.events) + 1
            run.events.append(Event(run=run.record.id, seq=seq, at=at, **event.model_dump()))
        run.results.update((result.path, result) for result in batch.results)
        run.texts.update(((text.source, text.sha256), text) for _, text in batch.texts)
        for request in batch.approvals:
            run.approvals[request.id] = ApprovalRecord(owner=run.record.owner, **request.model_dump())
        if batch.run is not None:
            run.record = changed(run.record, batch)

    async def cancel_requested(self) -> bool:
        """Whether somebody asked for the run to be cancelled."""
        return self._run.record.cancel_requested

    async def settled(self, refs: Sequence[str]) -> dict[str, JsonValue]:
        """Of the given approvals, those that are decided."""
        known = {ref: self._run.approvals[ref] for ref in refs if ref in self._run.approvals}
        return {ref: dict(one.output) for ref, one in known.items() if one.decision is not None}


def changed(record: RunRecord, batch: Batch) -> RunRecord:
    """The run's record after a batch."""
    change = batch.run
    assert change is not None
    update = change.model_dump(exclude_none=True, exclude={"plan", "spent", "error"})
    update |= {name: value for name in ("plan", "spent", "error") if (value := getattr(change, name)) is not None}
    at = clock.now()
    if change.status == "running" and record.started is None:
        update["started"] = at
    after = record.model_copy(update={**update, "waiting_for": change.waiting_for})
    return after.model_copy(update={"ended": at}) if after.ended_already else after
