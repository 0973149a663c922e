"""Have a model write where a collection's passages stand: what it would take, and doing it; stopped, it goes on."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from kapelle import clock
from kapelle.agents.ask import together
from kapelle.agents.models import Model
from kapelle.budget.model import Usage
from kapelle.errors import ModelUnavailable
from kapelle.evidence.contextual import AT_ONCE, estimate_contexts, write_contexts
from kapelle.evidence.embedding.embedder import Embedder
from kapelle.evidence.embedding.late import counting
from kapelle.evidence.folder import Skipped
from kapelle.evidence.index import Index
from kapelle.evidence.model import Document, Passage
from kapelle.evidence.ratings import Cost, Ratings
from kapelle.evidence.reindex import Estimate, passages_of, writing_down

_DOCUMENTS = 4
"""Documents that are written of at once."""
_KEPT, _PARTS = 5 * AT_ONCE, 8
"""A document's contexts are kept after so many, or after an eighth of it where that is more: keeping some means writing
all its passages anew."""
_GIVEN_UP = 3
"""Requests in a row that fail, after which the model is taken to be away."""
_LONGEST = 400
"""Characters that a context adds to what is embedded, at most."""
_OVERTAKEN = "another version came meanwhile; contextualize the corpus again"


class ContextReport(BaseModel):
    """What came of writing contexts."""

    model_config = ConfigDict(frozen=True)

    collection: str
    model: str
    documents: int = 0
    """Those of which every passage has its context now."""
    passages: int = 0
    """Those that were given one."""
    failed: tuple[Skipped, ...] = ()
    """Documents of which not all was written, by path."""
    usage: Usage = Field(default_factory=Usage)


def estimate_collection(
    index: Index, collection: str, *, owner: str, model: Model, embedder: Embedder | None = None, anew: bool = False
) -> Estimate:
    """What `contextualize` would take at most, the vectors of what is written anew included.

    Args:
        embedder: the index's; None: vectors are not counted.

    Raises:
        NotFound, BadInput: as `Index.check_contexts`.
    """
    index.check_contexts(collection, owner=owner)
    texts, usage = 0, Usage()
    for document, passages in _wanting(index, collection, owner, _sources(index, collection, owner, anew), anew):
        texts += len(passages)
        usage += estimate_contexts(document, passages, model=model)
        if embedder is not None:
            usage += embedder.estimate(
                [f"{one.header}\n{one.section}\n{'x' * _LONGEST}\n{one.text}" for one in passages]
            )
    return Estimate(texts, usage)


async def contextualize(
    index: Index,
    ratings: Ratings,
    collection: str,
    *,
    owner: str,
    model: Model,
    anew: bool = False,
    on_written: Callable[[int], None] | None = None,
) -> ContextReport:
    """Have a model write where each passage of a collection stands that does not say it yet; what it took is kept.

    From the first that is kept on, what is brought into the collection is to be given contexts by this model too. A
    document stays as it was found while it is written of. Stopped or killed, the next call goes on where it was.

    Args:
        anew: those that have one get another; such a call does not go on where one was.
        on_written: told how many more passages have their context.

    Raises:
        NotFound, BadInput: as `Index.check_contexts`.
        ModelUnavailable: three requests in a row failed; what is written stays.
    """
    index.check_contexts(collection, owner=owner)
    job = _Writing(index, ratings, collection, owner, model, anew, on_written)
    try:
        with counting() as counted, writing_down(counted, ratings, index, collection, owner=owner):
            await job.write(_sources(index, collection, owner, anew))
    finally:
        job.spend(job.take())
    return job.report()


@dataclass(slots=True)
class _Writing:
    index: Index
    ratings: Ratings
    collection: str
    owner: str
    model: Model
    anew: bool
    on_written: Callable[[int], None] | None
    documents: int = 0
    passages: int = 0
    usage: Usage = field(default_factory=Usage)
    unwritten: tuple[int, Usage] = (0, Usage())
    """Passages, and what they took, since it was last written down."""
    failed: dict[str, Skipped] = field(default_factory=dict)
    in_a_row: int = 0

    async def write(self, sources: Iterable[str]) -> None:
        """Write of some documents at a time, until all are done or the model is away."""
        todo = _wanting(self.index, self.collection, self.owner, sources, self.anew)
        model, turn = self.model.metered(self._charge), asyncio.Lock()
        await together(self._work(todo, turn, model) for _ in range(_DOCUMENTS))

    def _charge(self, usage: Usage) -> None:
        self.usage += usage
        self.unwritten = (self.unwritten[0], self.unwritten[1] + usage)
        if self.model.spent is not None:
            self.model.spent(usage)

    def take(self) -> tuple[int, Usage]:
        """What is to be written down; on the loop, as all that is added to it."""
        taken, self.unwritten = self.unwritten, (0, Usage())
        return taken

    def spend(self, taken: tuple[int, Usage]) -> None:
        """Write down what was spent: a kill costs the word of what came after."""
        texts, usage = taken
        if texts or usage.requests:
            cost = Cost(collection=self.collection, embedder=self.model.name, texts=texts, usage=usage, at=clock.now())
            self.ratings.spend(cost, owner=self.owner)

    async def _work(self, todo: Iterator[tuple[Document, list[Passage]]], turn: asyncio.Lock, model: Model) -> None:
        while True:
            async with turn:
                found = await asyncio.to_thread(_next, todo)
            if found is None:
                return
            document, passages = found
            await self._write_of(document, passages, model)
            self.documents += document.source not in self.failed

    async def _write_of(self, document: Document, passages: list[Passage], model: Model) -> None:
        """Write of a document; what has come is kept, also when it ends early."""
        most = max(_KEPT, -(-len(passages) // _PARTS))
        held: dict[str, str] = {}
        try:
            for first in range(0, len(passages), AT_ONCE):
                try:
                    held |= (await write_contexts(document, passages[first : first + AT_ONCE], model=model)).by_id
                    self.in_a_row = 0
                except ModelUnavailable as error:
                    self.in_a_row += 1
                    self._fail(document, str(error), transient=error.retryable)
                    if self.in_a_row >= _GIVEN_UP:
                        raise
                if len(held) >= most and not await self._keep(document, held):
                    return
        finally:
            if held:
                await self._keep(document, held)

    async def _keep(self, document: Document, held: dict[str, str]) -> bool:
        contexts, count = dict(held), len(held)
        held.clear()
        if not await asyncio.to_thread(self._put, document, contexts):
            self._fail(document, _OVERTAKEN, transient=True)
            return False
        self.passages += count
        self.unwritten = (self.unwritten[0] + count, self.unwritten[1])
        await asyncio.to_thread(self.spend, self.take())
        if self.on_written is not None:
            self.on_written(count)
        return True

    def _put(self, document: Document, contexts: Mapping[str, str]) -> bool:
        collection, owner = self.collection, self.owner
        if not self.index.put_contexts(collection, document.source, document.sha256, contexts, owner=owner):
            return False
        self.index.write_contexts_by(collection, self.model.name, owner=owner)
        return True

    def _fail(self, document: Document, why: str, *, transient: bool) -> None:
        self.failed[document.source] = Skipped(path=document.source, why=why, transient=transient)

    def report(self) -> ContextReport:
        """What came of it."""
        return ContextReport(
            collection=self.collection,
            model=self.model.name,
            documents=self.documents,
            passages=self.passages,
            failed=tuple(sorted(self.failed.values(), key=lambda one: one.path)),
            usage=self.usage,
        )


def _sources(index: Index, collection: str, owner: str, anew: bool) -> list[str]:
    if anew:
        return [one.source for one in index.sources(collection, owner=owner)]
    return index.without_context(collection, owner=owner)


def _wanting(
    index: Index, collection: str, owner: str, sources: Iterable[str], anew: bool
) -> Iterator[tuple[Document, list[Passage]]]:
    """Each document with those of its passages that are to be written of."""
    for source in sources:
        passages = passages_of(index, collection, source, owner=owner)
        wanting = [passage for passage in passages if anew or not passage.context]
        if wanting:
            yield index.document(wanting[0].document, owner=owner), wanting


def _next(todo: Iterator[tuple[Document, list[Passage]]]) -> tuple[Document, list[Passage]] | None:
    return next(todo, None)
