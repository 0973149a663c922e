"""One event loop of our own, in a thread: every call to a provider is made on it.

A provider's client belongs to the loop it was first used on, and callers come from many: a server's, one for each
`run_sync`, threads without any.
"""

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Call: TypeAlias = Callable[[], Coroutine[Any, Any, T]]  # Any: what a coroutine is sent, never used
_PATIENCE = 2.0
"""Seconds that closing connections may take when the process ends."""


@dataclass(slots=True)
class _Loop:
    pid: int
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    opened: AsyncExitStack = field(default_factory=AsyncExitStack)


_starting = threading.Lock()
_started: _Loop | None = None


async def on_loop(call: Call[T]) -> T:
    """Make a call on the loop, and wait for it on the caller's own; cancelled with the caller."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call(), _running().loop))


def wait_for(call: Call[T]) -> T:
    """Make a call on the loop, and hold the caller's thread until it has returned.

    Raises:
        RuntimeError: called on the loop itself, which would wait for ever.
    """
    running = _running()
    if threading.current_thread() is running.thread:
        raise RuntimeError("a call that waits for the loop was made on it")
    future = asyncio.run_coroutine_threadsafe(call(), running.loop)
    try:
        return future.result()
    finally:
        future.cancel()  # for a caller that was interrupted; nothing when it has returned


def keep_open(client: AbstractAsyncContextManager[object]) -> None:
    """Enter what holds connections; it is left when the process ends."""
    running = _running()

    async def enter() -> None:
        await running.opened.enter_async_context(client)

    wait_for(enter)


def _running() -> _Loop:
    global _started
    with _starting:
        # A thread does not live on in a forked process.
        if _started is None or _started.pid != os.getpid():
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=loop.run_forever, name="kapelle-models", daemon=True)
            thread.start()
            _started = _Loop(os.getpid(), loop, thread)
        return _started


@atexit.register
def _close() -> None:
    running = _started
    if running is None or running.pid != os.getpid():
        return
    closing = asyncio.run_coroutine_threadsafe(_end(running), running.loop)
    try:
        closing.result(_PATIENCE)
    except TimeoutError:
        return  # the process ends; what is still open is closed with it
    running.loop.call_soon_threadsafe(running.loop.stop)
    running.thread.join(_PATIENCE)
    running.loop.close()


async def _end(running: _Loop) -> None:
    mine = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not mine]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await running.opened.aclose()
