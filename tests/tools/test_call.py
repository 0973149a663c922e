"""One call of a tool: strict at both ends, limited in time, tried again."""

import asyncio
import sys
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from math import isnan
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, JsonValue, PlainSerializer

from kapelle import clock
from kapelle.errors import KapelleError, RetriesExhausted, StepTimeout, ToolFailed, ToolInputError
from kapelle.resilience.guarded import GaveUp, Guarded
from kapelle.tools.call import Limits, call_tool
from kapelle.tools.decorator import tool
from kapelle.tools.model import Suspend, Tool, ToolContext

QUICK = Limits(timeout=0.2, max_retries=0, backoff=0.0)
PATIENT = Limits(timeout=5.0, max_retries=3, backoff=0.0)


async def call(
    one: Tool, arguments: Mapping[str, JsonValue] | None = None, *, limits: Limits = QUICK, **more: Any
) -> Guarded[JsonValue | Suspend]:
    return await call_tool(one, arguments or {}, ToolContext("run_1", "a", "key"), limits=limits, **more)


async def error_of(one: Tool, arguments: Mapping[str, JsonValue] | None = None, **more: Any) -> BaseException:
    with pytest.raises(GaveUp) as raised:
        await call(one, arguments, **more)
    return raised.value.error


class Place(BaseModel):
    x: int


@tool
async def typed(
    text: str, count: int = 1, at: Place | None = None, level: Literal["a", "b"] = "a", since: datetime | None = None
) -> dict[str, JsonValue]:
    """Give back what came."""
    return {"text": text, "count": count, "x": at.x if at else None, "year": since.year if since else None}


async def test_arguments_arrive_as_the_types_they_are_declared_with() -> None:
    made = await call(typed, {"text": "t", "at": {"x": 3}, "since": "2026-01-02T03:04:05Z"})
    assert made.value == {"text": "t", "count": 1, "x": 3, "year": 2026}
    assert made.attempts == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "`text`: field required"),
        ({"text": 1}, "`text`: input should be a valid string"),
        ({"text": "t", "count": "3"}, "`count`: input should be a valid integer"),
        ({"text": "t", "count": 1.5}, "`count`"),
        ({"text": "t", "count": True}, "`count`"),
        ({"text": "t", "at": {"x": "1"}}, "`at.x`"),
        ({"text": "t", "level": "c"}, "`level`"),
        ({"text": "t", "more": 1}, "`more`: extra inputs are not permitted (extra_forbidden)"),
        ({"text": "t", "count": float("nan")}, "no JSON"),
        ({"text": "t", "at": {"x": float("inf")}}, "no JSON"),
    ],
)
async def test_arguments_that_do_not_fit_are_refused_before_the_call(wrong: dict[str, JsonValue], words: str) -> None:
    error = await error_of(typed, wrong, limits=PATIENT)
    assert isinstance(error, ToolInputError)
    assert words in str(error)


async def test_a_refusal_does_not_repeat_the_value() -> None:
    assert "hunter22" not in str(await error_of(typed, {"text": {"password": "hunter22"}}))


@pytest.mark.parametrize("result", ["3", 3.5, None, True, [3]])
async def test_a_result_that_does_not_fit_is_the_tools_failure(result: Any) -> None:
    @tool
    async def wrong() -> int:
        """Give something else."""
        return result  # type: ignore[no-any-return]

    error = await error_of(wrong, limits=PATIENT)
    assert isinstance(error, ToolFailed)
    assert "returned something else than it declares" in str(error)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
async def test_a_result_that_is_no_json_is_the_tools_failure(number: float) -> None:
    @tool
    async def strange() -> dict[str, float]:
        """Give a number that JSON has not."""
        return {"n": number}

    assert isinstance(await error_of(strange), ToolFailed)


class Measured(BaseModel):
    share: float = 0.0
    more: Any = None
    note: str | None = None


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
async def test_a_number_that_json_has_not_does_not_become_null_on_its_way(number: float) -> None:
    @tool
    async def loose() -> dict[str, JsonValue]:
        """Give a number that JSON has not."""
        return {"rows": [{"n": number, "at": None}]}

    @tool
    async def anything() -> dict[Any, Any]:
        """Give it where nothing is said of it."""
        return {"n": number}

    @tool
    async def declared() -> Measured:
        """Give it as a field."""
        return Measured(share=number)

    @tool
    async def inside() -> list[Measured]:
        """Give it deep in a field of any type."""
        return [Measured(more={"n": [number]})]

    for one in (loose, anything, declared, inside):
        error = await error_of(one)
        assert isinstance(error, ToolFailed)
        assert str(error) == f"`{one.name}` returned what is no JSON (NaN and infinity are none)"


