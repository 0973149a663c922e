"""Engine: the port that starts, resumes and cancels runs, and reads what came of them."""

from dataclasses import dataclass
from typing import Protocol

from kapelle.run.approval import ApprovalRecord, Decision
from kapelle.run.model import Event, RunRecord, StepResult
from kapelle.run.outcome import Performer
from kapelle.run.walk import Limits


@dataclass(frozen=True, slots=True)
class Work:
    """How the runs of one orchestrator are performed."""

    perform: Performer
    limits: Limits


class Engine(Protocol):
    """Owns runs. Two implementations: in memory, and durable on DBOS; both pass tests/contract/test_engine.py."""

    async def start(self, record: RunRecord, work: Work) -> RunRecord:
        """Make a run and begin to walk it here; a key that is taken gives the run that has it.

        Raises:
            StoreUnavailable: the database cannot be written.
        """

    async def resume(self, run: str, owner: str, work: Work) -> RunRecord:
        """Walk an interrupted or decided run on, here; one that is walked by a living process is left to it.

        Raises:
            NotFound: there is no such run.
        """

    async def read(self, run: str, owner: str) -> RunRecord:
        """One run as it stands."""

    async def runs(self, owner: str, *, limit: int = 50) -> list[RunRecord]:
        """The newest runs first."""

    async def interrupted(self, owner: str) -> list[RunRecord]:
        """Runs that are not ended, not waiting, and that no living process walks."""

    async def events(self, run: str, owner: str, *, after: int = 0) -> list[Event]:
        """Events of a run after a number, in order."""

    async def results(self, run: str, owner: str) -> list[StepResult]:
        """What came of its steps so far."""

    async def approvals(self, owner: str, *, run: str | None = None, pending: bool = False) -> list[ApprovalRecord]:
        """Questions to people, oldest first."""

    async def decide(
        self, approval: str, owner: str, decision: Decision, *, by: str, reason: str = "", arguments: object = None
    ) -> ApprovalRecord:
        """Decide, once.

        Raises:
            NotFound: there is no such approval.
            AlreadyDecided: somebody else decided first; the message says who.
            Refused: its run has ended.
        """

    async def cancel(self, run: str, owner: str, work: Work) -> RunRecord:
        """Ask for a run to be cancelled; one that nobody walks is ended here."""

    async def settled(self, run: str, owner: str, work: Work) -> RunRecord:
        """Wait until a run ended or waits.

        Raises:
            StoreUnavailable: its walk here gave up on the database; the run can be resumed.
        """

    async def close(self) -> None:
        """Stop walking here; what is unfinished can be resumed."""
