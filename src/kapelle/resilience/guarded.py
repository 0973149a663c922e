"""Retry the one call a step makes; nothing else in Kapelle sleeps in a loop."""

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from kapelle.errors import RetriesExhausted
from kapelle.resilience.classify import classify, retry_after

T = TypeVar("T")
OnRetry: TypeAlias = Callable[[int, BaseException, float], None]
"""Told the attempt that failed, its error and the seconds until the next."""
LONGEST_WAIT = 60.0
"""Seconds between two attempts, at most, unless the other side asks for more."""


@dataclass(frozen=True, slots=True)
class Guarded(Generic[T]):
    """What came of a call, and at what expense."""

    value: T
    attempts: int
    seconds: float


class GaveUp(Exception):
    """The call failed for good; carries the last error and how often it was tried."""

    def __init__(self, error: BaseException, attempts: int, seconds: float) -> None:
        super().__init__(str(error))
        self.error = error
        self.attempts = attempts
        self.seconds = seconds


async def guarded(
    call: Callable[[int], Awaitable[T]],
    *,
    what: str,
    max_retries: int,
    backoff: float,
    on_retry: OnRetry | None = None,
) -> Guarded[T]:
    """Make a call until it succeeds, fails for good, or was retried `max_retries` times.

    Args:
        call: given the number of the attempt, from 1; limits its own time.
        what: what is called, for the message.
        backoff: seconds before the first retry; doubles each time, with up to a quarter of jitter.
            A `Retry-After` of the other side wins.

    Raises:
        GaveUp: it failed for good; `error` is the last error, or RetriesExhausted around it.
    """
    began = time.monotonic()
    # The first attempt is made outside the loop: most calls need no other, and the loop costs more than a quick call.
    try:
        return Guarded(await call(1), 1, time.monotonic() - began)
    except Exception as error:
        first = error
    made = 1
    try:
        async for attempt in _attempts(max_retries, backoff, on_retry):
            with attempt:
                made = attempt.retry_state.attempt_number
                if made == 1:
                    raise first
                value = await call(made)
    except Exception as error:
        seconds = time.monotonic() - began
        last = RetriesExhausted(what, made, error) if made > 1 and classify(error) != "permanent" else error
        raise GaveUp(last, made, seconds) from error
    return Guarded(value, made, time.monotonic() - began)


def _attempts(max_retries: int, backoff: float, on_retry: OnRetry | None) -> AsyncRetrying:
    def pause(state: RetryCallState) -> float:
        wait = min(backoff * 2 ** (state.attempt_number - 1), LONGEST_WAIT) * (1 + random.random() / 4)
        asked = retry_after(_error(state))
        return wait if asked is None else asked

    def told(state: RetryCallState) -> None:
        if on_retry is not None:
            on_retry(state.attempt_number, _error(state), state.next_action.sleep if state.next_action else 0.0)

    return AsyncRetrying(
        stop=stop_after_attempt(max_retries + 1),
        wait=pause,
        retry=retry_if_exception(lambda error: isinstance(error, Exception) and classify(error) != "permanent"),
        before_sleep=told,
        reraise=True,
    )


def _error(state: RetryCallState) -> BaseException:
    error = state.outcome.exception() if state.outcome else None
    assert error is not None
    return error
