"""Checkpoint: the port by which a walk keeps what is done; everything of one batch, or nothing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pydantic import JsonValue

from kapelle import clock
from kapelle.budget.model import Usage
from kapelle.evidence.model import Document
from kapelle.plan.model import Plan
from kapelle.run.approvals.approval import ApprovalRequest
from kapelle.run.inside.deltas import Piece
from kapelle.run.inside.journal import JournalStore
from kapelle.run.model import NewEvent, RunStatus, StepFailure, StepResult


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChange:
    """What changes in the run's own row; None: stays."""

    status: RunStatus
    waiting_for: str | None = None
    parked: bool = False
    """The walk ends here: nothing of the run is held in memory until what it waits for is settled."""
    wake_at: datetime | None = None
    """When a parked run goes on by itself."""
    plan: Plan | None = None
    output: JsonValue = None
    error: StepFailure | None = None
    spent: Usage | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One item of a spread map, walked by itself."""

    map: str
    """The map's path."""
    number: int

    @property
    def prefix(self) -> str:
        """What the paths of its steps begin with."""
        return f"{self.map}/{self.number}/"


@dataclass(frozen=True, slots=True)
class Spread:
    """The items of a map that are walked as parts of their own, anywhere."""

    path: str
    """The map's."""
    items: int
    width: int
    """Items at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartEnd:
    """What became of the part that this walk is."""

    failed: bool = False
    """It failed, and so does its map: items that have not begun are dropped."""
    waits: bool = False
    """It waits for somebody, and is walked on later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Facts that are recorded together."""

    results: tuple[StepResult, ...] = ()
    events: tuple[NewEvent, ...] = ()
    texts: tuple[tuple[str, Document], ...] = ()
    """Path of the step that read it, and the text."""
    approvals: tuple[ApprovalRequest, ...] = ()
    spreads: tuple[Spread, ...] = ()
    run: RunChange | None = None
    part: PartEnd | None = None
    waits_for: tuple[str, ...] = ()
    """What a walk that ends waiting waits for: `approval:ID`, `date:ISO`, `parts:PATH`."""
    unless_cancelled: bool = False
    """It ends the run as if nobody had asked for its cancellation."""
    silenced: tuple[str, ...] = ()
    """Paths of steps whose text, as it was being written, goes: their results are here."""
    lasting: bool = False
    """Something outside was changed, or somebody decided: it must survive a power loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a run has behind it when a walk begins."""

    results: dict[str, StepResult] = field(default_factory=dict)
    """The newest result of every path, suspended ones included."""
    executions: dict[str, int] = field(default_factory=dict)
    """How often each path was entered."""
    texts: dict[tuple[str, str], Document] = field(default_factory=dict)
    """By source and sha256."""
    revisions: dict[str, int] = field(default_factory=dict)
    """Of paths whose result a rerun put aside: the revision of their next one."""
    again: frozenset[str] = frozenset()
    """Those of them that were not entered since."""
    done_before: dict[str, int] = field(default_factory=dict)
    """How often what a rerun put aside had succeeded, by path."""
    bytes: int = 0
    """What the results come to, as stored."""
    just_made: bool = False
    """The run was made a moment ago, by this process: nobody can have asked anything of it yet."""
    parts: dict[str, bool] = field(default_factory=dict)
    """Paths of maps that were spread, and whether every item of them is settled."""


def is_past(ref: str) -> bool:
    """Whether a reference is a date that has come."""
    return ref.startswith("date:") and clock.parse_time(ref.removeprefix("date:")) <= clock.now()


def seconds_walked(story: Iterable[tuple[str, datetime]]) -> float:
    """Seconds between the beginning of each walk and the last that was heard of it; of kinds and times, in order."""
    total, began, last = 0.0, None, None
    for kind, at in story:
        if kind in ("run.started", "run.resumed", "run.waiting"):
            total += (last - began).total_seconds() if began is not None and last is not None else 0.0
            began = last = None if kind == "run.waiting" else at
        elif began is not None:
            last = at
    return total + ((last - began).total_seconds() if began is not None and last is not None else 0.0)


class DecidedMeanwhile(Exception):
    """The run was to be left waiting, and what it waits for is settled: nothing was recorded."""


class CancelledMeanwhile(Exception):
    """The run was to end, and somebody asked for its cancellation: nothing was recorded."""


class Checkpoint(JournalStore, Protocol):
    """What a walk needs of a store. One object serves one generation of one run."""

    async def past(self) -> Past:
        """What is already recorded."""

    async def commit(self, batch: Batch) -> int:
        """Record a batch in one transaction; the bytes its results came to.

        Raises:
            OwnershipLost: another process took the run over; nothing was recorded.
            StoreUnavailable: the database could not be written for longer than the patience allowed.
            DecidedMeanwhile: the batch leaves the run waiting for something that is settled.
            CancelledMeanwhile: the batch ends a run that is to be cancelled.
        """

    async def say(self, pieces: Sequence[Piece]) -> None:
        """Write text down as it is being written.

        Raises:
            OwnershipLost: another process took the run over.
        """

    async def walked(self) -> float:
        """Seconds for which the run was walked before, waiting left out."""

    async def cancel_requested(self) -> bool:
        """Whether somebody asked for the run to be cancelled."""

    async def settled(self, refs: Sequence[str]) -> dict[str, JsonValue]:
        """Of the given references, those that are settled, with what their step learns."""

    async def clearance(self) -> None:
        """Return when something may be changed outside; an owner that may have lost its run is held up first.

        Raises:
            OwnershipLost: another process took the run over.
        """

    def listen(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call `listener` (from any thread) when it is worth looking outside; the result ends it."""
