"""Engine: the port that starts, resumes and cancels runs, and reads what came of them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from kapelle.plan.catalog import Catalog
from kapelle.run.again.rerun import Rerun
from kapelle.run.approvals.approval import ApprovalRecord, AuditEntry, Verdict
from kapelle.run.inside.deltas import Piece
from kapelle.run.kept.retention import Kind, PurgeReport
from kapelle.run.kept.sessions import SessionStore
from kapelle.run.leases import Holder
from kapelle.run.model import Event, RunRecord, StepResult, Stuck
from kapelle.run.outcome import Performer
from kapelle.run.recorded.recording import Recording
from kapelle.run.schedules import Schedule, Tick
from kapelle.run.walk import Limits
from kapelle.store.archive import Archive


@dataclass(frozen=True, slots=True)
class Work:
    """How the runs of one orchestrator are performed."""

    perform: Performer
    limits: Limits
    catalog: Catalog
    """What is registered: a run that needs something else is held back, not walked into failure."""

    def with_limits(self, **changed: Any) -> "Work":  # Any: fields of Limits
        """The same with some limits changed."""
        return replace(self, limits=replace(self.limits, **changed))


class Engine(Protocol):
    """Owns runs. Two implementations: in memory, and durable on DBOS; both pass tests/contract/test_engine.py."""

    @property
    def sessions(self) -> SessionStore:
        """The sessions that runs are of; a run that ends becomes a turn of its session."""

    async def start(self, record: RunRecord, work: Work, *, here: bool = True, delay: float = 0.0) -> RunRecord:
        """Make a run; a key that is taken gives the run that has it.

        Args:
            here: begin to walk it in this process; else leave it to whoever serves its queue.
            delay: seconds before the workers may begin.

        Raises:
            QueueFull: too many runs stand in the queue; nothing was made.
            StoreUnavailable: the database cannot be written.
        """

    async def resume(self, run: str, owner: str, work: Work) -> RunRecord:
        """Walk an interrupted or decided run on, here; one that is walked by a living process is left to it.

        Raises:
            NotFound: there is no such run.
            RunStuck: with the code as it is the run would fail although nothing is wrong with it; it is kept.
        """

    async def rerun(self, again: Rerun) -> RunRecord:
        """Put aside what is done again of a run that nobody living walks; it is left for `resume`.

        Raises:
            Refused: it is being walked, or has moved on since it was looked at; nothing was changed.
        """

    async def fork(self, again: Rerun, fork: RunRecord) -> RunRecord:
        """Make a run of what is kept of another, which is left as it is; the new one is left for `resume`.

        Raises:
            Refused: what was to be kept is gone meanwhile; nothing was made.
        """

    async def changes(self, run: str, owner: str) -> list[tuple[str, str]]:
        """Path and tool of the writes that its steps made in a loop of their own."""

    async def recorded(self, run: str, owner: str) -> Recording:
        """Everything of a run that a replay needs, as it stands.

        Raises:
            NotFound: there is no such run, or a payload of it was purged.
        """

    async def hold_back(self, run: str, owner: str, stuck: Stuck) -> None:
        """Write down why a run that nobody walks cannot go on; it is otherwise left as it is."""

    async def stranded(self, owner: str) -> list[RunRecord]:
        """Runs that this version cannot read, ended or not, and those that were held back; oldest first."""

    async def read(self, run: str, owner: str) -> RunRecord:
        """One run as it stands."""

    async def runs(self, owner: str, *, limit: int = 50) -> list[RunRecord]:
        """The newest runs first."""

    async def interrupted(self, owner: str) -> list[RunRecord]:
        """Runs that are not ended, not waiting, and that no living process walks."""

    async def events(self, run: str, owner: str, *, after: int = 0) -> list[Event]:
        """Events of a run after a number, in order."""

    async def workers(self) -> list[Holder]:
        """The living processes that take runs from a queue."""

    async def pieces(self, run: str, owner: str) -> list[Piece]:
        """The text that its steps are writing, as far as it is there."""

    def listen(self, run: str, listener: Callable[[], object]) -> Callable[[], None]:
        """Call `listener`, from any thread, when a run may have new events; the result ends it."""

    async def results(self, run: str, owner: str) -> list[StepResult]:
        """What came of its steps so far."""

    async def approvals(
        self, owner: str, *, run: str | None = None, id: str | None = None, pending: bool = False
    ) -> list[ApprovalRecord]:
        """Questions to people, oldest first; pending ones are undecided, and their run goes on."""

    async def decide(self, verdict: Verdict) -> ApprovalRecord:
        """Decide, once.

        Raises:
            NotFound: there is no such approval.
            AlreadyDecided: somebody else decided first; the message says who, what and when.
            ApprovalExpired: nobody decided in time.
            ApprovalChanged: it asks something else than what was seen.
            Refused: its run has ended, or who decides lacks the role.
        """

    async def attend(self) -> None:
        """Warn of approvals that expire, and escalate or reject those that have; a worker does so all the time."""

    async def history(self, owner: str, *, approval: str | None = None, run: str | None = None) -> list[AuditEntry]:
        """What happened to approvals, oldest first; it outlives their runs."""

    async def cancel(self, run: str, owner: str, work: Work) -> RunRecord:
        """Ask for a run to be cancelled; one that nobody walks is ended here."""

    async def settled(self, run: str, owner: str, work: Work) -> RunRecord:
        """Wait until a run ended or waits.

        Raises:
            StoreUnavailable: its walk here gave up on the database; the run can be resumed.
        """

    async def schedule(self, schedule: Schedule) -> Schedule:
        """Write down when workers begin a task; the same name again replaces it. It comes back with its next time.

        Raises:
            BadInput: its cron expression cannot be read, or there are no workers.
        """

    async def schedules(self, owner: str) -> list[Schedule]:
        """What an owner has scheduled, by name."""

    async def unschedule(self, owner: str, name: str) -> bool:
        """Begin it no more; False when there was none."""

    async def serve(self, work_of: Callable[[RunRecord], Awaitable[Work]], *, catalog: str, tick: Tick) -> None:
        """Take runs from the queue and look after those of dead processes, until cancelled.

        Args:
            catalog: the hash of what is registered here; runs that another code could not go on with are tried again.
            tick: begins the run of a schedule's time.

        Raises:
            SettingsError: the engine was not opened for serving.
        """

    async def purge(
        self,
        cutoffs: Mapping[Kind, datetime],
        owner: str | None,
        *,
        archive: Archive | None = None,
        dry_run: bool = False,
        pause: float = 0.0,
    ) -> PurgeReport:
        """Delete what was over before some times, a little at once; unfinished runs are left alone.

        Args:
            cutoffs: by kind; see `retention.cutoffs`.
            owner: None: of every owner.
            archive: where it is written before; None: nowhere.
            pause: seconds between two bites.

        Raises:
            StoreUnavailable: the archive or the database cannot be written; what was not archived is still there.
        """

    async def close(self) -> None:
        """Stop walking here; what is unfinished can be resumed."""
