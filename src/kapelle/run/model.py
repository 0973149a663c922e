"""Run, StepResult, Event: what is being done, what came of each step, and what happened when."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from kapelle.budget.model import Usage
from kapelle.plan.model import Plan
from kapelle.task.model import Task

RunStatus: TypeAlias = Literal[
    "queued", "planning", "running", "waiting", "verifying", "succeeded", "partial", "failed", "cancelled"
]
ENDED: frozenset[str] = frozenset({"succeeded", "partial", "failed", "cancelled"})
StepStatus: TypeAlias = Literal["succeeded", "failed", "skipped", "cancelled", "suspended"]

EventKind: TypeAlias = Literal[
    "run.created",
    "run.planned",
    "run.started",
    "run.waiting",
    "run.resumed",
    "run.cancelled",
    "run.finished",
    "step.started",
    "step.restarted",
    "step.retrying",
    "step.suspended",
    "step.finished",
    "step.skipped",
    "evidence",
    "phase",
    "approval.requested",
    "approval.expiring",
    "approval.decided",
    "budget.alert",
    "budget.refused",
    "fallback",
    "note",
]

UPSTREAM_FAILED = "UpstreamFailed"
"""The error class of a step that was skipped because something it needs failed."""
REJECTED = "Rejected"
"""The error class of an approval that was refused."""


class StepFailure(BaseModel):
    """Why a step did not succeed."""

    model_config = ConfigDict(frozen=True)

    cls: str
    """The exception's class, such as `StepTimeout`."""
    message: str
    retryable: bool = False


class StepResult(BaseModel):
    """What came of a step. One per run, path and revision; the newest revision counts."""

    model_config = ConfigDict(frozen=True)

    path: str
    """Its place in the plan, such as `solve/2/draft`."""
    kind: str = ""
    """The step's kind."""
    revision: int = 0
    execution: int = 1
    """How often the step was entered."""
    status: StepStatus
    output: JsonValue = None
    error: StepFailure | None = None
    attempts: int = 0
    seconds: float = 0.0
    """Wall-clock time of the last execution."""
    usage: Usage | None = None
    route: str = ""
    """How the output came to be, where that is not plain: `fallback:STEP`, `skipped: when is false`."""
    missing: tuple[str, ...] = ()
    """References that had nothing, because their step failed or was skipped."""
    waits_for: str = ""
    """Of a suspended step: what it waits for, `approval:ID` or `date:ISO`."""
    inputs_hash: str = ""
    """The first 12 hex digits of the SHA-256 of its inputs, so that a replay can tell whether they are the same."""

    @property
    def final(self) -> bool:
        """Suspended is an outcome, never the last one."""
        return self.status != "suspended"


class NewEvent(BaseModel):
    """An event before it has its number."""

    model_config = ConfigDict(frozen=True)

    kind: EventKind
    path: str | None = None
    execution: int | None = None
    data: dict[str, JsonValue] = Field(default_factory=dict)


class Event(NewEvent):
    """Something that happened in a run. Numbers are contiguous from 1."""

    kind: str  # type: ignore[assignment]  # a newer version may have told what this one has no word for
    run: str
    seq: int
    at: datetime


class Stuck(BaseModel):
    """Why a run cannot go on with the code as it was when somebody tried."""

    model_config = ConfigDict(frozen=True)

    reason: str
    registry: str
    """The hash of the catalog it was held against: with another one it is tried again."""


class RunRecord(BaseModel):
    """A run as it stands in the database."""

    model_config = ConfigDict(frozen=True)

    id: str
    owner: str
    key: str | None = None
    """The user's own key, unique per owner."""
    task: Task
    plan: Plan | None = None
    status: RunStatus = "queued"
    waiting_for: str | None = None
    generation: int = 1
    seq: int = 0
    """The number of its last event."""
    app: str | None = None
    queue: str | None = None
    """The queue it is dispatched through; None: its app's."""
    priority: int = 0
    """The lower, the sooner."""
    parked: bool = False
    """Nothing of it is held in memory anywhere."""
    executor: str | None = None
    forked_from: str | None = None
    """The run whose finished steps it began with; told by its first event alone."""
    cancel_requested: bool = False
    stuck: Stuck | None = None
    purged: dict[str, datetime] = Field(default_factory=dict)
    """What the retention took of it (`text`, `journal`, `events`, `approvals`), and when."""
    unreadable: str = ""
    """Why this version cannot read its task or plan; empty: it can."""
    created: datetime
    not_before: datetime | None = None
    """When the workers may begin it, where it was started with a delay."""
    started: datetime | None = None
    ended: datetime | None = None
    output: JsonValue = None
    error: StepFailure | None = None
    spent: Usage = Field(default_factory=Usage)

    @property
    def ended_already(self) -> bool:
        """Nothing more will happen to it."""
        return self.status in ENDED


def execution_metadata(steps: Iterable[StepResult]) -> dict[str, JsonValue]:
    """How many tools were called, how long they took together, how many steps ended with an error."""
    known = list(steps)
    tools = [one for one in known if one.kind == "tool"]
    return {
        "total_tools": len(tools),
        "total_duration_ms": round(sum(one.seconds for one in tools) * 1000, 3),
        "error_count": sum(one.error is not None for one in known),
    }
