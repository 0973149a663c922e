"""A run in memory: its rows as Python objects."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from kapelle.evidence.model import Document
from kapelle.run.approvals.approval import ApprovalRecord, AuditEntry
from kapelle.run.inside.deltas import Piece
from kapelle.run.inside.journal import Entry
from kapelle.run.model import Event, RunRecord, StepResult


@dataclass(slots=True)
class MemoryRun:
    """Everything of one run."""

    record: RunRecord
    results: dict[str, StepResult] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    texts: dict[tuple[str, str], Document] = field(default_factory=dict)
    approvals: dict[str, ApprovalRecord] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)
    calls: dict[tuple[str, int, str], Entry] = field(default_factory=dict)
    """The journal, by path, revision and key."""
    revisions: dict[str, int] = field(default_factory=dict)
    """Of paths whose result a rerun put aside: the revision of their next one."""
    again: set[str] = field(default_factory=set)
    """Those of them that were not entered since."""
    done_before: Counter[str] = field(default_factory=Counter)
    """How often what a rerun put aside had succeeded, by path."""
    listeners: list[Callable[[], object]] = field(default_factory=list)
    """Called when it is worth looking outside."""

    pieces: list[Piece] = field(default_factory=list)
    """Text as it is being written."""
    followers: list[Callable[[], object]] = field(default_factory=list)
    """Called when there may be new events."""

    def follow(self, follower: Callable[[], object]) -> Callable[[], None]:
        """Call `follower` when there may be new events; the result ends it."""
        self.followers.append(follower)
        return lambda: self.followers.remove(follower)

    def ring(self) -> None:
        """Call whoever walks it, and whoever reads it."""
        for listener in [*self.listeners, *self.followers]:
            listener()

    def tell(self) -> None:
        """Call whoever reads it."""
        for follower in list(self.followers):
            follower()

    @property
    def standing(self) -> RunRecord:
        """The run as a reader sees it, with the number of its last event."""
        return self.record.model_copy(update={"seq": len(self.events)})
