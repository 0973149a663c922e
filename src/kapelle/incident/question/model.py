"""Question: what a task asks and under which conditions, as data."""

import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from kapelle.incident.reading.calendar import Moment
from kapelle.incident.reading.conditions import Reading
from kapelle.incident.reading.signals import Signal

Kind = Literal[
    "triage",
    "escalation",
    "communication",
    "rollback",
    "change_window",
    "approvals",
    "on_call",
    "audit",
    "ticket_fields",
    "comparison",
    "closing",
    "references",
    "versions",
    "tickets",
    "metrics",
    "logs",
]
"""What can be asked for."""


class Elapsed(BaseModel):
    """How long ago something began, or how long it took."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minutes: float
    text: str
    business: bool = False


class Question(BaseModel):
    """A task, read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str
    kinds: tuple[Kind, ...] = ()
    """The most wanted first; empty when nothing was recognized."""
    severities: tuple[int, ...] = ()
    ordinal: int | None = None
    """A severity by its place: 1 the highest, 2 the second, -1 the lowest."""
    readings: tuple[Reading, ...] = ()
    """Numbers of a metric that the task states."""
    elapsed: tuple[Elapsed, ...] = ()
    """Durations that belong to no metric."""
    moments: tuple[Moment, ...] = ()
    """Weekdays and times asked about, UTC."""
    dates: tuple[datetime.date, ...] = ()
    started: Moment | None = None
    """When the alert fired or the incident began, where the task says so."""
    last_done: Moment | None = None
    """When the last update or briefing went out."""
    between: Elapsed | None = None
    """The time between the first two moments named."""
    window_start: AwareDatetime | None = None
    window_end: AwareDatetime | None = None
    roles: tuple[str, ...] = ()
    """Roles it asks about, such as `marketing lead`."""
    approvals_given: int | None = None
    """How many approvals it says there are."""
    names: tuple[str, ...] = ()
    """Words in code style: fields, tables, workflows, channels."""
    service: str = ""
    project: str = ""
    keys: tuple[str, ...] = ()
    """Keys of tickets it names."""
    signals: dict[Signal, bool] = Field(default_factory=dict)
    wanted: tuple[str, ...] = ()
    """Sources it wants cited, by name or path."""
    required: tuple[str, ...] = ()
    """Those of `context.required_citations`; also in `wanted`."""
    claimed: bool = False
    """It repeats what somebody claims and asks whether that is right."""
    asks_old: bool = False
    """It speaks of the previous version."""
    asks_date_version: bool = False
    """It asks what applied at its date."""
    terms: tuple[str, ...] = ()
    concepts: frozenset[str] = frozenset()