async def test_what_a_type_writes_as_null_itself_is_null() -> None:
    @tool
    async def absent() -> dict[str, Annotated[float, PlainSerializer(lambda n: None if isnan(n) else n)]]:
        """Give no number, and say how that is written."""
        return {"n": float("nan")}

    @tool
    async def empty() -> list[Measured]:
        """Give a model with nothing in it."""
        return [Measured()]

    assert (await call(absent)).value == {"n": None}
    assert (await call(empty)).value == [{"share": 0.0, "more": None, "note": None}]


@pytest.mark.parametrize("result", ["cut \ud83d", {"title": "cut \ud83d"}, {"\ud83d": 1}, [{"a": {"\udc00 b": None}}]])
async def test_text_that_no_utf8_holds_is_the_tools_failure(result: Any) -> None:
    @tool
    async def loose() -> JsonValue:
        """Give text that was cut."""
        return result  # type: ignore[no-any-return]

    @tool
    async def declared() -> Measured:
        """Give it in a field of any type."""
        return Measured(more=result)

    for one in (loose, declared):
        error = await error_of(one, limits=PATIENT)
        assert isinstance(error, ToolFailed)
        assert f"`{one.name}` returned text that no UTF-8 holds: half of a surrogate pair (\\ud" in str(error)


async def test_an_argument_that_no_utf8_holds_is_refused() -> None:
    error = await error_of(typed, {"text": "cut \ud83d"})
    assert isinstance(error, ToolInputError)
    assert "`typed`: its arguments hold text that no UTF-8 holds" in str(error)


async def test_a_tool_cannot_wait_for_what_no_utf8_holds() -> None:
    @tool
    async def waits() -> Suspend | str:
        """Wait for somebody whose name was cut."""
        return Suspend("person", "\ud83d")

    assert "`waits` waits for text that no UTF-8 holds" in str(await error_of(waits))


async def test_a_model_is_turned_into_json() -> None:
    @tool
    def place() -> list[Place]:
        """Give places."""
        return [Place(x=1)]

    assert (await call(place)).value == [{"x": 1}]


async def test_a_blocking_tool_frees_its_caller_in_time_and_its_overrun_is_told() -> None:
    over = asyncio.Event()
    release = threading.Event()

    @tool
    def slow() -> int:
        """Block."""
        release.wait(2)
        return 1

    began = time.monotonic()
    error = await error_of(slow, on_overrun=lambda seconds: over.set())
    assert time.monotonic() - began < 0.3
    assert isinstance(error, StepTimeout)
    assert "within 0.2 s" in str(error)
    release.set()
    await asyncio.wait_for(over.wait(), 1)


async def test_an_async_tool_that_swallows_its_cancellation_frees_its_caller_in_time() -> None:
    ended = asyncio.Event()

    @tool
    async def stubborn() -> int:
        """Do not stop."""
        for _ in range(3):
            try:
                await asyncio.sleep(0.15)
            except asyncio.CancelledError:
                continue
        ended.set()
        return 1

    began = time.monotonic()
    assert isinstance(await error_of(stubborn), StepTimeout)
    assert time.monotonic() - began < 0.3
    await asyncio.wait_for(ended.wait(), 2)


async def test_a_call_that_is_cancelled_is_cancelled_and_not_tried_again() -> None:
    calls = []

    @tool
    async def long() -> int:
        """Take long."""
        calls.append(1)
        await asyncio.sleep(10)
        return 1

    task = asyncio.ensure_future(call(long, limits=PATIENT))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert calls == [1]


@pytest.mark.parametrize("blocking", [True, False])
async def test_a_call_that_fails_once_is_tried_again_and_counted(blocking: bool) -> None:
    calls: list[int] = []

    def flaky() -> int:
        """Fail at first."""
        calls.append(1)
        if len(calls) == 1:
            raise ConnectionError("gone")
        return len(calls)

    async def flaky_async() -> int:
        """Fail at first."""
        return flaky()

    told: list[tuple[int, str]] = []
    made = await call(
        tool(flaky if blocking else flaky_async),
        limits=PATIENT,
        on_retry=lambda attempt, error, pause: told.append((attempt, str(error))),
    )
    assert (made.value, made.attempts) == (2, 2)
    assert told == [(1, "gone")]


