"""Task and Checklist: what was asked, and how it will be judged."""

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from kapelle.budget.model import Budget
from kapelle.ids import DEFAULT_OWNER, OWNER_PATTERN, new_id

Approve = Literal["never", "writes", "always"]


class ChecklistItem(BaseModel):
    """One thing an answer must or should do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = Field(min_length=1)
    weight: float = Field(1.0, ge=0)
    required: bool = False
    """When it fails, the answer does not pass, whatever its score."""
    check: str | None = None
    """The name of a check, or None for a judge."""
    passed: bool | None = None
    """None until it was judged."""
    feedback: str = ""
    evidence: str = ""


class Checklist(BaseModel):
    """How an answer will be judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    items: tuple[ChecklistItem, ...] = ()


class StrategyCall(BaseModel):
    """A strategy named by the task, with its arguments."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class Task(BaseModel):
    """What was asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(default_factory=lambda: new_id("task"))
    prompt: str = Field(min_length=1, max_length=200_000)
    context: dict[str, JsonValue] = Field(default_factory=dict)
    """Facts given with the task, such as `service` or `required_citations`."""
    checklist: Checklist | None = None
    output: dict[str, JsonValue] | None = None
    """JSON Schema of the value wanted; None: text."""
    model: str | None = None
    """`provider:model`; naming one is the permission to use it."""
    budget: Budget = Field(default_factory=Budget)
    approve: Approve = "writes"
    """Which tools wait for a person: none, those that write, all."""
    strategy: StrategyCall | None = None
    session: str | None = None
    owner: str = Field(DEFAULT_OWNER, pattern=OWNER_PATTERN)
    """`tenant/user`."""
    deadline: datetime | None = None
    """UTC where it names no zone."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)

    @field_validator("deadline")
    @classmethod
    def _in_a_zone(cls, deadline: datetime | None) -> datetime | None:
        return deadline.replace(tzinfo=UTC) if deadline is not None and deadline.tzinfo is None else deadline
