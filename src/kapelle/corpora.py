"""What an orchestrator does with corpora: bring them in, find in them, say what helps."""

import asyncio
import getpass
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kapelle.assemble import Parts, bring_url, find_by_model, go_on_with_contexts, write_contexts
from kapelle.budget.model import Budget
from kapelle.errors import BadInput
from kapelle.evidence.embedding.late import counting
from kapelle.evidence.folder import Skipped
from kapelle.evidence.index import Filters, check_collection
from kapelle.evidence.ingest import FolderReport, ingest
from kapelle.evidence.kinds import is_url
from kapelle.evidence.options import DEFAULT, MOST_FOUND, NO_MODEL, SearchOptions
from kapelle.evidence.progress import OnProgress
from kapelle.evidence.ratings import Cost, Rating, Vote, check_rating
from kapelle.evidence.reindex import reindex, remove_contexts, writing_down
from kapelle.evidence.rerank import Reranker
from kapelle.evidence.retrieve import Helpers, Wordings, retrieve
from kapelle.evidence.search import SearchResult, search
from kapelle.plan.model import Plan, walk_steps
from kapelle.settings import Settings
from kapelle.telemetry.logs import log

if TYPE_CHECKING:
    from kapelle.evidence.contexts import ContextReport

T = TypeVar("T")


