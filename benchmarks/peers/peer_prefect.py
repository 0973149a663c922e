"""Prefect as a contender, with the server that it starts by itself: `peer_prefect.py FOLDER`."""

import asyncio
import os
import sys
import time

from line import Timed, serve, take_stdout

# Read when it is imported. As shipped, but for its own folder, a quiet terminal and nothing sent to anybody.
os.environ |= {
    "PREFECT_HOME": sys.argv[1],
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "DO_NOT_TRACK": "1",
}

from prefect import flow, task  # its settings are above


# Else a finished task's result is nowhere, and it is run again after a crash.
@task(persist_result=True)
async def nothing(value: int = 0) -> int:
    """Return what no task of the run returned before: equal inputs would be answered from its cache."""
    return value + 1


@flow
async def chain(length: int) -> int:
    """Tasks that follow each other."""
    value = 0
    for _ in range(length):
        value = await nothing(value)
    return value


@flow
async def fan(length: int) -> int:
    """Tasks that need nothing."""
    return len(await asyncio.gather(*(nothing(number) for number in range(length))))


def running(whole: object) -> Timed:
    """One flow run from start to end."""

    async def timed(length: int) -> list[float]:
        began = time.perf_counter()
        await whole(length)  # type: ignore[operator]
        return [time.perf_counter() - began]

    return timed


async def main() -> None:
    """Serve until asked for nothing more."""
    answers = take_stdout()
    await chain(1)  # starts its server
    await serve({"chain": running(chain), "fan": running(fan)}, answers)


if __name__ == "__main__":
    asyncio.run(main())
