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
from kapelle.evidence.contextual import estimate_contexts, write_contexts
from kapelle.evidence.embedding.late import counting
from kapelle.evidence.folder import Skipped
from kapelle.evidence.index import Index
from kapelle.evidence.model import Document, Passage
from kapelle.evidence.ratings import Cost, Ratings
from kapelle.evidence.reindex import Estimate, passages_of, writing_down

_DOCUMENTS = 4
"""Documents that are written of at once."""
_KEPT, _PARTS = 40, 8
"""A document's contexts are kept after so many, or after an eighth of it where that is more: a part costs writing all
its passages anew."""
_GIVEN_UP = 3
"""Documents in a row that fail, after which the model is taken to be away."""


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
    """Documents of which the model could not write, by path."""
    usage: Usage = Field(default_factory=Usage)


def estimate_collection(index: Index, collection: str, *, owner: str, model: Model, anew: bool = False) -> Estimate:
    """What `contextualize` would take at most."""
    texts, usage = 0, Usage()
    for document, passages in _wanting(index, collection, owner, _sources(index, collection, owner, anew), anew):
        texts += len(passages)
        usage += estimate_contexts(document, passages, model=model)
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

    From here on what is brought into the collection is to be given contexts by this model too. A document stays as it
    was found while it is written of. Stopped or killed, the next call goes on where it was.

    Args:
        anew: those that have one get another; such a call does not go on where one was.
        on_written: told how many more passages have their context.

    Raises:
        NotFound: there is no such collection.
        ModelUnavailable: three documents in a row failed; what is written stays.
        BadInput: the collection has vectors of another embedder than the index's.
    """
    index.write_contexts_by(collection, model.name, owner=owner)
    job = _Writing(index, collection, owner, model, anew, on_written)
    try:
        with counting() as counted, writing_down(counted, ratings, index, collection, owner=owner):
            await job.write(_sources(index, collection, owner, anew))
    finally:
        if job.usage.requests:
            cost = Cost(
                collection=collection, embedder=model.name, texts=job.passages, usage=job.usage, at=clock.now()
            )  # fmt: skip
            ratings.spend(cost, owner=owner)
    return job.report()


@dataclass(slots=True)
class _Writing:
    index: Index
    collection: str
    owner: str
    model: Model
    anew: bool
    on_written: Callable[[int], None] | None
    documents: int = 0
    passages: int = 0
    usage: Usage = field(default_factory=Usage)
    failed: list[Skipped] = field(default_factory=list)
    in_a_row: int = 0

    async def write(self, sources: Iterable[str]) -> None:
        """Write of some documents at a time, until all are done or the model is away."""
        todo = _wanting(self.index, self.collection, self.owner, sources, self.anew)
        model, turn = self.model.metered(self._charge), asyncio.Lock()
        await together(self._work(todo, turn, model) for _ in range(_DOCUMENTS))

    def _charge(self, usage: Usage) -> None:
        self.usage += usage
        if self.model.spent is not None:
            self.model.spent(usage)

    async def _work(self, todo: Iterator[tuple[Document, list[Passage]]], turn: asyncio.Lock, model: Model) -> None:
        while True:
            async with turn:
                found = await asyncio.to_thread(_next, todo)
            if found is None:
                return
            document, passages = found
            try:
                await self._write_of(document, passages, model)
                self.in_a_row = 0
                self.documents += 1
            except ModelUnavailable as error:
                self.in_a_row += 1
                self.failed.append(Skipped(path=document.source, why=str(error), transient=True))
                if self.in_a_row >= _GIVEN_UP:
                    raise

    async def _write_of(self, document: Document, passages: list[Passage], model: Model) -> None:
        size = max(_KEPT, -(-len(passages) // _PARTS))
        for first in range(0, len(passages), size):
            part = passages[first : first + size]
            contexts = (await write_contexts(document, part, model=model)).by_id
            if not await asyncio.to_thread(self._keep, document, contexts):
                return  # another version is live by now, and waits for its own
            self.passages += len(part)
            if self.on_written is not None:
                self.on_written(len(part))

    def _keep(self, document: Document, contexts: Mapping[str, str]) -> bool:
        return self.index.put_contexts(
            self.collection, document.source, document.sha256, contexts, owner=self.owner
        )  # fmt: skip

    def report(self) -> ContextReport:
        """What came of it."""
        return ContextReport(
            collection=self.collection,
            model=self.model.name,
            documents=self.documents,
            passages=self.passages,
            failed=tuple(sorted(self.failed, key=lambda one: one.path)),
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
