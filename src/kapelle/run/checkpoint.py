"""Checkpoint: the port by which a walk keeps what is done; everything of one batch, or nothing."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict, JsonValue

from kapelle.budget.model import Usage
from kapelle.evidence.model import Document
from kapelle.plan.model import Plan
from kapelle.run.approval import ApprovalRequest
from kapelle.run.model import NewEvent, RunStatus, StepFailure, StepResult


class RunChange(BaseModel):
    """What changes in the run's own row; None: stays."""

    model_config = ConfigDict(frozen=True)

    status: RunStatus
    waiting_for: str | None = None
    plan: Plan | None = None
    output: JsonValue = None
    error: StepFailure | None = None
    spent: Usage | None = None


class Batch(BaseModel):
    """Facts that are recorded together."""

    model_config = ConfigDict(frozen=True)

    results: tuple[StepResult, ...] = ()
    events: tuple[NewEvent, ...] = ()
    texts: tuple[tuple[str, Document], ...] = ()
    """Path of the step that read it, and the text."""
    approvals: tuple[ApprovalRequest, ...] = ()
    run: RunChange | None = None

    @property
    def waits_for(self) -> list[str]:
        """What the run is left waiting for: `approval:ID`, `date:ISO`."""
        return (self.run.waiting_for or "").split(", ") if self.run else []


class Past(BaseModel):
    """What a run has behind it when a walk begins."""

    model_config = ConfigDict(frozen=True)

    results: dict[str, StepResult]
    """The newest result of every path, suspended ones included."""
    executions: dict[str, int]
    """How often each path was entered."""
    texts: dict[tuple[str, str], Document]
    """By source and sha256."""


class DecidedMeanwhile(Exception):
    """The run was to be left waiting, and what it waits for is settled: nothing was recorded."""


class Checkpoint(Protocol):
    """What a walk needs of a store. One object serves one generation of one run."""

    async def past(self) -> Past:
        """What is already recorded."""

    async def commit(self, batch: Batch) -> None:
        """Record a batch in one transaction.

        Raises:
            OwnershipLost: another process took the run over; nothing was recorded.
            StoreUnavailable: the database could not be written for longer than the patience allowed.
            DecidedMeanwhile: the batch leaves the run waiting for something that is settled.
        """

    async def cancel_requested(self) -> bool:
        """Whether somebody asked for the run to be cancelled."""

    async def settled(self, refs: Sequence[str]) -> dict[str, JsonValue]:
        """Of the given approvals, those that are decided, with what their step puts out."""