async def test_a_timeout_is_tried_again() -> None:
    calls = []

    @tool
    async def late_once() -> int:
        """Be late once."""
        calls.append(1)
        await asyncio.sleep(1 if len(calls) == 1 else 0)
        return 1

    assert (await call(late_once, limits=Limits(timeout=0.05, max_retries=1, backoff=0))).attempts == 2


@pytest.mark.parametrize("error", [ValueError("no"), KeyError("x"), ToolFailed("no"), FileNotFoundError("f")])
async def test_a_mistake_is_not_tried_again(error: Exception) -> None:
    calls = []

    @tool
    async def wrong() -> int:
        """Be wrong."""
        calls.append(1)
        raise error

    assert await error_of(wrong, limits=PATIENT) is error
    assert calls == [1]


async def test_a_call_that_goes_on_failing_says_how_often_it_was_tried() -> None:
    @tool
    async def down() -> int:
        """Be down."""
        raise ConnectionError("gone")

    error = await error_of(down, limits=PATIENT)
    assert isinstance(error, RetriesExhausted)
    assert str(error) == "`down` failed 4 times; the last error: gone"


async def test_a_tool_may_wait() -> None:
    @tool
    async def waits() -> int | Suspend:
        """Wait."""
        return Suspend("date", "2030-01-01T00:00:00Z")

    assert (await call(waits)).value == Suspend("date", "2030-01-01T00:00:00Z")


async def test_a_tool_is_told_of_its_call_and_until_when() -> None:
    seen: list[ToolContext] = []

    @tool
    async def asks(text: str, context: ToolContext) -> str:
        """Ask about the call."""
        seen.append(context)
        return text

    await call(asks, {"text": "t"})
    assert (seen[0].run_id, seen[0].path, seen[0].idempotency_key) == ("run_1", "a", "key")
    assert seen[0].deadline is not None
    assert 0 < (seen[0].deadline - clock.now()).total_seconds() <= 0.2
    error = await error_of(asks, {"text": "t", "context": {}})
    assert isinstance(error, ToolInputError)


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("ending", [SystemExit(3), KeyboardInterrupt(), StopIteration(), GeneratorExit()])
async def test_a_tool_cannot_end_the_process(blocking: bool, ending: BaseException) -> None:
    def ends() -> int:
        """End."""
        raise ending

    async def ends_async() -> int:
        """End."""
        raise ending

    error = await error_of(tool(ends if blocking else ends_async))
    assert isinstance(error, KapelleError | RuntimeError)


async def test_many_blocking_tools_run_at_once() -> None:
    at_once = threading.Barrier(30, timeout=5)

    @tool
    def meet() -> int:
        """Meet the others."""
        return at_once.wait()

    made = await asyncio.gather(*(call(meet, limits=Limits(timeout=6, max_retries=0)) for _ in range(30)))
    assert sorted(one.value for one in made) == list(range(30))  # type: ignore[type-var]


async def test_a_constraint_of_an_argument_holds() -> None:
    @tool
    async def small(n: Annotated[int, Field(ge=1, le=3)]) -> int:
        """Take a small number."""
        return n

    assert (await call(small, {"n": 3})).value == 3
    assert isinstance(await error_of(small, {"n": 4}), ToolInputError)


async def test_a_deeply_nested_argument_is_refused_rather_than_ending_the_walk() -> None:
    @tool
    async def takes(value: JsonValue) -> int:
        """Take anything."""
        return 1

    deep: JsonValue = []
    for _ in range(sys.getrecursionlimit() + 10):
        deep = [deep]
    assert isinstance(await error_of(takes, {"value": deep}), Exception)


class Weird(BaseException):
    """No exception that anybody expects."""


@pytest.mark.parametrize("raised", [asyncio.CancelledError(), Weird("odd"), SystemExit(3)])
async def test_what_is_no_ordinary_exception_fails_the_call_and_hangs_nothing(raised: BaseException) -> None:
    @tool
    async def odd() -> str:
        """Raise what nobody expects."""
        raise raised

    with pytest.raises(GaveUp) as gave_up:
        async with asyncio.timeout(5):
            await call_tool(odd, {}, ToolContext(), limits=Limits(timeout=2, max_retries=0, backoff=0))
    assert isinstance(gave_up.value.error, ToolFailed)
    assert "`odd`" in str(gave_up.value.error)
