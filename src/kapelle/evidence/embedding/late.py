"""An embedder that is made when it is first used, and counts what it takes."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from kapelle.budget.model import Usage
from kapelle.evidence.embedding.embedder import Embedded, Embedder, Seen, WordEmbedder

Told: TypeAlias = Callable[[int], None]


@dataclass(slots=True)
class Counted:
    """What was embedded while somebody counted."""

    told: Told | None = None
    """Told after each call how many texts were embedded; what it raises ends the work."""
    texts: int = 0
    usage: Usage = field(default_factory=Usage)

    def add(self, texts: int, usage: Usage) -> None:
        """Count one call."""
        self.texts += texts
        self.usage += usage
        if self.told is not None:
            self.told(texts)


# Of the task or thread at work, so that what others embed at the same time is not counted in.
_COUNTED: ContextVar[Counted | None] = ContextVar("counted", default=None)


@contextmanager
def counting(told: Told | None = None) -> Iterator[Counted]:
    """Count what `LateEmbedder`s embed for the code inside, and what that takes."""
    counted = Counted(told)
    token = _COUNTED.set(counted)
    try:
        yield counted
    finally:
        _COUNTED.reset(token)


E = TypeVar("E", bound=Embedder)


class LateEmbedder(Generic[E]):
    """See `Embedder`. What an embedder imports takes seconds: a command that embeds nothing does not wait for it."""

    def __init__(self, name: str, make: Callable[[], E]) -> None:
        self.name = name
        self._make = make
        self._made: E | None = None
        self._making = threading.Lock()

    def embed(self, texts: Sequence[str], *, query: bool = False) -> Embedded:
        """See `Embedder.embed`."""
        embedded = self._embedder().embed(texts, query=query)
        counted = _COUNTED.get()
        if counted is not None:
            counted.add(len(texts), embedded.usage)
        return embedded

    def estimate(self, texts: Sequence[str]) -> Usage:
        """See `Embedder.estimate`."""
        return self._embedder().estimate(texts)

    def _embedder(self) -> E:
        with self._making:
            if self._made is None:
                self._made = self._make()
            return self._made


class LateWordEmbedder(LateEmbedder[WordEmbedder]):
    """See `WordEmbedder`."""

    def look(
        self, question: str, passages: Sequence[Sequence[str]], weight: Callable[[str], float]
    ) -> list[list[Seen]]:
        """See `WordEmbedder.look`."""
        return self._embedder().look(question, passages, weight)
