"""The typed facts of a company folder, each with the exact span of the line it was read from."""

import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kapelle.evidence.model import Excerpt
from kapelle.incident.reading.calendar import DayMonth, WeeklySpan
from kapelle.incident.reading.quantities import Comparator, Unit
from kapelle.incident.reading.signals import Signal

Topic = Literal[
    "severity",
    "escalation",
    "communication",
    "change",
    "rollback",
    "approval",
    "audit",
    "fields",
    "on_call",
    "closing",
    "reference",
    "change_log",
    "scope",
    "other",
]
"""What a line is about."""


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    excerpt: Excerpt
    """The line."""
    lead: tuple[Excerpt, ...] = ()
    """Lines above it that it needs to be understood: the severity or subject it stands under."""
    text: str
    """The line in plain words."""
    heading: str = ""
    """Title of its section."""
    topic: Topic = "other"
    severities: tuple[int, ...] = ()
    """Ranks it is limited to; empty: all."""

    @property
    def source(self) -> str:
        """The document it is from."""
        return self.excerpt.source

    @property
    def excerpts(self) -> tuple[Excerpt, ...]:
        """The line with the lines it stands under."""
        return (*self.lead, self.excerpt)


class Length(BaseModel):
    """A duration as a rule gives it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minutes: float
    text: str
    """Such as `4 business hours`."""
    business: bool = False


class Condition(BaseModel):
    """A typed comparison: `metric` stands to `value` as `comparator` says, for at least `minutes`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    """`error_rate`, `latency_p95_ms`, `synthetic_checks`, `affected`, or the words of the line."""
    comparator: Comparator
    value: float
    unit: Unit
    """`percent` of a latency is over its baseline; `times` is a multiple of it."""
    minutes: float | None = None
    """How long it must hold."""
    minutes_comparator: Comparator = "ge"
    baseline: str = ""
    """How the line names the baseline, empty when it names none."""
    text: str
    """The condition as it stands in the line."""


class Statement(_Fact):
    """Any line, for questions that no typed fact answers."""

    kind: Literal["statement"] = "statement"


class SeverityRule(_Fact):
    """A line of the severity matrix."""

    kind: Literal["severity"] = "severity"
    criteria: str
    conditions: tuple[Condition, ...] = ()
    """Numbers in it; all must hold."""


class Timing(_Fact):
    """An obligation with a time: acknowledge, escalate, update, or anything else that is due."""

    kind: Literal["timing"] = "timing"
    action: Literal["acknowledge", "escalate", "update", "resolve", "retain", "other"]
    mode: Literal["within", "at", "every"]
    length: Length
    role: str = ""
    """Who is escalated to, as the line names them."""
    channels: tuple[str, ...] = ()
    condition: str = ""
    """The words after `if`, empty when there are none."""
    needs: dict[Signal, bool] = Field(default_factory=dict)
    """Circumstances in which it applies."""
    clause: str
    """The part of the line that says it."""


class ChannelUse(_Fact):
    """A line that names channels without a time."""

    kind: Literal["channel_use"] = "channel_use"
    channels: tuple[str, ...]


class Window(_Fact):
    """When something may be done, or must not be done."""

    kind: Literal["window"] = "window"
    allows: bool
    """False: a freeze."""
    subject: str
    """What it holds for, such as `Standard changes`; empty: everything."""
    spans: tuple[WeeklySpan, ...] = ()
    first: DayMonth | None = None
    last: DayMonth | None = None
    """A range of dates instead of weekly spans, both ends included."""
    shown: str
    """Such as `Monday-Thursday, 09:00-16:00 UTC`."""


class Trigger(_Fact):
    """A condition under which a rollback is due."""

    kind: Literal["trigger"] = "trigger"
    conditions: tuple[Condition, ...] = ()
    """Empty: a circumstance in words, in `words`."""
    words: str
    mandatory: bool = True
    joint: bool = False
    """True when the lead-in asks for all lines of its list together."""


class Approval(_Fact):
    """How many approvals something needs, and from whom."""

    kind: Literal["approval"] = "approval"
    subject: str
    count: int | None = None
    roles: tuple[str, ...] = ()
    any_of: bool = False
    """True when the roles are alternatives."""


class FieldList(_Fact):
    """Fields a ticket must have."""

    kind: Literal["fields"] = "fields"
    subject: str
    """`incident`, `change` or the words of the line."""
    fields: tuple[str, ...]


class Reference(_Fact):
    """A line that names another file of the folder; `target` is its path."""

    kind: Literal["reference"] = "reference"
    target: str
    mandatory: bool = False


class RotaShift(_Fact):
    """Who is on call in a week."""

    kind: Literal["rota"] = "rota"
    tier: str
    """`primary`, `secondary` or as the file says."""
    week_start: datetime.date
    engineer: str
    handle: str = ""


class NamedChannel(_Fact):
    """A channel with its purpose."""

    kind: Literal["channel"] = "channel"
    name: str
    purpose: str = ""
    retention_days: float | None = None


class DefaultChannel(_Fact):
    """Where a kind of report goes: `incident_channel`, `executive_channel` ..."""

    kind: Literal["default_channel"] = "default_channel"
    key: str
    channel: str


class Workflow(_Fact):
    """A pipeline with its approvals."""

    kind: Literal["workflow"] = "workflow"
    name: str
    environment: str = ""
    required_approvals: int | None = None
    needs_ticket: bool | None = None
    needs_ack: bool | None = None


class Protection(_Fact):
    """What protects an environment."""

    kind: Literal["protection"] = "protection"
    environment: str
    reviewers: tuple[str, ...] = ()
    wait_minutes: float | None = None


class Entry(_Fact):
    """Any value of a configuration file, by its path such as `audit_logging.retention_days`."""

    kind: Literal["entry"] = "entry"
    path: str
    item: str = ""
    """Of a value in a list of mappings, the name of its mapping, such as a cluster."""
    values: tuple[str, ...]


Fact = Annotated[
    Statement
    | SeverityRule
    | Timing
    | ChannelUse
    | Window
    | Trigger
    | Approval
    | FieldList
    | Reference
    | RotaShift
    | NamedChannel
    | DefaultChannel
    | Workflow
    | Protection
    | Entry,
    Field(discriminator="kind"),
]


class Policy(BaseModel):
    """A policy document and its place among its versions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    name: str
    """The file's name without its ending."""
    title: str = ""
    effective: str = ""
    """ISO date, or as the file says."""
    supersedes: tuple[str, ...] = ()
    """Sources of the documents it replaces."""
    superseded_by: str | None = None
    header: tuple[Excerpt, ...] = ()
    """The lines that say so."""

    @property
    def current(self) -> bool:
        """Whether no other document replaces it."""
        return self.superseded_by is None


class CompanyFacts(BaseModel):
    """Everything read from a folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policies: tuple[Policy, ...] = ()
    """Oldest first."""
    facts: tuple[Fact, ...] = ()
    severity_names: dict[int, str] = Field(default_factory=dict)
    """Rank to the name the current policy uses."""
    names: dict[str, str] = Field(default_factory=dict)
    """Name of a source (`policy_v2`, `oncall_rota`) to its path."""
