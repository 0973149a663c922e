"""What a walk gathers between two commits."""

import asyncio
from dataclasses import dataclass, field

from kapelle.run.checkpoint import Batch, PartEnd, RunChange
from kapelle.run.checkpoint import Spread as SpreadRequest
from kapelle.run.frontier import Start
from kapelle.run.model import NewEvent, StepResult
from kapelle.run.outcome import Outcome


@dataclass(slots=True)
class Running:
    """A step that is being performed."""

    start: Start
    execution: int
    began: float
    """On the monotonic clock."""
    task: "asyncio.Task[None] | None" = None


@dataclass(slots=True)
class Gathered:
    """Facts for the next commit, and the steps that begin when it is made."""

    results: list[StepResult] = field(default_factory=list)
    events: list[NewEvent] = field(default_factory=list)
    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)
    admitted: list[tuple[Start, int]] = field(default_factory=list)
    silenced: list[str] = field(default_factory=list)
    spreads: list[SpreadRequest] = field(default_factory=list)

    def sealed(
        self,
        change: RunChange | None = None,
        *,
        part: PartEnd | None = None,
        waits_for: tuple[str, ...] = (),
        unless_cancelled: bool = False,
    ) -> Batch:
        """As it goes to the checkpoint."""
        return Batch(
            results=tuple(self.results),
            events=tuple(self.events),
            texts=tuple((path, text) for path, outcome in self.outcomes for text in outcome.texts),
            approvals=tuple(request for _, outcome in self.outcomes for request in outcome.approvals),
            spreads=tuple(self.spreads),
            silenced=tuple(self.silenced),
            run=change,
            part=part,
            waits_for=waits_for,
            unless_cancelled=unless_cancelled,
            lasting=any(outcome.lasting for _, outcome in self.outcomes),
        )

    @property
    def empty(self) -> bool:
        """Nothing to record."""
        return not (self.events or self.results or self.spreads)
