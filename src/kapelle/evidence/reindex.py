"""Give a collection the vectors of an embedder: what it would take, and doing it; interrupted, it goes on.

And take out of it what a model wrote of its passages (`contexts`), for which no model is needed.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kapelle import clock
from kapelle.budget.model import Usage
from kapelle.evidence.embedding.embedder import Embedder, text_to_embed
from kapelle.evidence.embedding.late import Counted, counting
from kapelle.evidence.index import Index
from kapelle.evidence.index_sqlite import memory_index
from kapelle.evidence.ingest import ingest
from kapelle.evidence.kinds import visible
from kapelle.evidence.model import Passage
from kapelle.evidence.ratings import Cost, Ratings
from kapelle.evidence.split import split
from kapelle.settings import CorpusSettings

_ALL = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """What embedding would take."""

    texts: int
    usage: Usage

    @property
    def paid(self) -> bool:
        """Whether somebody is asked for it who may want money."""
        return self.usage.requests > 0


class _StoppedError(Exception):
    pass


def estimate_reindex(index: Index, embedder: Embedder, collection: str, *, owner: str) -> Estimate:
    """What `reindex` would take now.

    Raises:
        As `Index.embed`.
    """
    return _estimate(embedder, dict.fromkeys(index.unembedded(collection, owner=owner)))


def estimate_ingest(
    index: Index,
    embedder: Embedder,
    collection: str,
    root: Path,
    *,
    owner: str,
    settings: CorpusSettings,
    stop: threading.Event | None = None,
) -> Estimate:
    """What the vectors of a folder's new and changed files would take; the folder is read for it.

    Raises:
        UnreadableSource: `root` cannot be read.
    """
    known = {one.source: one.sha256 for one in index.sources(collection, owner=owner)}
    rehearsal = memory_index()
    ingest(rehearsal, collection, root, owner=owner, settings=settings, stop=stop)
    texts: dict[str, None] = {}
    for one in rehearsal.sources(collection, owner=owner):
        if known.get(one.source) != one.sha256:
            for passage in split(rehearsal.document(one.document, owner=owner)):
                shown = visible(passage.text, passage.source)
                texts[text_to_embed(passage.header, passage.section, shown)] = None
    return _estimate(embedder, texts)


def _estimate(embedder: Embedder, texts: dict[str, None]) -> Estimate:
    return Estimate(len(texts), embedder.estimate(list(texts)) if texts else Usage())


def reindex(
    index: Index,
    ratings: Ratings,
    collection: str,
    *,
    owner: str,
    on_embedded: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
) -> Cost:
    """Give every passage its vector by the index's embedder, in place of another's; what that took is written down.

    Until it is done the collection is searched as before. Interrupted, the next call goes on where it was.

    Args:
        on_embedded: told how many more texts are embedded.
        stop: ends it early when set; what is embedded is stored.

    Raises:
        As `Index.embed`.
    """

    def told(texts: int) -> None:
        if on_embedded is not None:
            on_embedded(texts)
        if stop is not None and stop.is_set():
            raise _StoppedError

    record = partial(writing_down, ratings=ratings, index=index, collection=collection, owner=owner)
    with counting(told) as counted, suppress(_StoppedError), record(counted):
        index.embed(collection, owner=owner, anew=True)
    return _cost(counted, index, collection)


def remove_contexts(index: Index, collection: str, *, owner: str) -> int:
    """Take every context out of a collection, and write no more; how many documents had some.

    Raises:
        NotFound, BadInput: as `Index.check_contexts`.
    """
    index.check_contexts(collection, owner=owner)
    index.write_contexts_by(collection, None, owner=owner)
    done = 0
    for one in index.sources(collection, owner=owner):
        passages = passages_of(index, collection, one.source, owner=owner)
        if any(passage.context for passage in passages):
            none = {passage.id: "" for passage in passages}
            done += index.put_contexts(collection, one.source, one.sha256, none, owner=owner)
    return done


def passages_of(index: Index, collection: str, source: str, *, owner: str) -> list[Passage]:
    """Every passage of a source, in the order of its text."""
    numbers = index.of_source(collection, source, owner=owner, most=_ALL)
    return list(index.passages(collection, numbers, owner=owner).values())


@contextmanager
def writing_down(counted: Counted, ratings: Ratings, index: Index, collection: str, *, owner: str) -> Iterator[None]:
    """Record what is embedded inside, also when that ends early: it was spent."""
    try:
        yield
    finally:
        if counted.texts:
            ratings.spend(_cost(counted, index, collection), owner=owner)


def _cost(counted: Counted, index: Index, collection: str) -> Cost:
    return Cost(
        collection=collection, embedder=index.embedder or "", texts=counted.texts, usage=counted.usage, at=clock.now()
    )
