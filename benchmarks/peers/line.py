"""A contender's side of the benchmark: read what to time, one JSON line each, and answer how many seconds it took.

It runs in the contender's own environment, so it knows the standard library only.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TextIO

Timed = Callable[[int], Awaitable[list[float]]]
"""Of a number of steps, the seconds of what was timed; mostly one figure, the whole run's."""


def take_stdout() -> TextIO:
    """Keep stdout for the answers: whatever a framework prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return answers


async def serve(shapes: Mapping[str, Timed], answers: TextIO) -> None:
    """Time what is asked for until stdin ends."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as thread:
        print(json.dumps({"ready": sorted(shapes)}), file=answers)
        while line := await loop.run_in_executor(thread, sys.stdin.readline):
            asked = json.loads(line)
            print(json.dumps({"seconds": await shapes[asked["shape"]](asked["steps"])}), file=answers)
