"""Prefect as a contender, with the server that it starts by itself: `peer_prefect.py FOLDER`.

A flow returns before its server knows of its tasks: their states travel behind it, as events. Two moments are answered:
the return, and when the server has recorded every task as completed, without which a restarted flow knows nothing.
"""

import asyncio
import os
import sys
import time
from typing import Any

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

from prefect import flow, get_client, task  # its settings are above
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.runtime import flow_run

LOOK = 0.1
"""Seconds between two looks at what is recorded: each takes the server's time."""
PATIENCE = 120.0
"""Seconds it may be behind."""


# Else a finished task's result is nowhere, and it is run again after a crash.
@task(persist_result=True)
async def nothing(value: int = 0) -> int:
    """Return what no task of the run returned before: equal inputs would be answered from its cache."""
    return value + 1


@flow
async def chain(length: int) -> str:
    """Tasks that follow each other; the flow run's id."""
    value = 0
    for _ in range(length):
        value = await nothing(value)
    return str(flow_run.id)


@flow
async def fan(length: int) -> str:
    """Tasks that need nothing; the flow run's id."""
    await asyncio.gather(*(nothing(number) for number in range(length)))
    return str(flow_run.id)


def running(client: Any, whole: Any) -> Timed:
    """One flow run from start to its return, and from there to its last task's record."""

    async def timed(length: int) -> list[float]:
        began = time.perf_counter()
        run = await whole(length)
        returned = time.perf_counter()
        for _ in range(int(PATIENCE / LOOK)):
            if await completed(client, run) >= length:
                return [returned - began, time.perf_counter() - returned]
            await asyncio.sleep(LOOK)
        raise TimeoutError(f"after {PATIENCE:.0f} s its server has not recorded the run")

    return timed


async def completed(client: Any, run: str) -> int:
    """How many tasks of a flow run its server knows as completed."""
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
    known = await client.read_task_runs(flow_run_filter=chosen)
    return sum(one.state is not None and one.state.is_completed() for one in known)


async def main() -> None:
    """Serve until asked for nothing more."""
    answers = take_stdout()
    await chain(1)  # starts its server
    async with get_client() as client:
        await serve({"chain": running(client, chain), "fan": running(client, fan)}, answers)


if __name__ == "__main__":
    asyncio.run(main())
