"""What the vectors of both databases have in common: they are made once for each text, and stored as they are made."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from kapelle.evidence import statements as sql
from kapelle.evidence.embedding.embedder import Embedder, Seen
from kapelle.evidence.index_parts import Made, Opened

Floats = NDArray[np.float32]
_TOGETHER = 64
"""Texts embedded at once."""
_AT_STAKE = 1.0
"""Seconds of embedding that a kill may cost."""
_AT_ONCE = 500
_QUERIES = 2_048
"""Queries whose vectors are remembered."""


@runtime_checkable
class _Looks(Protocol):
    """What `WordEmbedder` adds to an embedder."""

    def look(
        self, question: str, passages: Sequence[Sequence[str]], weight: Callable[[str], float]
    ) -> list[list[Seen]]: ...


class Vectors:
    """Makes, stores and remembers the vectors of one embedder."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._asked: OrderedDict[str, Floats] = OrderedDict()
        self._lock = Lock()

    @property
    def embedder(self) -> str:
        """See `VectorIndex.embedder`."""
        return self._embedder.name

    def embed(self, texts: Mapping[bytes, str], read: Opened, write: Opened) -> Made:
        """See `VectorIndex.embed`. No transaction is open while the embedder works."""
        wanted = list(texts)
        with read() as connection:
            stored = self._stored(connection, wanted)
        missing = [digest for digest in wanted if digest not in stored]
        made: list[tuple[bytes, bytes]] = []
        since = time.monotonic()
        for first in range(0, len(missing), _TOGETHER):
            batch = missing[first : first + _TOGETHER]
            vectors = self._embedder.embed([texts[digest] for digest in batch]).vectors
            made += zip(batch, _as_bytes(vectors), strict=True)
            if time.monotonic() - since > _AT_STAKE:
                with write() as connection:
                    self.keep(connection, made)
                stored |= {digest for digest, _ in made}
                made, since = [], time.monotonic()
        return Made(len(missing), made, list(stored))

    def still(self, connection: Connection, digests: Sequence[bytes]) -> bool:
        """See `VectorIndex.still`."""
        return len(self._stored(connection, digests)) == len(digests)

    def keep(self, connection: Connection, made: Sequence[tuple[bytes, bytes]]) -> None:
        """See `VectorIndex.keep`."""
        rows = [{"embedder": self.embedder, "digest": digest, "vector": vector} for digest, vector in made]
        if rows:
            connection.execute(sql.KEEP_VECTOR, rows)

    def _stored(self, connection: Connection, digests: Sequence[bytes]) -> set[bytes]:
        found: set[bytes] = set()
        for first in range(0, len(digests), _AT_ONCE):
            some = list(digests[first : first + _AT_ONCE])
            rows = connection.execute(sql.STORED_VECTORS, {"embedder": self.embedder, "digests": some})
            found |= {bytes(digest) for digest in rows.scalars()}
        return found

    def look(
        self, question: str, passages: Sequence[Sequence[str]], weight: Callable[[str], float]
    ) -> list[list[Seen]]:
        """See `Index.look`."""
        if isinstance(self._embedder, _Looks):
            return self._embedder.look(question, passages, weight)
        vector = self._asked_for(question)
        made = self._embedder.embed([sentence for passage in passages for sentence in passage]).vectors
        cosines = iter((made @ vector).tolist())
        return [[(next(cosines), None) for _ in passage] for passage in passages]

    def _asked_for(self, text: str) -> Floats:
        """The vector of a query; a query asked again costs nothing."""
        with self._lock:
            known = self._asked.get(text)
            if known is not None:
                self._asked.move_to_end(text)
                return known
        made: Floats = self._embedder.embed([text], query=True).vectors[0]
        with self._lock:
            self._asked[text] = made
            if len(self._asked) > _QUERIES:
                self._asked.popitem(last=False)
        return made


def _as_bytes(vectors: Floats) -> list[bytes]:
    """Vectors as they are stored: float32, little-endian."""
    return [vector.tobytes() for vector in vectors.astype("<f4", copy=False)]
