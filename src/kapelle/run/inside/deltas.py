"""Text as it is being written: no fact, so it takes no event number, and goes when its step's result is stored."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from kapelle.errors import KapelleError

PAUSE = 0.05
"""Seconds for which text is gathered before it is written down."""


class Delta(BaseModel):
    """Text that a step has written since the reader last looked."""

    model_config = ConfigDict(frozen=True)

    run: str
    path: str
    execution: int
    n: int
    """The number of its last piece, from 1 within one entry of a step."""
    text: str
    after: int = 0
    """The number of the last event before it."""
    snapshot: bool = False
    """All that the step has written so far: the reader has not seen this entry before."""

    @property
    def id(self) -> str:
        """Its place in a stream: behind an event, in the order of the pieces."""
        return f"{self.after}.{self.n}"


class Piece(BaseModel):
    """One piece as it is stored."""

    model_config = ConfigDict(frozen=True)

    path: str
    execution: int
    n: int
    text: str


Seen = dict[tuple[str, int], int]
"""By path and execution: the last piece a reader was given."""


def news(run: str, pieces: Sequence[Piece], seen: Seen, after: int) -> list[Delta]:
    """What a reader has not seen, one delta a step; `seen` is brought up to date, what is gone is forgotten."""
    found: dict[tuple[str, int], list[Piece]] = {}
    for piece in pieces:
        if piece.n > seen.get((piece.path, piece.execution), 0):
            found.setdefault((piece.path, piece.execution), []).append(piece)
    present = {(piece.path, piece.execution) for piece in pieces}
    for gone in seen.keys() - present:
        del seen[gone]
    deltas = []
    for (path, execution), parts in found.items():
        snapshot = (path, execution) not in seen
        seen[path, execution] = n = parts[-1].n
        text = "".join(part.text for part in parts)
        deltas.append(Delta(run=run, path=path, execution=execution, n=n, text=text, after=after, snapshot=snapshot))
    return deltas


class Speech:
    """Gathers what the steps of one walk say, and writes it down in between their commits."""

    def __init__(self, write: Callable[[Sequence[Piece]], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: list[Piece] = []
        self._numbers: dict[tuple[str, int], int] = {}
        self._flushing: asyncio.Task[None] | None = None

    def say(self, path: str, execution: int, text: str) -> None:
        """Note a piece of text; it is written within `PAUSE`."""
        if not text:
            return
        place = (path, execution)
        self._numbers[place] = n = self._numbers.get(place, 0) + 1
        self._waiting.append(Piece(path=path, execution=execution, n=n, text=text))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())

    def silence(self, path: str) -> bool:
        """A step ended: whether it has said anything, which goes with its result."""
        self._waiting = [piece for piece in self._waiting if piece.path != path]
        spoke = [place for place in self._numbers if place[0] == path]
        for place in spoke:
            del self._numbers[place]
        return bool(spoke)

    async def end(self) -> None:
        """Write nothing more."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)

    async def _flush(self) -> None:
        while self._waiting:
            await asyncio.sleep(PAUSE)
            pieces, self._waiting = self._waiting, []
            try:
                await self._write(_joined(pieces))
            except KapelleError:  # no fact is lost with it; the walk's own commit says what is wrong
                return


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """One piece a step, under the number of its last."""
    found: dict[tuple[str, int], Piece] = {}
    for piece in pieces:
        before = found.get((piece.path, piece.execution))
        text = (before.text if before else "") + piece.text
        found[piece.path, piece.execution] = piece.model_copy(update={"text": text})
    return list(found.values())


def put(connection: sa.Connection, run: str, pieces: Sequence[Piece]) -> None:
    """Write pieces down."""
    connection.execute(_PUT, [{"run": run, **piece.model_dump()} for piece in pieces])


def drop(connection: sa.Connection, run: str, paths: Sequence[str]) -> None:
    """Remove what some steps said: their results are stored."""
    connection.execute(_DROP, [{"run": run, "path": path} for path in paths])


def drop_all(connection: sa.Connection, run: str) -> None:
    """Remove what all steps of a run said: it ended."""
    connection.execute(_DROP_ALL, {"run": run})


def read(connection: sa.Connection, run: str) -> list[Piece]:
    """The pieces of a run, in order within each step."""
    rows = connection.execute(_READ, {"run": run}).all()
    return [Piece(path=row.path, execution=row.execution, n=row.n, text=row.text) for row in rows]


_PUT = sa.text(
    "insert into deltas (run, path, execution, n, text) values (:run, :path, :execution, :n, :text) "
    "on conflict do nothing"
)
_DROP = sa.text("delete from deltas where run = :run and path = :path")
_DROP_ALL = sa.text("delete from deltas where run = :run")
_READ = sa.text("select path, execution, n, text from deltas where run = :run order by path, execution, n")
