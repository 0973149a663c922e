"""Ask a model once, for a typed answer."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic_ai import Agent, ModelRetry, capture_run_messages
from pydantic_ai.exceptions import AgentRunError, UnexpectedModelBehavior, UserError
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.settings import ModelSettings

from kapelle.agents.failure import spent_on, unavailable
from kapelle.agents.loop import on_loop
from kapelle.agents.models import Model
from kapelle.agents.patience import last_of
from kapelle.budget.model import Usage
from kapelle.errors import ModelUnavailable
from kapelle.resilience.guarded import GaveUp, guarded
from kapelle.telemetry.logs import log
from kapelle.telemetry.redact import redact_text

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """A model's answer, and what it took."""

    value: T
    usage: Usage
    """Of every request that was made for it; `usd` is None where a price is not known."""
    model: str


async def ask(
    prompt: str,
    schema: type[T],
    *,
    model: Model,
    instructions: str = "",
    max_tokens: int,
    timeout: float,
    check: Callable[[T], str | None] | None = None,
) -> Asked[T]:
    """Ask a model for an answer of a type; it is told once what was wrong with its first.

    Args:
        schema: what the answer is validated against; `str` for text.
        max_tokens: what it may write, reasoning included; an answer that was cut off is none.
        timeout: seconds for one attempt, the correction included.
        check: says what is wrong with an answer that fits the schema, in words for the model, or None.

    Raises:
        ModelUnavailable: it cannot be reached, refuses, or its answer cannot be used; transient failures were tried
            again `model.max_retries` times before.
    """
    total = Usage()

    def charge(usage: Usage) -> None:
        nonlocal total
        total = total + usage
        if model.spent is not None:
            model.spent(usage)
        if model.trace:
            log.info("model", model=model.name, characters=len(prompt), **usage.model_dump(mode="json"))

    request = _Request(prompt, schema, model, instructions, max_tokens, timeout, check)

    async def attempt(_: int) -> T:
        try:
            ended = await on_loop(request.send)
        except asyncio.CancelledError:
            charge(Usage(requests=1, usd=None, unmeasured=1))
            raise
        for usage in ended.usage:
            charge(usage)
        if isinstance(ended.outcome, ModelUnavailable):
            raise ended.outcome
        return ended.outcome

    try:
        done = await guarded(attempt, what=model.name, max_retries=model.max_retries, backoff=model.backoff)
    except GaveUp as gave_up:
        failed = gave_up
    else:
        return Asked(done.value, total, model.name)
    raise last_of(failed) from None


async def together(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:  # Any: what a coroutine is sent, never used
    """Make calls at once; their results in order. When one fails the others are cancelled, and its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except ExceptionGroup as failed:
        first = failed.exceptions[0]
    else:
        return [task.result() for task in tasks]
    raise first


@dataclass(frozen=True, slots=True)
class _Ended(Generic[T]):
    """How one attempt ended, and what each of its requests took."""

    outcome: T | ModelUnavailable
    usage: tuple[Usage, ...]


@dataclass(frozen=True, slots=True)
class _Request(Generic[T]):
    prompt: str
    schema: type[T]
    model: Model
    instructions: str
    max_tokens: int
    timeout: float
    check: Callable[[T], str | None] | None
    problems: list[str] = field(default_factory=list)
    """What `check` said of the answers."""

    async def send(self) -> _Ended[T]:
        """Make one attempt."""
        with capture_run_messages() as messages:
            try:
                ran = await self._agent().run(
                    self.prompt, model_settings=self._settings(), timeout=self.timeout, infer_name=False
                )
            except UserError as error:
                return _Ended(self._misused(error), ())
            except AgentRunError as error:
                answers = _answers(messages)
                failed = self._cut(answers) or unavailable(
                    error, self.model.name, answered=bool(answers), problem="; ".join(self.problems[-1:])
                )
                # A request that was answered, however badly, is among the answers.
                told = bool(answers) and isinstance(error, UnexpectedModelBehavior)
                return _Ended(failed, (*self._usage(answers), *(() if told else (spent_on(error),))))
        answers = _answers(messages)
        cut = self._cut(answers)
        return _Ended(ran.output if cut is None else cut, self._usage(answers))

    def _agent(self) -> Agent[None, T]:
        agent = Agent(
            self.model.theirs,
            output_type=self.schema,
            instructions=self.instructions or None,
            retries={"output": 1, "tools": 0},
        )
        check = self.check
        if check is not None:

            @agent.output_validator
            def checked(value: T) -> T:
                problem = check(value)
                if problem:
                    self.problems.append(problem)
                    raise ModelRetry(problem)
                return value

        return agent

    def _settings(self) -> ModelSettings:
        settings = ModelSettings(max_tokens=self.max_tokens)
        if "max_retries" not in self.model.theirs.unsupported_settings:
            settings["max_retries"] = 0
        return settings

    def _usage(self, answers: Sequence[ModelResponse]) -> tuple[Usage, ...]:
        return tuple(self.model.tariff.usage(answer.usage) for answer in answers)

    def _misused(self, error: UserError) -> ModelUnavailable:
        return ModelUnavailable(
            f"model `{self.model.name}` cannot be asked: {redact_text(str(error))}", retryable=False
        )

    def _cut(self, answers: Sequence[ModelResponse]) -> ModelUnavailable | None:
        """What is wrong with how the last answer ended, if anything."""
        if not answers:
            return None
        ended, name = answers[-1].finish_reason, self.model.name
        if ended == "length":
            return ModelUnavailable(
                f"the answer of model `{name}` was cut off at {self.max_tokens} tokens (`max_tokens`); allow more",
                retryable=False,
            )
        if ended == "content_filter":
            return ModelUnavailable(f"model `{name}` withholds its answer (content filter)", retryable=False)
        said = (answers[-1].provider_details or {}).get("finish_reason")
        if ended == "error" or (said is None and (ended is None or self.model.always_says_why_it_ended)):
            return ModelUnavailable(f"the answer of model `{name}` was cut off", retryable=True)
        return None


def _answers(messages: Sequence[ModelMessage]) -> list[ModelResponse]:
    return [message for message in messages if isinstance(message, ModelResponse)]
