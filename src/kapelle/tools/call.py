"""Call a tool: validate, limit, call, validate."""

import asyncio
import contextvars
import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from pydantic import JsonValue, ValidationError

from kapelle import clock
from kapelle.errors import StepTimeout, ToolFailed, ToolInputError
from kapelle.language.surrogates import lone_surrogate, no_utf8, strict_json
from kapelle.resilience.guarded import Guarded, guarded
from kapelle.tools.model import Suspend, Tool, ToolContext, Waiting

# What is no JSON yet is passed over: it is looked at as it was dumped.
_numbers_and_text = json.JSONEncoder(allow_nan=False, ensure_ascii=False, skipkeys=True, default=lambda _: None).encode


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may take."""

    timeout: float = 10.0
    """Seconds for one attempt."""
    max_retries: int = 3
    backoff: float = 1.0


async def call_tool(
    tool: Tool,
    arguments: Mapping[str, JsonValue],
    context: ToolContext,
    *,
    limits: Limits,
    on_retry: Callable[[int, BaseException, float], None] | None = None,
    on_overrun: Callable[[float], None] | None = None,
) -> Guarded[JsonValue | Suspend]:
    """Call a tool, its arguments checked before and its result after.

    Args:
        on_overrun: told the seconds a blocking tool took beyond the call that was given up.

    Raises:
        GaveUp: the call failed for good; `error` says why: ToolInputError (nothing was called), StepTimeout,
            ToolFailed, RetriesExhausted, or what the tool itself raised.
    """

    async def attempt(number: int) -> JsonValue | Suspend:
        values = check_arguments(tool, arguments)
        if tool.context_argument is not None:
            deadline = clock.now() + timedelta(seconds=limits.timeout)
            values[tool.context_argument] = replace(context, deadline=deadline, attempt=number)
        try:
            result = await _limited(tool, values, limits.timeout, on_overrun)
        except asyncio.CancelledError:
            raise
        except BaseException:
            # What a tool raises after it began to wait follows from that, a group of its tasks' errors too.
            if context.calls.waiting is None:
                raise
        if context.calls.waiting is not None:
            return context.calls.waiting
        return _check_suspend(tool, result) if isinstance(result, Suspend) else check_output(tool, result)

    return await guarded(
        attempt, what=tool.name, max_retries=limits.max_retries, backoff=limits.backoff, on_retry=on_retry
    )


def check_arguments(tool: Tool, arguments: Mapping[str, JsonValue]) -> dict[str, Any]:  # Any: typed by the tool
    """Validate arguments strictly; what the function is called with.

    Raises:
        ToolInputError: the message names each argument and what was expected.
    """
    try:
        model = tool.inputs.model_validate_json(strict_json(dict(arguments)).encode(), strict=True)
    except ValidationError as error:
        raise ToolInputError(f"`{tool.name}`: {_explain(error)}") from None
    except UnicodeEncodeError as error:
        raise ToolInputError(f"`{tool.name}`: its arguments hold {no_utf8(error.object)}") from None
    except ValueError:
        raise ToolInputError(f"`{tool.name}`: its arguments are no JSON (NaN and infinity are none)") from None
    return {name: getattr(model, name) for name in type(model).model_fields}


def check_output(tool: Tool, result: Any) -> JsonValue:  # Any: whatever the function returned
    """Validate a result strictly and turn it into JSON.

    Raises:
        ToolFailed: it does not fit the tool's return annotation, or is no JSON in UTF-8.
    """
    try:
        value = tool.output.validate_python(result, strict=True)
        dumped: JsonValue = tool.output.dump_python(value, mode="json")
    except ValidationError as error:
        raise ToolFailed(f"`{tool.name}` returned something else than it declares: {_explain(error)}") from None
    except UnicodeEncodeError as error:
        raise ToolFailed(f"`{tool.name}` returned {no_utf8(error.object)}") from None
    try:
        _check_json(tool, value, dumped)
    except UnicodeEncodeError as error:
        raise ToolFailed(f"`{tool.name}` returned {no_utf8(error.object)}") from None
    except ValueError:
        raise ToolFailed(f"`{tool.name}` returned what is no JSON (NaN and infinity are none)") from None
    return dumped


def _check_json(tool: Tool, value: Any, dumped: JsonValue) -> None:  # Any: validated, of the tool's own type
    """See that a result is JSON, also where pydantic has put null for NaN, or another character for half of a pair.

    Raises:
        ValueError: it is none; a UnicodeEncodeError where UTF-8 is the reason.
    """
    # Most results are plain JSON and are written once to look at them.
    with suppress(TypeError, ValueError):
        strict_json(value).encode()
        if dumped == value:
            return
    text = strict_json(dumped)
    text.encode()
    if "null" in text or "\ufffd" in text:
        _numbers_and_text(tool.output.dump_python(value)).encode()


def _check_suspend(tool: Tool, suspend: Suspend) -> Suspend:
    if lone_surrogate(suspend.ref):
        raise ToolFailed(f"`{tool.name}` waits for {no_utf8(suspend.ref)}")
    return suspend


def _explain(error: ValidationError) -> str:
    parts = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        place = ".".join(str(part) for part in problem["loc"]) or "result"
        parts.append(f"`{place}`: {problem['msg'][:1].lower()}{problem['msg'][1:]} ({problem['type']})")
    return "; ".join(parts)


async def _limited(
    tool: Tool, values: dict[str, Any], timeout: float, on_overrun: Callable[[float], None] | None
) -> Any:
    if tool.blocking:
        return await _in_thread(tool, values, timeout, on_overrun)
    # Waited for, not awaited: a tool that swallows its cancellation must not hold the caller. By a future of our own:
    # `asyncio.wait` takes twice as long to do the same, at every step.
    loop = asyncio.get_running_loop()
    over = loop.create_future()

    def ring(_: object = None) -> None:
        if not over.done():
            over.set_result(None)

    task = asyncio.create_task(_contained(tool, values))
    task.add_done_callback(ring)
    alarm = loop.call_later(timeout, ring)
    try:
        await over
    except asyncio.CancelledError:
        task.cancel()
        raise
    finally:
        alarm.cancel()
    if not task.done():
        task.cancel()
        task.add_done_callback(_forget)
        raise _late(tool, timeout)
    return task.result()


def _late(tool: Tool, timeout: float) -> StepTimeout:
    return StepTimeout(f"`{tool.name}` did not return within {timeout:g} s; raise its timeout or make it quicker")


async def _contained(tool: Tool, values: dict[str, Any]) -> Any:
    try:
        return await tool.function(**values)
    except (Exception, Waiting):
        raise
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # Nobody cancelled the call: it comes from something that the tool itself was waiting for.
        raise ToolFailed(f"`{tool.name}` was cancelled from inside: it awaited a task that was cancelled") from None
    except BaseException as raised:
        # A task that raises one of these ends the loop, and with it every run of the process.
        raise ToolFailed(f"`{tool.name}` tried to end the process: {type(raised).__name__}") from None


def _forget(task: asyncio.Future[Any]) -> None:
    """Take the error of a call that was given up, so that asyncio does not report it as never read."""
    if not task.cancelled():
        task.exception()


async def _in_thread(
    tool: Tool,
    values: dict[str, Any],
    timeout: float,
    on_overrun: Callable[[float], None] | None,
) -> Any:
    """Run a blocking function in a daemon thread of its own, so that a timeout frees the caller at once.

    A pool's thread would be joined at exit, and `asyncio.to_thread` shares the pool of whoever set it.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    began = loop.time()

    def deliver(result: Any, error: BaseException | None) -> None:
        if future.done():
            if on_overrun is not None:
                on_overrun(loop.time() - began - timeout)
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    def work() -> None:
        result: Any = None
        error: BaseException | None = None
        try:
            result = tool.function(**values)
        except BaseException as raised:
            # StopIteration cannot be set on a future, and what is no Exception must not end the loop.
            plain = isinstance(raised, Exception | Waiting) and not isinstance(raised, StopIteration)
            error = raised if plain else ToolFailed(f"`{tool.name}` ended its thread: {type(raised).__name__}")
        if not loop.is_closed():
            loop.call_soon_threadsafe(deliver, result, error)

    # What holds for the caller holds in the thread: its span, and what a replay shuts off.
    within = contextvars.copy_context()
    threading.Thread(target=within.run, args=(work,), name=f"kapelle-tool-{tool.name}", daemon=True).start()
    try:
        async with asyncio.timeout(timeout):
            return await future
    except TimeoutError as error:
        raise _late(tool, timeout) from error
