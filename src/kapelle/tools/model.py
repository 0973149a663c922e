"""Tool, ToolContext, Suspend: what a tool is, what it is told, and how it waits."""

import asyncio
import hashlib
import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter

from kapelle.errors import Refused

T = TypeVar("T")
Effect = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class Question:
    """What a tool asks a person."""

    action: str
    arguments: JsonValue = None
    """What exactly is decided upon."""
    why: str = ""
    risk: str = ""
    evidence: JsonValue = None
    suggestion: JsonValue = None
    tool: str | None = None
    """The tool the arguments are for; edited ones must fit its schema."""
    key: str = ""
    """Tells questions of one step apart whose action and arguments are the same."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the person said."""

    decision: Literal["approved", "rejected"]
    arguments: JsonValue
    """As asked, or as the person changed them."""
    by: str
    reason: str = ""

    @property
    def approved(self) -> bool:
        """They said yes."""
        return self.decision == "approved"


class Waiting(BaseException):
    """Leaves a tool that waits for somebody; it is called again afterwards. No `except Exception` holds it up."""

    def __init__(self, suspend: "Suspend") -> None:
        super().__init__(f"waits for {suspend.on}:{suspend.ref}")
        self.suspend = suspend


Callee: TypeAlias = "Tool | str | Callable[..., Any]"  # Any: the user's own signature


class Calls(Protocol):
    """What a run offers to the agents and tools it calls."""

    @property
    def waiting(self) -> "Suspend | None":
        """What the call waits for, once it does."""

    async def call(self, key: str, what: Callee, arguments: Mapping[str, JsonValue], *, attempt: int) -> JsonValue:
        """Make a call once."""

    async def ask(self, question: Question) -> Answer:
        """Ask a person."""

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:  # Any: a coroutine's send and yield types
        """Do `work` on the run's loop, from a tool's own thread."""

    def say(self, text: str) -> None:
        """Show text as it is being written."""

    def keep(self, source: str, text: str, *, title: str = "", converted: bool = False) -> str:
        """Keep `text` as a document of this run that citations may point at; its sha256."""


class _NoCalls:
    """Outside a run: nothing is kept, and nobody can be asked."""

    waiting = None

    async def call(self, key: str, what: Callee, arguments: Mapping[str, JsonValue], *, attempt: int) -> JsonValue:
        raise Refused(f"call `{key}`: a tool makes calls inside a run only")

    async def ask(self, question: Question) -> Answer:
        raise Refused(f"`{question.action}`: a tool asks people inside a run only")

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    def say(self, text: str) -> None:
        """Nobody follows."""

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
    attempt: int = 1
    """Which try inside one execution of the step, from 1."""

    async def call(self, key: str, what: Callee, /, **arguments: JsonValue) -> JsonValue:
        """Make a call that is not made again when this step is entered again, after a crash or a question.

        A write waits for approval first, where the task says so; its idempotency key is stable.

        Args:
            key: the call's own name inside this step, the same at every entry, such as `page 3`.
            what: a Tool, the name of a registered one, or a typed function (taken as one that reads).

        Returns:
            What it gave, as JSON: the recorded result where there is one.

        Raises:
            Rejected: a person said no.
            ToolInputError: the arguments do not fit; nothing was called.
        """
        return await self.calls.call(key, what, arguments, attempt=self.attempt)

    async def ask(
        self,
        action: str,
        *,
        arguments: JsonValue = None,
        why: str = "",
        risk: str = "",
        evidence: JsonValue = None,
        suggestion: JsonValue = None,
        tool: str | None = None,
        key: str = "",
    ) -> Answer:
        """Ask a person. The step holds nothing while it waits; afterwards it is entered again and comes here again.

        Args:
            arguments: what exactly is decided upon; a decision for others does not count.
            tool: the tool they are for; edited ones must fit its schema.
            key: tells questions of this step apart whose action and arguments are the same.
        """
        question = Question(action, arguments, why, risk, evidence, suggestion, tool, key)
        return await self.calls.ask(question)

    def call_sync(self, key: str, what: Callee, /, **arguments: JsonValue) -> JsonValue:
        """As `call`, for a tool that blocks."""
        return self.calls.wait_for(self.call(key, what, **arguments))

    def ask_sync(self, action: str, **given: Any) -> Answer:  # Any: as `ask`
        """As `ask`, for a tool that blocks."""
        return self.calls.wait_for(self.ask(action, **given))

    def say(self, text: str) -> None:
        """Show text as it is being written, to whoever follows the run; it is no fact, and goes when the step ends."""
        self.calls.say(text)

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
    def blocking(self) -> bool:
        """It is no coroutine function: a call of it holds up the thread that makes it."""
        return not inspect.iscoroutinefunction(self.function)

    @cached_property
    def input_schema(self) -> dict[str, JsonValue]:
        """JSON Schema of the arguments."""
        return self.inputs.model_json_schema()

    @cached_property
    def output_schema(self) -> dict[str, JsonValue]:
        """JSON Schema of the result."""
        return self.output.json_schema(mode="serialization")
