"""The engine in memory: runs end with their process."""

import asyncio

from kapelle import clock
from kapelle.errors import AlreadyDecided, NotFound, Refused
from kapelle.run import rows
from kapelle.run.approval import ApprovalRecord, Decision
from kapelle.run.checkpoint_memory import MemoryCheckpoint, MemoryRun
from kapelle.run.engine import Work
from kapelle.run.model import Event, NewEvent, RunRecord, StepResult
from kapelle.run.walk import Walk


class InlineEngine:
    """Runs as Python objects, walked by tasks of the calling loop."""

    def __init__(self) -> None:
        self._runs: dict[str, MemoryRun] = {}
        self._walks: dict[str, asyncio.Task[None]] = {}
        self._faults: dict[str, BaseException] = {}

    async def start(self, record: RunRecord, work: Work) -> RunRecord:
        """Make a run and walk it; the same key gives the same run."""
        for known in self._runs.values():
            if record.key is not None and (known.record.owner, known.record.key) == (record.owner, record.key):
                return await self.resume(known.record.id, record.owner, work)
        run = MemoryRun(record)
        self._runs[record.id] = run
        for event in rows.first_events(record):
            _append(run, event)
        self._walk(run, work)
        return record

    async def resume(self, run: str, owner: str, work: Work) -> RunRecord:
        """Walk a run on, unless it ended, is walked, or still waits."""
        found = self._get(run, owner)
        if found.record.ended_already or run in self._walks:
            return found.standing
        if found.record.status == "waiting" and not await self._wakes(found):
            return found.standing
        update = {"status": "queued", "waiting_for": None, "generation": found.record.generation + 1}
        found.record = found.record.model_copy(update=update)
        self._walk(found, work)
        return found.standing

    def _walk(self, run: MemoryRun, work: Work) -> None:
        record = run.record
        assert record.plan is not None
        walk = Walk(record.id, record.task, record.plan, MemoryCheckpoint(run), work.perform, work.limits)

        async def follow() -> None:
            try:
                await walk()
            except Exception as error:  # told by `settled`
                self._faults[record.id] = error
            finally:
                self._walks.pop(record.id, None)

        self._walks[record.id] = asyncio.create_task(follow())

    async def _wakes(self, run: MemoryRun) -> bool:
        refs = (run.record.waiting_for or "").split(", ")
        now = clock.now()
        dates = [ref.removeprefix("date:") for ref in refs if ref.startswith("date:")]
        settled = await MemoryCheckpoint(run).settled([ref.removeprefix("approval:") for ref in refs])
        return bool(settled) or any(clock.parse_time(text) <= now for text in dates)

    def _get(self, run: str, owner: str) -> MemoryRun:
        found = self._runs.get(run)
        if found is None or found.record.owner != owner:
            raise NotFound(f"there is no run `{run}`; `kapelle runs` lists them")
        return found

    async def read(self, run: str, owner: str) -> RunRecord:
        """One run as it stands."""
        return self._get(run, owner).standing

    async def runs(self, owner: str, *, limit: int = 50) -> list[RunRecord]:
        """The newest runs first."""
        found = [run.standing for run in self._runs.values() if run.record.owner == owner]
        return list(reversed(found))[:limit]

    async def interrupted(self, owner: str) -> list[RunRecord]:
        """Runs that are under way and that no task walks."""
        found = [run.record for run in self._runs.values() if run.record.owner == owner]
        return [one for one in found if not one.ended_already and one.status != "waiting" and one.id not in self._walks]

    async def events(self, run: str, owner: str, *, after: int = 0) -> list[Event]:
        """Events of a run after a number."""
        return self._get(run, owner).events[max(after, 0) :]

    async def results(self, run: str, owner: str) -> list[StepResult]:
        """What came of its steps so far."""
        return list(self._get(run, owner).results.values())

    async def approvals(self, owner: str, *, run: str | None = None, pending: bool = False) -> list[ApprovalRecord]:
        """Questions to people, oldest first."""
        found = [
            one
            for memory in self._runs.values()
            for one in memory.approvals.values()
            if one.owner == owner and (run is None or one.run == run)
        ]
        return [one for one in found if not pending or one.decision is None]

    async def decide(
        self, approval: str, owner: str, decision: Decision, *, by: str, reason: str = "", arguments: object = None
    ) -> ApprovalRecord:
        """Decide, once."""
        for memory in self._runs.values():
            found = memory.approvals.get(approval)
            if found is None or found.owner != owner:
                continue
            if found.decision is not None:
                raise AlreadyDecided(f"approval `{approval}` was {found.decision} by {found.by} already")
            if memory.record.ended_already:
                raise Refused(f"approval `{approval}` cannot be decided any more: its run has ended")
            update = {"decision": decision, "by": by, "at": clock.now(), "reason": reason, "edited": arguments}
            memory.approvals[approval] = found.model_copy(update=update)
            data = {"approval": approval, "decision": decision, "by": by}
            _append(memory, NewEvent(kind="approval.decided", path=found.path, data=dict(data)))
            return memory.approvals[approval]
        raise NotFound(f"there is no approval `{approval}`; `kapelle approvals` lists them")

    async def cancel(self, run: str, owner: str, work: Work) -> RunRecord:
        """Ask for a run to be cancelled; one that nobody walks is walked to its end."""
        found = self._get(run, owner)
        if not found.record.ended_already:
            found.record = found.record.model_copy(update={"cancel_requested": True})
            if run not in self._walks:
                self._walk(found, work)
        return found.standing

    async def settled(self, run: str, owner: str, work: Work) -> RunRecord:
        """Wait until a run ended or waits."""
        walk = self._walks.get(run)
        if walk is not None:
            await asyncio.wait({walk})
        if run in self._faults:
            raise self._faults.pop(run)
        return self._get(run, owner).standing

    async def close(self) -> None:
        """Stop every walk."""
        walks = list(self._walks.values())
        for walk in walks:
            walk.cancel()
        await asyncio.gather(*walks, return_exceptions=True)


def _append(run: MemoryRun, event: NewEvent) -> None:
    run.events.append(Event(run=run.record.id, seq=len(run.events) + 1, at=clock.now(), **event.model_dump()))
