"""From a tool's own thread to the run's loop and back."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from kapelle.errors import BadInput
from kapelle.tools.model import Waiting

T = TypeVar("T")


def from_thread(work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:  # Any: send and yield types
    """Do `work` on `loop` and wait for it, in a thread that may block.

    Raises:
        BadInput: called on a loop, which would wait for itself.
        Waiting: the work waits for somebody.
    """
    if _on_a_loop():
        work.close()
        raise BadInput("`call_sync` and `ask_sync` are for tools that block; an async tool awaits `call` and `ask`")
    caught = _caught(work)
    try:
        done = asyncio.run_coroutine_threadsafe(caught, loop).result()
    except RuntimeError:
        # The loop is closed: the process that made this call has stopped without it.
        caught.close()
        work.close()
        raise
    if isinstance(done, Waiting):
        raise done from None
    return done


def _on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _caught(work: Coroutine[Any, Any, T]) -> T | Waiting:
    # As a value: what is no Exception would be reported by the loop as never read.
    try:
        return await work
    except Waiting as waiting:
        return waiting
