"""Tool, ToolContext, Suspend: what a tool is, what it is told, and how it waits."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter

Effect = Literal["read", "write"]


class Calls(Protocol):
    """What a run offers to the agents and tools it calls."""

    def keep(self, source: str, text: str, *, title: str = "", converted: bool = False) -> str:
        """Keep `text` as a document of this run that citations may point at; its sha256."""


class _NoCalls:
    def keep(self, source: str, text: str, *, title: str = "", converted: bool = False) -> str:
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a tool may know of the call. Annotate an argument with it; it is filled in and no part of the schema."""

    run_id: str = ""
    path: str = ""
    """The step's place in the plan."""
    idempotency_key: str = ""
    """The same for every try of the same call with the same arguments; hand it to the system you write to."""
    deadline: datetime | None = None
    """When this attempt is given up."""
    calls: Calls = field(default_factory=_NoCalls, repr=False)

    def keep(self, source: str, text: str, *, title: str = "", converted: bool = False) -> str:
        """Keep a text that was read as a document of this run, so that the answer may cite it.

        Args:
            source: where it is from; a path relative to its folder. Empty: this call (`run:<path>`).
            text: the text exactly as read; offsets of citations count its characters.

        Returns:
            Its sha256, to be put into every `Excerpt` of it.
        """
        return self.calls.keep(source, text, title=title, converted=converted)


@dataclass(frozen=True, slots=True)
class Suspend:
    """Return this from a tool or an agent to wait without holding anything; it is called again afterwards."""

    on: Literal["approval", "budget", "date", "person"]
    ref: str
    """The approval's id, or the date as ISO 8601."""


class Retry(BaseModel):
    """How often and how soon a failing call is tried again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_retries: int | None = None
    """Attempts after the first; None: the setting."""
    backoff: float | None = None
    """Seconds before the first retry, doubled each time; None: the setting."""


@dataclass(frozen=True, eq=False)
class Tool:
    """A typed function that acts, with the schemas derived from its signature."""

    name: str
    description: str
    effect: Effect
    function: Callable[..., Any]  # Any: the user's own signature; both ends are validated in tools.call
    inputs: type[BaseModel]
    """Its arguments as a model; unknown ones are refused."""
    output: TypeAdapter[Any]
    context_argument: str | None = None
    """The argument that takes the ToolContext."""
    timeout: float | None = None
    """Seconds for one attempt; None: the setting."""
    retry: Retry | None = None
    tags: frozenset[str] = frozenset()
    """Words the planner and the checks may select by, such as `evidence` or `policy`."""

    @cached_property
    def input_schema(self) -> dict[str, JsonValue]:
        """JSON Schema of the arguments."""
        return self.inputs.model_json_schema()

    @cached_property
    def output_schema(self) -> dict[str, JsonValue]:
        """JSON Schema of the result."""
        return self.output.json_schema(mode="serialization")
