"""Outcome: what performing a step came to, before it is recorded."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from pydantic import JsonValue

from kapelle.budget.model import Usage
from kapelle.evidence.model import Document
from kapelle.run.approvals.approval import ApprovalRequest
from kapelle.run.frontier import Start
from kapelle.run.inside.journal import JournalStore
from kapelle.run.model import NewEvent, StepFailure, StepStatus
from kapelle.task.model import Task


@dataclass(slots=True)
class Outcome:
    """What a step came to: an output, an error, or something to wait for."""

    output: JsonValue = None
    error: StepFailure | None = None
    waits_for: str = ""
    attempts: int = 1
    usage: Usage | None = None
    route: str = ""
    inputs_hash: str = ""
    texts: list[Document] = field(default_factory=list)
    approvals: list[ApprovalRequest] = field(default_factory=list)
    notes: list[NewEvent] = field(default_factory=list)
    """Events that belong to the step: what was found, what fell back."""
    lasting: bool = False
    """Something outside was changed: its record must survive a power loss."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a step may know of its run."""

    run_id: str
    task: Task
    execution: int
    revision: int
    """Raised by every rerun of the step."""
    inputs_hash: str
    """The first 12 hex digits of the SHA-256 of its inputs, as canonical JSON."""
    texts: Mapping[tuple[str, str], Document]
    """Every text the run has kept so far, by source and sha256."""
    steps: "Mapping[str, StepFact]"
    """What settled so far, by path."""
    decided: JsonValue
    """Of a suspended step that is entered again: what it waited for."""
    tell: Callable[[NewEvent], None]
    """Say something at once, such as a retry; recorded with the next commit, which follows soon. On the run's loop."""
    say: Callable[[str], None]
    """Text as it is being written, for whoever follows the run; to be called on the run's loop."""
    journal: JournalStore
    """Where the calls of the step's own loop are kept."""
    clearance: Callable[[], Awaitable[None]]
    """Awaited before anything outside is changed or paid for: holds up an owner that may have lost the run."""


@dataclass(frozen=True, slots=True)
class StepFact:
    """What the verdict may know of a settled step."""

    path: str
    kind: str
    uses: str
    """The tool or agent."""
    status: StepStatus
    error: str = ""
    empty: bool = False
    """It found nothing: no row, no hit."""
    retrieved: "tuple[Stretch, ...]" = ()
    """Of a search: where the passages it found stand."""


class Stretch(NamedTuple):
    """A span of one version of a source, as it was retrieved."""

    source: str
    sha256: str
    start: int
    end: int


class Performer(Protocol):
    """Performs one step; what it raises is the step's failure."""

    async def __call__(self, start: Start, inputs: dict[str, JsonValue], about: Circumstances) -> Outcome: ...
