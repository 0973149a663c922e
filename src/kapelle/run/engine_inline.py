"""The engine in memory: runs end with their process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from kapelle import clock
from kapelle.errors import BadInput, Refused, RunStuck, SettingsError
from kapelle.run import rows
from kapelle.run.again import rerun_memory
from kapelle.run.again.rerun import Rerun
from kapelle.run.approvals import approval_memory
from kapelle.run.approvals.approval import ApprovalRecord, AuditEntry, Verdict, no_such
from kapelle.run.checkpoint_memory import MemoryCheckpoint
from kapelle.run.engine import Work
from kapelle.run.inside.deltas import Piece
from kapelle.run.kept.retention import Kind, PurgeReport
from kapelle.run.kept.sessions_memory import MemorySessions
from kapelle.run.leases import Holder
from kapelle.run.memory import MemoryRun
from kapelle.run.model import Event, NewEvent, RunRecord, StepResult, Stuck
from kapelle.run.recorded.recording import Recording, recording_of
from kapelle.run.schedules import Schedule, Tick
from kapelle.run.stuck import held_back
from kapelle.run.telling import tell_decided
from kapelle.run.walk import Walk
from kapelle.store.archive import Archive


class InlineEngine:
    """Runs as Python objects, walked by tasks of the calling loop."""

    def __init__(self, *, session_days: float | None = None) -> None:
        """Args:
        session_days: without use, after which a session expires; None: never.
        """
        self.sessions = MemorySessions(session_days)
        self._runs: dict[str, MemoryRun] = {}
        self._walks: dict[str, asyncio.Task[None]] = {}
        self._faults: dict[str, BaseException] = {}

    async def start(self, record: RunRecord, work: Work, *, here: bool = True, delay: float = 0.0) -> RunRecord:
        """Make a run and walk it; the same key gives the same run."""
        if not here:
            raise BadInput("`here=False`: runs in memory have no workers; use the durable engine")
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
        stuck = held_back(found.standing, found.results, work.catalog)
        if stuck is not None:
            await self.hold_back(run, owner, stuck)
            raise RunStuck(run, stuck.reason)
        update = {"status": "queued", "waiting_for": None, "stuck": None, "generation": found.record.generation + 1}
        found.record = found.record.model_copy(update=update)
        self._walk(found, work)
        return found.standing

    async def rerun(self, again: Rerun) -> RunRecord:
        """Put aside what is done again; the run is left for `resume`."""
        found = self._get(again.record.id, again.record.owner)
        if again.record.id in self._walks:
            if not found.record.ended_already:
                raise Refused(f"run `{again.record.id}` is being walked; cancel it first, or fork it")
            await asyncio.wait({self._walks[again.record.id]})
        rerun_memory.supersede(found, again)
        return found.standing

    async def fork(self, again: Rerun, fork: RunRecord) -> RunRecord:
        """Make a run of what is kept of another; it is left for `resume`."""
        found = self._get(again.record.id, again.record.owner)
        self._runs[fork.id] = rerun_memory.copy_run(found, again, fork)
        return fork

    async def changes(self, run: str, owner: str) -> list[tuple[str, str]]:
        """Path and tool of the writes that its steps made in a loop of their own."""
        calls = self._get(run, owner).calls.items()
        return sorted({(path, entry.what) for (path, _, _), entry in calls if entry.effect == "write"})

    async def recorded(self, run: str, owner: str) -> Recording:
        """Everything of a run that a replay needs."""
        return recording_of(self._get(run, owner))

    async def hold_back(self, run: str, owner: str, stuck: Stuck) -> None:
        """Write down why a run that nobody walks cannot go on."""
        found = self._get(run, owner)
        found.record = found.record.model_copy(update={"stuck": stuck})

    async def stranded(self, owner: str) -> list[RunRecord]:
        """Those that were held back; what is in memory was made by this very code."""
        found = [run.standing for run in self._runs.values() if run.record.owner == owner]
        return [one for one in found if one.stuck is not None and not one.ended_already]

    def _walk(self, run: MemoryRun, work: Work) -> None:
        record = run.record
        assert record.plan is not None
        # What waits in memory waits there anyway: its walk ends at once.
        limits = work.with_limits(park_after=0.0).limits
        walk = Walk(record.id, record.task, record.plan, MemoryCheckpoint(run), work.perform, limits)

        async def follow() -> None:
            try:
                await walk()
                if run.record.task.session is not None and run.record.ended_already:
                    await self.sessions.end(run.standing)
            except Exception as error:  # told by `settled`
                self._faults[record.id] = error
            finally:
                self._walks.pop(record.id, None)

        self._walks[record.id] = asyncio.create_task(follow())

    async def _wakes(self, run: MemoryRun) -> bool:
        return bool(await MemoryCheckpoint(run).settled((run.record.waiting_for or "").split(", ")))

    def _get(self, run: str, owner: str) -> MemoryRun:
        found = self._runs.get(run)
        if found is None or found.record.owner != owner:
            raise rows.no_run(run)
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

    async def workers(self) -> list[Holder]:
        """Runs in memory have none."""
        return []

    async def pieces(self, run: str, owner: str) -> list[Piece]:
        """The text that its steps are writing."""
        return list(self._get(run, owner).pieces)

    def listen(self, run: str, listener: Callable[[], object]) -> Callable[[], None]:
        """Call `listener` when a run may have new events; the result ends it."""
        known = self._runs.get(run)
        return known.follow(listener) if known is not None else lambda: None

    async def results(self, run: str, owner: str) -> list[StepResult]:
        """What came of its steps so far."""
        return list(self._get(run, owner).results.values())

    async def approvals(
        self, owner: str, *, run: str | None = None, id: str | None = None, pending: bool = False
    ) -> list[ApprovalRecord]:
        """Questions to people, oldest first."""
        await self.attend()
        mine = [memory for memory in self._runs.values() if memory.record.owner == owner]
        found = [
            one
            for memory in mine
            for one in memory.approvals.values()
            if not (pending and (one.decision is not None or memory.record.ended_already))
        ]
        return [one for one in found if (run is None or one.run == run) and (id is None or one.id == id)]

    async def decide(self, verdict: Verdict) -> ApprovalRecord:
        """Decide, once."""
        for memory in self._runs.values():
            if verdict.approval in memory.approvals and memory.record.owner == verdict.owner:
                try:
                    decided = approval_memory.decide(memory, verdict)
                finally:
                    memory.ring()
                tell_decided(decided)
                return decided
        raise no_such(verdict.approval)

    async def attend(self) -> None:
        """Warn of approvals that expire, and escalate or reject those that have."""
        for memory in self._runs.values():
            if approval_memory.attend(memory, clock.now()):
                memory.ring()

    async def history(self, owner: str, *, approval: str | None = None, run: str | None = None) -> list[AuditEntry]:
        """What happened to approvals, oldest first."""
        found = [one for memory in self._runs.values() if memory.record.owner == owner for one in memory.audit]
        wanted = [one for one in found if approval in (None, one.approval) and run in (None, one.run)]
        return sorted(wanted, key=lambda one: one.at)

    async def cancel(self, run: str, owner: str, work: Work) -> RunRecord:
        """Ask for a run to be cancelled; one that nobody walks is walked to its end."""
        found = self._get(run, owner)
        if not found.record.ended_already:
            found.record = found.record.model_copy(update={"cancel_requested": True})
            found.ring()
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
        found = self._get(run, owner)
        if found.record.status == "waiting" and await self._wakes(found):
            await self.resume(run, owner, work)
            return await self.settled(run, owner, work)
        return found.standing

    async def schedule(self, schedule: Schedule) -> Schedule:
        """Runs in memory have no workers that would begin it."""
        raise BadInput("`schedule`: runs in memory have no workers; use the durable engine")

    async def schedules(self, owner: str) -> list[Schedule]:
        """None, as there are no workers."""
        return []

    async def unschedule(self, owner: str, name: str) -> bool:
        """There is none."""
        return False

    async def serve(self, work_of: Callable[[RunRecord], Awaitable[Work]], *, catalog: str, tick: Tick) -> None:
        """Runs in memory have no queue."""
        raise SettingsError("runs in memory have no queue; serve with the durable engine")

    async def purge(
        self,
        cutoffs: Mapping[Kind, datetime],
        owner: str | None,
        *,
        archive: Archive | None = None,
        dry_run: bool = False,
        pause: float = 0.0,
    ) -> PurgeReport:
        """Nothing is kept in memory beyond its process, so nothing is deleted."""
        return PurgeReport(dry_run=dry_run, archive=None, kinds=())

    async def close(self) -> None:
        """Stop every walk."""
        walks = list(self._walks.values())
        for walk in walks:
            walk.cancel()
        await asyncio.gather(*walks, return_exceptions=True)


def _append(run: MemoryRun, event: NewEvent) -> None:
    run.events.append(Event(run=run.record.id, seq=len(run.events) + 1, at=clock.now(), **event.model_dump()))
