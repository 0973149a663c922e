"""The one place that retries: how often, how soon, and with what word at the end."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from kapelle.errors import RetriesExhausted, StepTimeout, Unavailable
from kapelle.resilience.guarded import LONGEST_WAIT, GaveUp, guarded


class Asked(ConnectionError):
    """The other side says when to come again."""

    def __init__(self, seconds: float) -> None:
        super().__init__("later")
        self.retry_after = seconds


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float, *rest: Any) -> None:
        slept.append(seconds)
        await real(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return slept


def failing(*errors: BaseException | None) -> Callable[[int], Any]:
    async def call(attempt: int) -> int:
        error = errors[min(attempt, len(errors)) - 1]
        if error is not None:
            raise error
        return attempt

    return call


async def test_a_call_that_succeeds_is_made_once() -> None:
    made = await guarded(failing(None), what="it", max_retries=3, backoff=1)
    assert (made.value, made.attempts) == (1, 1)
    assert made.seconds < 1


async def test_pauses_double_with_up_to_a_quarter_of_jitter(pauses: list[float]) -> None:
    with pytest.raises(GaveUp):
        await guarded(failing(ConnectionError()), what="it", max_retries=4, backoff=1)
    assert len(pauses) == 4
    for number, pause in enumerate(pauses):
        assert 2**number <= pause <= 2**number * 1.25


async def test_no_pause_is_longer_than_the_longest(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.0)
    with pytest.raises(GaveUp):
        await guarded(failing(ConnectionError()), what="it", max_retries=9, backoff=1)
    assert max(pauses) == LONGEST_WAIT


async def test_the_other_sides_word_wins(pauses: list[float]) -> None:
    await guarded(failing(Asked(7), None), what="it", max_retries=1, backoff=1)
    assert pauses == [7]


async def test_each_retry_is_told() -> None:
    told: list[tuple[int, str]] = []
    await guarded(
        failing(ConnectionError("one"), TimeoutError("two"), None),
        what="it",
        max_retries=5,
        backoff=0,
        on_retry=lambda attempt, error, pause: told.append((attempt, str(error))),
    )
    assert told == [(1, "one"), (2, "two")]


async def gave_up(*errors: BaseException, retries: int = 3) -> GaveUp:
    with pytest.raises(GaveUp) as raised:
        await guarded(failing(*errors), what="it", max_retries=retries, backoff=0)
    return raised.value


async def test_retries_that_run_out_are_told_with_their_number() -> None:
    found = await gave_up(Unavailable("down"))
    assert isinstance(found.error, RetriesExhausted)
    assert (found.attempts, found.error.attempts) == (4, 4)
    assert "`it` failed 4 times; the last error: down" in str(found)


async def test_a_permanent_error_ends_it_at_once_even_after_retries() -> None:
    wrong = ValueError("wrong")
    assert (await gave_up(wrong)).attempts == 1
    found = await gave_up(ConnectionError(), wrong)
    assert found.error is wrong
    assert found.attempts == 2


async def test_without_retries_the_error_itself_is_told() -> None:
    late = StepTimeout("late")
    found = await gave_up(late, retries=0)
    assert found.error is late
    assert found.attempts == 1


async def test_a_cancellation_is_never_retried() -> None:
    with pytest.raises(asyncio.CancelledError):
        await guarded(failing(asyncio.CancelledError()), what="it", max_retries=3, backoff=0)
