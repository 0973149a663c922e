"""Vectors on SQLite: an exact scan of a matrix in memory, kept in step with the file."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection
from sqlalchemy import text as statement

from kapelle.evidence.embedding.embedder import Embedder
from kapelle.evidence.filters import Fitting
from kapelle.evidence.index import Match, Nearest
from kapelle.evidence.index_parts import Place
from kapelle.evidence.statements_sqlite import KEEP_VECTOR, NEWEST
from kapelle.evidence.vectors_database import Floats, Vectors

_ROWS = 8_192
"""Rows of a block: what a growing collection allocates at once."""
_MOST = np.iinfo(np.int64).max
_FILTERS = 64
"""Filters of which it is remembered what they let through, while their collection stays as it is."""
_KNOWN = 16
"""Collections kept in memory."""
_SELECT = (
    "SELECT p.number, v.vector FROM evidence_passages p "
    "JOIN evidence_vectors v ON v.embedder = ? AND v.digest = p.digest "
    "WHERE {collection} = ? AND p.number > ? ORDER BY p.number"
)
_OF_COLLECTION = _SELECT.format(collection="p.collection")
_OF_THE_NEWEST = _SELECT.format(collection="+p.collection")
"""The same, by reading every passage behind a number, of whatever collection."""
_NUMBERS = "SELECT number FROM evidence_passages WHERE collection = ?"


@dataclass(frozen=True, slots=True)
class Matrix:
    """The vectors of a collection at one generation, in blocks of rows; `numbers` ascend.

    Blocks are shared by successive generations: one only writes behind the rows of those before it.
    """

    generation: int
    cuts: int
    blocks: tuple[Floats, ...] = ()
    numbers: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def cosines(self, vector: Floats) -> Floats:
        """Of each row with a vector."""
        rows = len(self.numbers)
        scores = np.empty(rows, np.float32)
        for place, block in enumerate(self.blocks):
            first, last = place * _ROWS, min((place + 1) * _ROWS, rows)
            # Not BLAS: see `embedding.blas`. Both are as fast as memory is.
            np.einsum("ij,j->i", block[: last - first], vector, out=scores[first:last])
        return scores

    def row(self, place: int) -> Floats:
        """One vector."""
        row: Floats = self.blocks[place // _ROWS][place % _ROWS]
        return row

    def places(self, numbers: NDArray[np.int64]) -> NDArray[np.intp]:
        """The rows of those numbers that have one."""
        if not len(self.numbers):
            return np.empty(0, np.intp)
        found = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        there: NDArray[np.intp] = found[self.numbers[found] == numbers]
        return there

    def grown(self, numbers: Sequence[int], vectors: Sequence[bytes]) -> "Matrix":
        """With more rows behind the last."""
        blocks, rows = list(self.blocks), len(self.numbers)
        for row, vector in enumerate(vectors, rows):
            if row // _ROWS == len(blocks):
                blocks.append(np.empty((_ROWS, len(vector) // 4), np.float32))
            blocks[row // _ROWS][row % _ROWS] = np.frombuffer(vector, "<f4")
        grown = np.concatenate([self.numbers, np.asarray(numbers, np.int64)])
        return replace(self, blocks=tuple(blocks), numbers=grown)

    def cut_to(self, numbers: NDArray[np.int64]) -> "Matrix":
        """With the rows of `numbers` only, and only up to the first of those that has none here.

        What is behind the first row that goes is copied: somebody may still be reading it where it is.
        """
        missing = np.setdiff1d(numbers, self.numbers)
        kept = np.flatnonzero(np.isin(self.numbers, numbers) & (self.numbers < (missing[0] if len(missing) else _MOST)))
        whole = int(np.argmax(np.append(kept, -1) != np.arange(len(kept) + 1))) // _ROWS
        blocks = list(self.blocks[:whole])
        for first in range(whole * _ROWS, len(kept), _ROWS):
            block = np.empty_like(self.blocks[0])
            for row, old in enumerate(kept[first : first + _ROWS]):
                block[row] = self.row(int(old))
            blocks.append(block)
        return replace(self, blocks=tuple(blocks), numbers=self.numbers[kept])


class SqliteVectors(Vectors):
    """See `VectorIndex`. A collection's matrix is loaded when first searched; later only what changed is read."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__(embedder)
        self._known: dict[int, Matrix] = {}
        self._filtered: dict[tuple[object, ...], NDArray[np.intp]] = {}
        self._loading = Lock()

    def added(self, connection: Connection, place: int) -> None:
        """See `VectorIndex.added`; the rows stand beside the passages already."""

    def keep(self, connection: Connection, made: Sequence[tuple[bytes, bytes]]) -> None:
        """See `VectorIndex.keep`."""
        if made:
            connection.exec_driver_sql(KEEP_VECTOR, [(self.embedder, digest, vector) for digest, vector in made])

    def replaced(self, connection: Connection, place: int) -> None:
        """See `VectorIndex.replaced`; the others are found by their embedder's name."""

    def nearest(
        self,
        connection: Connection,
        place: Place,
        text: str,
        k: int,
        fitting: Fitting | None,
        also: Collection[int],
    ) -> Nearest | None:
        """See `VectorIndex.nearest`; exact, also behind a filter."""
        vector = self._asked_for(text)
        matrix = self._matrix(connection, place)
        if not len(matrix.numbers):
            return Nearest((), 0.0, 0.0)
        if k == 0:
            asked = matrix.places(np.fromiter(also, np.int64, len(also)))
            return Nearest(
                tuple(Match(int(matrix.numbers[r]), float(matrix.row(int(r)) @ vector)) for r in asked), 0, 0
            )
        scores = matrix.cosines(vector)
        rows = self._fitting(connection, place, matrix, fitting)
        best = rows[np.argpartition(-scores[rows], k)[:k]] if k < len(rows) else rows
        chosen = np.union1d(best, matrix.places(np.fromiter(also, np.int64, len(also))))
        chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
        return Nearest(
            tuple(Match(int(matrix.numbers[row]), float(scores[row])) for row in chosen),
            mean=float(scores.mean()),
            deviation=float(scores.std()),
        )

    def _fitting(
        self, connection: Connection, place: Place, matrix: Matrix, fitting: Fitting | None
    ) -> NDArray[np.intp]:
        if fitting is None:
            return np.arange(len(matrix.numbers))
        key = (place.id, place.generation, fitting.numbers, tuple(fitting.values.items()))
        known = self._filtered.get(key)
        if known is not None:
            return known
        found = connection.execute(statement(fitting.numbers), {"place": place.id, **fitting.values}).scalars().all()
        rows = matrix.places(np.asarray(found, np.int64))
        if len(self._filtered) >= _FILTERS:
            self._filtered.clear()
        self._filtered[key] = rows
        return rows

    def vectors(self, connection: Connection, place: Place, numbers: Sequence[int]) -> dict[int, Sequence[float]]:
        """See `VectorIndex.vectors`."""
        matrix = self._matrix(connection, place)
        rows = matrix.places(np.asarray(numbers, np.int64))
        return {int(matrix.numbers[row]): matrix.row(int(row)) for row in rows}  # type: ignore[misc]  # of floats

    def _matrix(self, connection: Connection, place: Place) -> Matrix:
        """The collection's matrix as the connection sees it."""
        with self._loading:
            known = self._known.get(place.id)
            if known is not None and known.generation == place.generation:
                return known
            if known is None or known.generation > place.generation:  # an older reader does not undo a newer one
                known = Matrix(0, place.cuts)
            matrix = self._brought_up(connection, place, known)
            if len(self._known) >= _KNOWN and place.id not in self._known:
                self._known.pop(next(iter(self._known)))
            self._known[place.id] = matrix
            return matrix

    def _brought_up(self, connection: Connection, place: Place, matrix: Matrix) -> Matrix:
        if matrix.cuts != place.cuts:
            numbers = connection.exec_driver_sql(_NUMBERS, (place.id,)).scalars().all()
            matrix = matrix.cut_to(np.asarray(numbers, np.int64))
        newest = int(matrix.numbers[-1]) if len(matrix.numbers) else 0
        behind = connection.execute(NEWEST).scalar_one() - newest
        select = _OF_THE_NEWEST if behind <= place.passages else _OF_COLLECTION
        rows = connection.exec_driver_sql(select, (self.embedder, place.id, newest))
        while batch := rows.fetchmany(_ROWS):
            matrix = matrix.grown([row[0] for row in batch], [row[1] for row in batch])
        return replace(matrix, generation=place.generation, cuts=place.cuts)
