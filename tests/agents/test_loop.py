"""The loop that calls to providers are made on."""

import asyncio
import subprocess
import sys
import threading
from contextvars import ContextVar

import pytest

from kapelle.agents.loop import on_loop, wait_for

word: ContextVar[str] = ContextVar("word", default="nothing")


async def where() -> str:
    return threading.current_thread().name


async def test_calls_of_any_loop_or_thread_are_made_in_one_place() -> None:
    assert await on_loop(where) == "kapelle-models"
    assert await asyncio.to_thread(wait_for, where) == "kapelle-models"


async def test_a_call_keeps_the_callers_context() -> None:
    async def said() -> str:
        return word.get()

    word.set("hello")
    assert await on_loop(said) == "hello"


async def test_an_error_is_the_callers() -> None:
    async def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await on_loop(fails)


async def test_a_cancelled_caller_cancels_the_call() -> None:
    ended = threading.Event()

    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    task = asyncio.create_task(on_loop(waits))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, 2)


def test_waiting_for_the_loop_on_it_is_refused() -> None:
    async def waits() -> None:
        wait_for(where)

    with pytest.raises(RuntimeError, match="on it"):
        wait_for(waits)


def test_a_process_ends_quietly_and_at_once_with_calls_in_flight() -> None:
    code = """
import asyncio, threading, time
from contextlib import asynccontextmanager
from kapelle.agents.loop import keep_open, on_loop, wait_for

@asynccontextmanager
async def client():
    yield
    print("closed")

async def waits():
    await asyncio.sleep(60)

keep_open(client())
threading.Thread(target=wait_for, args=(waits,), daemon=True).start()
time.sleep(0.1)
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout == "closed\n"
    assert "Warning" not in done.stderr