class Corpora(ABC):
    """The half of an orchestrator that keeps documents; what it is made of, model and budget are the other half's."""

    settings: Settings
    _model: str | None
    _budget: Budget

    @property
    @abstractmethod
    def parts(self) -> Parts:
        """What it is made of."""

    async def ingest_all(self, plan: Plan | None = None, *, budget: Budget | None = None) -> None:
        """Read the corpora that a plan searches (all, without one) into the index; only what changed is read in.

        Args:
            budget: contexts that might pass it are not written; None: this orchestrator's.
        """
        wanted = set(self.parts.corpora)
        if plan is not None:
            wanted &= {name for step in walk_steps(plan.steps) for name in getattr(step, "corpora", ())}
        for name in sorted(wanted - self.parts.ingested):
            await self.ingest(name, self.parts.corpora[name], contexts=False)
            _, note = await go_on_with_contexts(self.parts, name, budget or self._budget)
            if note:
                log.info("corpus", corpus=name, text=note)
            self.parts.ingested.add(name)

    async def ingest(
        self,
        name: str,
        folder: Path | str,
        *,
        complete: bool = True,
        on_progress: OnProgress | None = None,
        still: Collection[str] = (),
        contexts: bool = True,
    ) -> tuple[FolderReport, tuple[Skipped, ...]]:
        """Bring a folder, a file or an address (https://...) into the index; cancelled, what is written stays.

        Args:
            complete: sources whose file is gone are taken out; an address never takes out others.
            on_progress: called after every file, from another thread.
            still: sources known to be as they were; they are not read.
            contexts: have the model that the corpus names (`contextualize`) write of what is new.

        Raises:
            UnreadableSource: the folder or the address cannot be read.
            BadInput: the name is none, or the address is not allowed (`KAPELLE_CORPUS__ALLOWED_HOSTS`).
        """
        check_collection(name)
        if isinstance(folder, str) and is_url(folder):
            report = await self._ingest_url(name, folder)
        else:
            report = await self._ingest_folder(name, folder, complete, on_progress, still)
        if contexts:
            written, note = await go_on_with_contexts(self.parts, name, self._budget)
            report = report.model_copy(update={"contexts": written, "note": note})
        return report, report.skipped

    async def _ingest_folder(
        self, name: str, folder: Path | str, complete: bool, on_progress: OnProgress | None, still: Collection[str]
    ) -> FolderReport:
        index, owner, stop = self.parts.index, self.settings.owner, threading.Event()
        bring = partial(
            ingest, index, name, folder, owner=owner, settings=self.settings.corpus, complete=complete,
            on_progress=on_progress, stop=stop, still=still,
        )  # fmt: skip
        return await _until_stopped(partial(self._counted, name, bring), stop)

    def _counted(self, name: str, bring: Callable[[], T]) -> T:
        parts, owner = self.parts, self.settings.owner
        with counting() as counted, writing_down(counted, parts.ratings, parts.index, name, owner=owner):
            return bring()

    async def _ingest_url(self, name: str, url: str) -> FolderReport:
        began = time.monotonic()
        parts, owner = self.parts, self.settings.owner
        with counting() as counted, writing_down(counted, parts.ratings, parts.index, name, owner=owner):
            report = await bring_url(parts.index, name, url, self.settings)
        return FolderReport(**report.model_dump(), seconds=time.monotonic() - began)

    async def reindex(self, name: str, *, on_embedded: Callable[[int], None] | None = None) -> Cost:
        """Give every passage of a corpus its vector by this orchestrator's embedder; cancelled, what is made stays.

        Until it is done the corpus is searched as before; again, it goes on where it was. With a provider's embedder
        it costs money: `evidence.reindex.estimate_reindex` says before how much.

        Args:
            on_embedded: told how many more texts are embedded, from another thread.

        Raises:
            NotFound: there is no such corpus.
            BadInput: there is no embedder; the message says what to do.
            ModelUnavailable: the embedder cannot be reached.
        """
        parts, owner, stop = self.parts, self.settings.owner, threading.Event()
        work = partial(
            reindex, parts.index, parts.ratings, name, owner=owner, on_embedded=on_embedded, stop=stop
        )  # fmt: skip
        return await _until_stopped(work, stop)

    async def contextualize(
        self,
        name: str,
        *,
        model: str | None = None,
        anew: bool = False,
        on_written: Callable[[int], None] | None = None,
    ) -> "ContextReport":
        """Have a model write where each passage of a corpus stands, and of what is brought in from here on.

        It is searched with the passage and never quoted. It costs money: `evidence.contexts.estimate_collection` says
        before how much at most. Cancelled, what is written stays; again, it goes on where it was.

        Args:
            model: `provider:model`; None: this orchestrator's.
            anew: those that have one get another.
            on_written: told how many more passages have theirs.

        Raises:
            NotFound: there is no such corpus.
            BadInput: no model is named.
            ModelUnavailable: the model cannot be reached; what is written stays.
        """
        chosen = model or self._model
        if chosen is None:
            raise BadInput("contexts are written by a model; name one: KAPELLE_MODEL=openai:gpt-5-mini, or `model`")
        parts = self.parts
        return await write_contexts(
            parts.index, parts.ratings, self.settings, name, chosen, anew=anew, on_written=on_written
        )

    async def remove_contexts(self, name: str) -> int:
        """Take all that a model wrote out of a corpus, and have no more written; how many documents had some.

        Raises:
            NotFound: there is no such corpus.
        """
        return await asyncio.to_thread(remove_contexts, self.parts.index, name, owner=self.settings.owner)

    async def search(
        self,
        query: str,
        *corpora: str,
        k: int = 8,
        filters: Filters | None = None,
        options: SearchOptions = DEFAULT,
        model: str | None = None,
        reranker: Reranker | None = None,
        wordings: Wordings | None = None,
        fresh: bool = True,
    ) -> SearchResult:
        """Search corpora (all, when none is named).

        Args:
            filters: conditions on what documents say of themselves, such as `{"year": {"ge": 2024}}`.
            options: how; `note` of the result says what could not be done so.
            model: asked for what the options want of one; None: this orchestrator's.
            reranker: chooses the `k` best of thirty; one of `kapelle.evidence`, or yours.
            wordings: gives other wordings of the query, which are searched for too.
            fresh: read in first what changed in this orchestrator's folders.

        Raises:
            BadInput: `k` is not 1 to 10,000, a filter cannot be read, or the options ask for a model and none is named.
            BudgetExceeded: what a model is asked for might cost more than this orchestrator's budget; nothing was sent.
            ModelUnavailable: the embedder cannot be reached, and vectors alone were wanted.
        """
        if not 1 <= k <= MOST_FOUND:
            raise BadInput(f"`k`: expected 1 to {MOST_FOUND} passages, not {k}")
        if fresh:
            await self.ingest_all()
        names = corpora or tuple(self.parts.corpora)
        index, owner = self.parts.index, self.settings.owner

        def find(asked: str, most: int) -> SearchResult:
            return search(index, names, asked, owner=owner, k=most, filters=filters, options=options)

        own = Helpers(wordings=wordings, reranker=reranker)
        if not options.asks_a_model:
            return await retrieve(find, query, k=k, helpers=own)
        name = model or self._model
        if name is None:
            raise BadInput(NO_MODEL)
        return await find_by_model(self.settings, name, find, query, k, options, self._budget, own)

    async def rate(
        self,
        query: str,
        source: str,
        vote: Vote,
        *,
        corpus: str,
        span: tuple[int, int] | None = None,
        by: str | None = None,
    ) -> Rating:
        """Say whether what a search found helps; `kapelle corpus measure --feedback` judges searches by it.

        Args:
            vote: `up` or `down`; the newest of a person on a result counts.
            span: the passage that is meant, `text[start:end]`; None: the document.
            by: who says so; None: this user.

        Raises:
            NotFound: the corpus has no such source.
            BadInput: the query is empty, the vote is none, or the span is not in the text.
        """
        index, owner = self.parts.index, self.settings.owner
        rating = check_rating(index, corpus, query, source, vote, by=by or getpass.getuser(), span=span, owner=owner)
        keep = partial(self.parts.ratings.rate, rating, owner=owner)
        await asyncio.get_running_loop().run_in_executor(None, keep)
        return rating


async def _until_stopped(work: Callable[[], T], stop: threading.Event) -> T:
    """Do blocking work in a thread; cancelled, tell it to stop and wait until it has."""
    doing = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([doing])
        doing.exception()  # looked at, or asyncio would complain that nobody has
        raise
