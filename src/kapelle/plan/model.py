"""Plan and its steps: what will be done, as data."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias, Union

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    field_serializer,
    model_serializer,
)

from kapelle.evidence.options import DEFAULT, SearchOptions
from kapelle.plan.reference import Condition, Ref
from kapelle.tools.model import Retry

SCHEMA_VERSION = 1


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Quorum(_Part):
    """Go on when at least this many inputs came."""

    quorum: int = Field(ge=1)


class Fallback(_Part):
    """Perform another step of the same body instead, and take its output."""

    fallback: str


Join: TypeAlias = Literal["all", "any"] | Quorum
OnError: TypeAlias = Literal["fail", "skip"] | Fallback


class _Step(_Part):
    kind: str
    id: str = Field(min_length=1, max_length=200)
    title: str = ""
    """What a person reads; empty: the id."""
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    """Values, with references anywhere inside."""
    after: tuple[str, ...] = ()
    """Steps to wait for without using their output."""
    when: Condition | None = None
    """False: the step is skipped."""
    join: Join = "all"
    """How many of the referenced steps must have succeeded. Every one is waited for."""
    on_error: OnError = "fail"
    retry: Retry | None = None
    timeout: float | None = Field(None, gt=0)
    """Seconds for one attempt."""
    exclusive: bool = False
    """Runs alone in its run."""

    @model_serializer(mode="wrap")
    def _kind_first(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:  # Any: JSON, or Python values
        # `kind` is a default and would be left out with the other defaults, and the step could not be read again.
        fields: dict[str, Any] = dump(self)
        return {"kind": self.kind, **fields}


class Undo(_Part):
    """The tool call that takes a step back when its run is cancelled."""

    tool: str
    inputs: dict[str, JsonValue] = Field(default_factory=dict)


class ToolStep(_Step):
    """Call a tool; `inputs` are its arguments."""

    kind: Literal["tool"] = "tool"
    tool: str
    undo: Undo | None = None


class AgentStep(_Step):
    """Call an agent; `inputs` are its arguments."""

    kind: Literal["agent"] = "agent"
    agent: str


class SearchStep(_Step):
    """Search corpora; inputs: `query`, and `k`, `filters`. Output: `hits`, `confidence`, `recommend_fallback`."""

    kind: Literal["search"] = "search"
    corpora: tuple[str, ...] = Field(min_length=1)
    options: SearchOptions = DEFAULT
    """How; what asks a model asks the task's, and is left out, and told, where the task names none."""


class AnswerStep(_Step):
    """Compose a Candidate; inputs: any of `claims` (of an agent), `hits` (of searches), `question`, `note`."""

    kind: Literal["answer"] = "answer"


class VerdictStep(_Step):
    """Judge a Candidate; input: `candidate`. Output: the Candidate with its Verdict."""

    kind: Literal["verdict"] = "verdict"
    checks: tuple[str, ...] = ()
    """Names of checks besides the ones that always apply."""


class ApprovalStep(_Step):
    """Ask a person; inputs: `evidence`, `arguments`, `suggestion`. Output: `{decision, arguments, reason, by, at}`."""

    kind: Literal["approval"] = "approval"
    action: str
    why: str = ""
    risk: str = ""
    guards: str | None = None
    """The tool whose arguments are decided upon; edited ones are validated by its schema."""
    expires_in: float | None = Field(None, gt=0)
    """Seconds from the request; None: the setting."""
    levels: tuple[str, ...] = ()
    """The roles that may decide, in the order in which they are asked; empty: `approver`, then `admin`."""
    on_expiry: Literal["reject", "escalate"] | None = None
    """Escalate asks the next level, with a new clock; after the last it is rejected. None: escalate where `levels`
    names several."""


class MapStep(_Step):
    """Perform a body for every item of a list. Output: a list in its order, null where an item failed and may."""

    kind: Literal["map"] = "map"
    over: JsonValue
    """A list, or a reference to one."""
    body: tuple["Step", ...] = Field(min_length=1)
    output: str
    """The step of the body whose output is the item's."""
    width: int = Field(8, ge=1, le=10_000)
    """Items at once."""
    limit: int = Field(1_000, ge=1, le=1_000_000)
    """More items than this fail the step."""
    spread: bool = False
    """Items may be performed by other workers."""


class Best(_Part):
    """Keep the round in which this place of the body's output is highest."""

    best: Ref


class RepeatStep(_Step):
    """Perform a body again until a condition holds, at most `rounds` times. Output: the kept round's."""

    kind: Literal["repeat"] = "repeat"
    body: tuple["Step", ...] = Field(min_length=1)
    output: str
    rounds: int = Field(ge=1, le=1_000)
    until: Condition | None = None
    """Read after each round, with `last` the output of the round just ended."""
    keep: Literal["last"] | Best = "last"


class UnknownStep(_Step):
    """A step of a stored plan, of a kind that a newer version brought. It has its place, and cannot be performed."""

    kind: Literal["unknown"] = "unknown"
    of: str
    """The kind."""


Step: TypeAlias = Annotated[
    Union[ToolStep, AgentStep, SearchStep, AnswerStep, VerdictStep, ApprovalStep, MapStep, RepeatStep, UnknownStep],
    Field(discriminator="kind"),
]
STEP_KINDS = frozenset({"tool", "agent", "search", "answer", "verdict", "approval", "map", "repeat"})
"""The kinds that can be performed."""
Container: TypeAlias = MapStep | RepeatStep

MapStep.model_rebuild()
RepeatStep.model_rebuild()


class Estimate(BaseModel):
    """What a plan will cost at most."""

    model_config = ConfigDict(frozen=True)

    usd: Decimal | None = Decimal(0)
    """Worst case, or None where a price is not known."""
    requests: int = 0
    """Calls to models, at most."""
    calls: int = 0
    """Steps performed, at most, items and rounds counted."""
    critical_path: int = 0
    """Steps that must follow each other, rounds and items beyond the width counted."""
    seconds: float = 0.0
    """The critical path if every attempt took its whole limit and no retry were needed."""
    approvals: int = 0
    """Times a person is asked, at most."""

    @field_serializer("usd", when_used="json")
    def _money(self, usd: Decimal | None) -> str | None:
        return None if usd is None else str(usd)


class Plan(BaseModel):
    """What will be done. A draft has steps and output only; `complete` adds the rest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    id: str = ""
    task_id: str = ""
    steps: tuple[Step, ...] = Field(min_length=1)
    output: str
    """The step whose output is the run's."""
    planner: str = ""
    """Who made it: `rules`, `user`, or `model:NAME`."""
    why: str = ""
    """Why this plan."""
    registry: str = ""
    """Hash of the catalog it was made for."""
    estimate: Estimate | None = None


def children(step: Step) -> tuple[Step, ...]:
    """The body of a container, nothing for others."""
    return step.body if isinstance(step, MapStep | RepeatStep) else ()


def walk_steps(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Every step, bodies included, outer ones first."""
    for step in steps:
        yield step
        yield from walk_steps(children(step))


def plan_json(plan: Plan) -> dict[str, JsonValue]:
    """A plan as a person would write it: defaults left out."""
    return plan.model_dump(mode="json", by_alias=True, exclude_defaults=True)
