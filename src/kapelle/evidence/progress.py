"""Progress: how far an ingest is, and when it will be done."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

_EACH = 4_096
"""Bytes that a file counts beside its own: opening it and writing it down take their time."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest is."""

    files: int
    """Found below the folder."""
    done: int
    """Of them read, unchanged or skipped."""
    unchanged: int
    skipped: int
    documents: int
    """Written durably."""
    passages: int
    """Written durably."""
    bytes: int
    """Read."""
    seconds: float
    """Since the beginning."""
    rate: float
    """Files a second."""
    eta: float | None
    """Seconds to go, by the sizes of the files; None before the first is done."""


OnProgress: TypeAlias = Callable[[Progress], None]


@dataclass(slots=True)
class Meter:
    """Counts what is done, and makes Progress of it."""

    weights: int
    """Of all files, see `weight`."""
    files: int
    done: int = 0
    unchanged: int = 0
    skipped: int = 0
    documents: int = 0
    passages: int = 0
    bytes: int = 0
    _weight: int = 0
    _began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._began

    def did(self, weight: int, size: int = 0) -> None:
        """Count a file as done."""
        self.done += 1
        self._weight += weight
        self.bytes += size

    def now(self) -> Progress:
        """How far it is."""
        seconds = self.seconds
        eta = seconds * (self.weights - self._weight) / self._weight if self._weight else None
        return Progress(
            files=self.files,
            done=self.done,
            unchanged=self.unchanged,
            skipped=self.skipped,
            documents=self.documents,
            passages=self.passages,
            bytes=self.bytes,
            seconds=seconds,
            rate=self.done / seconds if seconds > 0 else 0.0,
            eta=eta,
        )


def weight(size: int, max_bytes: int) -> int:
    """What a file of some size counts; one that is too large is done at once."""
    return _EACH + (size if size <= max_bytes else 0)
