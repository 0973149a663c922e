"""The order in which a run's steps ended, kept while it is walked again."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress

from kapelle.run.model import Event
from kapelle.run.outcome import StepFact

_QUIET = 8
"""Turns of the loop in which the walk starts whatever follows from what has ended."""
_BEGUN = frozenset({"step.started", "step.restarted"})
_ENDED = frozenset({"step.finished", "step.skipped"})


class Story:
    """When each step was begun and ended, by event number; 0: before the first event, as in a fork."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.begun: dict[str, int] = {}
        self.ended: dict[str, int] = {}
        for event in events:
            if event.path is None:
                continue
            if event.kind in _BEGUN:
                self.begun[event.path] = event.seq
            elif event.kind in _ENDED:
                self.ended[event.path] = event.seq

    def knew(self, path: str, other: str) -> bool:
        """Whether one step had ended when another was begun for the last time."""
        return self.ended.get(other, 0) <= self.begun.get(path, 0)

    def facts(self, path: str, facts: Mapping[str, StepFact]) -> dict[str, StepFact]:
        """Of what has settled, what a step could know of when it was begun."""
        return {other: fact for other, fact in facts.items() if self.knew(path, other)}


class Turns:
    """Lets one step at a time go on, the one that ended first in the story."""

    def __init__(self, positions: Mapping[str, int]) -> None:
        self._positions = positions
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._arrived = asyncio.Event()
        self._over = asyncio.Event()
        self._count = 0

    @asynccontextmanager
    async def turn(self, path: str) -> AsyncIterator[None]:
        """Wait for a step's turn, and hold it."""
        self._count += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        position = float(self._positions.get(path, float("inf")))
        heapq.heappush(self._waiting, (position, self._count, future))
        self._arrived.set()
        await future
        try:
            yield
        finally:
            self._over.set()

    @asynccontextmanager
    async def given(self) -> AsyncIterator[None]:
        """Give turns within the block."""
        task = asyncio.create_task(self._give())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _give(self) -> None:
        while True:
            self._arrived.clear()
            if not self._waiting:
                await self._arrived.wait()
            await self._quiet()
            _, _, future = heapq.heappop(self._waiting)
            self._over.clear()
            if not future.cancelled():
                future.set_result(None)
                await self._over.wait()

    async def _quiet(self) -> None:
        seen = -1
        while seen != self._count:
            seen = self._count
            for _ in range(_QUIET):
                await asyncio.sleep(0)
