"""Composition root: choose the implementations of one orchestrator. The one module that may import inside functions."""

import asyncio
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from kapelle.agents.spec import AgentSpec
from kapelle.answer.model import Candidate
from kapelle.budget.afford import refuse_beyond
from kapelle.budget.model import Budget, Usage
from kapelle.errors import BadInput, KapelleError, MissingExtra, SettingsError
from kapelle.evidence.index import Index, IngestReport, check_collection
from kapelle.evidence.model import Passage
from kapelle.evidence.options import SearchOptions
from kapelle.evidence.retrieve import ALONE, Find, Helpers
from kapelle.evidence.search import SearchResult
from kapelle.pack import Means, Pack, discover
from kapelle.plan.catalog import Catalog, make_catalog
from kapelle.plan.planner import Planner
from kapelle.plan.planner_rules import RulePlanner
from kapelle.plan.strategies import Known, Strategy
from kapelle.run.answering import Checking, Texts
from kapelle.run.approvals.approval import Asking
from kapelle.run.engine import Engine, Work
from kapelle.run.perform import Capabilities, StepPerformer
from kapelle.run.walk import Limits as WalkLimits
from kapelle.settings import Settings
from kapelle.telemetry.logs import log
from kapelle.telemetry.redact import remember
from kapelle.telemetry.trace import set_up_traces
from kapelle.tools.call import Limits
from kapelle.tools.model import Tool
from kapelle.tools.registry import Registry
from kapelle.tools.text import TEXT_TOOLS

if TYPE_CHECKING:
    from sqlalchemy import Engine as Database

    from kapelle.evidence.contexts import ContextReport
    from kapelle.evidence.embedding.embedder import Embedder, WordEmbedder
    from kapelle.evidence.embedding.late import LateEmbedder, LateWordEmbedder
    from kapelle.evidence.folder import Skipped
    from kapelle.evidence.ratings import Ratings
    from kapelle.evidence.reindex import Estimate
    from kapelle.evidence.rerank import Reranker
    from kapelle.store.copy import Copied

    AnyEmbedder: TypeAlias = LateEmbedder[Embedder] | LateWordEmbedder

EngineName: TypeAlias = Literal["durable", "inline"]
_EMBEDDERS: "dict[tuple[object, ...], AnyEmbedder]" = {}


@dataclass(slots=True)
class Parts:
    """What an orchestrator is made of."""

    settings: Settings
    engine: Engine
    index: Index
    embedder: "AnyEmbedder | None"
    """What finds by meaning; None: search goes by words."""
    ratings: "Ratings"
    tools: Registry
    agents: Registry
    corpora: dict[str, Path]
    strategies: tuple[Strategy, ...]
    sources: dict[str, str]
    foreground: bool = False
    """A command that ends when its run waits: nothing is held for whoever decides."""
    ingested: set[str] = field(default_factory=set)
    _catalog: tuple[tuple[object, ...], Catalog] | None = None
    """The catalog, and what was registered when it was made: a registry only grows."""

    @property
    def catalog(self) -> Catalog:
        """What a plan may name, as registered now."""
        names = (len(self.tools), len(self.agents), *self.corpora)
        if self._catalog is None or self._catalog[0] != names:
            timeout = self.settings.tools.timeout
            most = partial(most_of, self.settings)
            made = make_catalog(self.tools, self.agents, self.corpora, tool_timeout=timeout, most=most)
            self._catalog = (names, made)
        return self._catalog[1]

    @property
    def planner(self) -> Planner:
        """The planner of the present mode."""
        return RulePlanner(self.strategies, Known(tuple(self.corpora), frozenset(tool.name for tool in self.tools)))

    @property
    def _asking(self) -> Asking:
        chosen = self.settings.approvals
        return Asking(chosen.expires_in, chosen.warn_share, notify=chosen.webhook_url is not None)

    @property
    def work(self) -> Work:
        """How runs are performed."""
        chosen = self.settings.tools
        limits = Limits(chosen.timeout, chosen.max_retries, chosen.backoff)
        by_model, finding = partial(_answer_by_model, self.settings), partial(find_by_model, self.settings)
        perform = StepPerformer(
            Capabilities(self.catalog, self.index, limits, self.sources, self._asking, by_model, finding)
        )
        run = self.settings.run
        park_after = 0.0 if self.foreground else run.park_after
        bounds = WalkLimits(run.width, run.max_steps, run.max_bytes, park_after=park_after)
        return Work(perform, bounds, self.catalog)


def assemble(
    settings: Settings,
    *,
    tools: Iterable[Tool] = (),
    agents: Iterable[AgentSpec] = (),
    corpora: Mapping[str, Path | str] | None = None,
    strategies: Sequence[Strategy] = (),
    packs: Sequence[Pack] | None = None,
    embedder: "Embedder | None" = None,
    engine: EngineName = "durable",
    foreground: bool = False,
    serves: str | None = None,
) -> Parts:
    """Put an orchestrator together.

    Args:
        packs: None: every installed one.
        embedder: None: the one that the settings choose.
        serves: the queue this process takes runs from.
        foreground: a database that cannot be written is waited for at most `run.commit_patience` seconds.

    Raises:
        SettingsError, StoreUnavailable, DatabaseDamaged: the database cannot be used.
        BadInput: two tools have one name, or a corpus's name is not usable.
        MissingExtra: a setting asks for something that is not installed.
    """
    remember(settings.secrets)
    _refuse_planner(settings)
    set_up_traces(settings.telemetry)
    # A pack asks for the index when one of its tools is called: by then there is one.
    means = Means(index=lambda: stored.index, reranker=partial(_reranker, settings))
    brought = list(discover(settings, means)) if packs is None else list(packs)
    stored = _storage(settings, embedder, engine, foreground, serves)
    return Parts(
        settings=settings,
        engine=stored.engine,
        index=stored.index,
        embedder=stored.embedder,
        ratings=stored.ratings,
        tools=Registry([*TEXT_TOOLS, *(tool for pack in brought for tool in pack.tools), *tools]),
        agents=Registry([*(spec for pack in brought for spec in pack.agents), *agents], what="agent"),
        corpora=_corpora(corpora or {}),
        strategies=(*strategies, *(one for pack in brought for one in pack.strategies)),
        sources={name: source for pack in brought for name, source in pack.sources.items()},
        foreground=foreground,
    )


def _reranker(settings: Settings) -> "Reranker | None":
    if settings.model is None:
        return None
    from kapelle.agents.models import model_from
    from kapelle.evidence.rerank_model import ModelReranker

    return ModelReranker(model_from(settings))


async def _answer_by_model(
    settings: Settings,
    name: str,
    question: str,
    hits: Sequence[Passage],
    texts: Texts,
    budget: Budget,
    count: int,
    checking: Checking,
) -> Candidate:
    """Answer a question by the model that a task names, and have the same model judge each claim by its quotes."""
    from kapelle.agents.models import model_from
    from kapelle.answer.compose_model import compose_model, most_usage

    model = model_from(settings, name)
    refuse_beyond(budget, most_usage(model) * count, name)
    return await compose_model(question, hits, texts, model=model, timeout=settings.executor.timeout, checking=checking)


async def find_by_model(
    settings: Settings,
    name: str,
    find: Find,
    query: str,
    k: int,
    options: SearchOptions,
    budget: Budget,
    own: Helpers = ALONE,
) -> SearchResult:
    """Search with the help of a model: see `evidence.by_model`.

    Args:
        own: helpers of the caller's; they come before the model's.

    Raises:
        BudgetExceeded, Refused: it might cost more than the budget allows; nothing was sent.
        BadInput, SettingsError, MissingExtra: the model cannot be asked as it is named.
    """
    from kapelle.agents.models import model_from
    from kapelle.evidence.by_model import most_usage, search_by_model

    model = model_from(settings, name)
    refuse_beyond(budget, most_usage(model, options), name)
    return await search_by_model(find, query, k=k, options=options, model=model, own=own)


def most_of(settings: Settings, name: str, options: SearchOptions | None) -> Usage:
    """What a search with such options may take of a model at most; without options an answer.

    The price of a model that cannot be asked as it is named is not known; whoever asks it is told why.
    """
    try:
        from kapelle.agents.models import model_from

        model = model_from(settings, name)
    except (BadInput, SettingsError, MissingExtra):
        return Usage(requests=1, usd=None, unmeasured=1)
    if options is None:
        from kapelle.answer.compose_model import most_usage

        return most_usage(model)
    from kapelle.evidence.by_model import most_usage as most_of_search

    return most_of_search(model, options)


def _refuse_planner(settings: Settings) -> None:
    # No silent fallback: who asks for a model is told that the rules would plan.
    if settings.planner.mode == "llm":
        raise SettingsError(
            "setting `KAPELLE_PLANNER__MODE`: this version has no planner by a model yet; set it to deterministic"
        )


def _corpora(given: Mapping[str, Path | str]) -> dict[str, Path]:
    for name in given:
        check_collection(name)
    return {name: Path(folder) for name, folder in given.items()}


@dataclass(frozen=True, slots=True)
class _Stored:
    engine: Engine
    index: Index
    embedder: "AnyEmbedder | None"
    ratings: "Ratings"


def _storage(
    settings: Settings, given: "Embedder | None", engine: EngineName, foreground: bool, serves: str | None
) -> _Stored:
    from kapelle.evidence.ratings import Ratings, memory_ratings

    embedder, why_none = (_counted(given), "") if given else _chosen_embedder(settings)
    if engine == "inline":
        from kapelle.run.engine_inline import InlineEngine

        index: Index = index_in_memory(embedder, why_none)
        return _Stored(InlineEngine(session_days=settings.retention.sessions), index, embedder, memory_ratings())
    from kapelle.run.durable import durable_engine
    from kapelle.run.launch import Service
    from kapelle.store.engine import open_engine
    from kapelle.store.version import HEAD, schema_version

    database = open_engine(settings)
    if schema_version(database) != HEAD:
        from kapelle.store.migrate import migrate

        migrate(database)
    patience = settings.run.commit_patience if foreground else None
    service = Service(serves, settings.worker.concurrency, settings.worker.spread) if serves else None
    durable = durable_engine(database, settings, patience=patience, on_trouble=_say_trouble, service=service)
    return _Stored(durable, index_of(database, embedder, why_none=why_none), embedder, Ratings(database))


def embedder_of(settings: Settings) -> "AnyEmbedder | None":
    """The embedder that the settings choose, made when it is first used; None: search goes by words.

    One for each process and choice, so that packs and orchestrators share its weights.

    Raises:
        SettingsError: it is named, and its files are not there.
        MissingExtra: it is named, and not installed.
    """
    return _chosen_embedder(settings)[0]


def why_no_embedder(settings: Settings) -> str:
    """Why `embedder_of` is None, and what to do; empty when there is one, or none is wanted."""
    return _chosen_embedder(settings)[1]


def _chosen_embedder(settings: Settings) -> "tuple[AnyEmbedder | None, str]":
    """The embedder, or why there is none and what to do; both empty when none is wanted."""
    from kapelle.evidence.embedding.weights import HINT, has_weights

    name = settings.corpus.embedder
    if name == "none":
        return None, ""
    if name not in ("auto", "minilm"):
        return _provider_embedder(settings, name), ""
    extra, there = _is_installed("numpy", "threadpoolctl"), has_weights(settings.home)
    if extra and there:
        return _own_embedder(settings.home, fast=_is_installed("onnxruntime", "onnx")), ""
    if name == "minilm" and not extra:
        raise MissingExtra("embed")
    if name == "minilm":
        raise SettingsError(f"setting `KAPELLE_CORPUS__EMBEDDER`: the files of minilm are not here: {HINT}")
    install = "" if extra else "pip install 'kapelle[embed]'"
    return None, "there is no embedder; " + "; ".join(part for part in (install, "" if there else HINT) if part)


def _counted(embedder: "Embedder") -> "AnyEmbedder":
    from kapelle.evidence.embedding.late import LateEmbedder, LateWordEmbedder

    if hasattr(embedder, "look"):
        return LateWordEmbedder(embedder.name, lambda: cast("WordEmbedder", embedder))
    return LateEmbedder(embedder.name, lambda: embedder)


def _minilm(home: Path, fast: bool) -> "WordEmbedder":
    from kapelle.evidence.embedding.weights import weights_folder

    if fast:
        from kapelle.evidence.embedding.minilm_onnx import FastMiniLM

        return FastMiniLM(weights_folder(home))
    from kapelle.evidence.embedding.minilm import MiniLM

    return MiniLM(weights_folder(home))


def _provider_embedder(settings: Settings, name: str) -> "AnyEmbedder":
    if not _is_installed("numpy"):
        raise MissingExtra("embed")
    model, at, dimension = name.rpartition("@")
    chosen = int(dimension) if at and dimension.isdecimal() else None
    model = model if chosen is not None else name

    def make() -> "Embedder":
        from kapelle.agents.embedding import embedder_from
        from kapelle.evidence.embedding.embedder import Embedded

        return embedder_from(settings, model, Embedded, dimension=chosen)

    from kapelle.evidence.embedding.late import LateEmbedder

    choice = (name, settings.llm.provider, settings.llm.base_url, settings.llm.api_key)
    return _EMBEDDERS.setdefault(choice, LateEmbedder(name, make))


def _own_embedder(home: Path, *, fast: bool) -> "AnyEmbedder":
    from kapelle.evidence.embedding.late import LateWordEmbedder
    from kapelle.evidence.embedding.weights import NAME

    return _EMBEDDERS.setdefault((home, fast), LateWordEmbedder(NAME, lambda: _minilm(home, fast)))


def _is_installed(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) is not None for module in modules)


def index_of(database: "Database", embedder: "Embedder | None" = None, *, why_none: str = "") -> Index:
    """The index in a database of ours; by words alone without an embedder, or on a Postgres without pgvector.

    Args:
        why_none: why there is no embedder, and what to do; empty when none is wanted.
    """
    from kapelle.store.dialect import POSTGRES

    if database.dialect.name == POSTGRES.name:
        return _index_in_postgres(database, embedder, why_none)
    from kapelle.evidence.index_sqlite import SqliteIndex

    if embedder is None:
        index = SqliteIndex(database)
        index.words_only = why_none
        return index
    from kapelle.evidence.vectors_sqlite import SqliteVectors

    return SqliteIndex(database, SqliteVectors(embedder))


def _index_in_postgres(database: "Database", embedder: "Embedder | None", why_none: str) -> Index:
    from kapelle.evidence.index_postgres import PostgresIndex

    index = PostgresIndex(database)
    index.words_only = why_none
    if embedder is None:
        return index
    from kapelle.evidence.vectors_postgres import PostgresVectors, has_pgvector

    if has_pgvector(database):
        return PostgresIndex(database, PostgresVectors(embedder))
    index.words_only = "the server has no pgvector; install its package there, then: CREATE EXTENSION vector"
    return index


def index_in_memory(embedder: "Embedder | None", why_none: str = "") -> Index:
    """An index that goes with its process."""
    from kapelle.evidence.index_sqlite import memory_index

    if embedder is None:
        index = memory_index()
        index.words_only = why_none
        return index
    from kapelle.evidence.vectors_sqlite import SqliteVectors

    return memory_index(SqliteVectors(embedder))


@contextmanager
def scratch_index(settings: Settings) -> Iterator[Index]:
    """An index of its own in KAPELLE_HOME, kept for the next time: what is measured is brought in once."""
    from kapelle.evidence.tables_sqlite import ensure_schema
    from kapelle.store.engine import open_url
    from kapelle.store.version import HEAD

    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = settings.home / f"measure-{HEAD}.db"
    for older in settings.home.glob("measure-*.db*"):
        if not older.name.startswith(file.name):
            older.unlink(missing_ok=True)
    engine = open_url(f"sqlite:///{file}")
    embedder, why_none = _chosen_embedder(settings)
    try:
        ensure_schema(engine)
        yield index_of(engine, embedder, why_none=why_none)
    finally:
        engine.dispose()


def index_copied(database: "Database") -> None:
    """Index what was copied into a Postgres from another database: its words, and its vectors where they can be."""
    from kapelle.evidence.index_postgres import PostgresIndex

    PostgresIndex(database).index_missing()
    try:
        from kapelle.evidence.vectors_postgres import bring_all_near, has_pgvector
    except ModuleNotFoundError:  # without numpy nobody searches by meaning here; whoever does brings them
        return
    if has_pgvector(database):
        bring_all_near(database)


def bring_schedules(source: "Database", target: "Database") -> "Copied":
    """Bring what is scheduled into a database that has nothing of the same name."""
    from kapelle.run.timetable import copy_schedules

    return copy_schedules(source, target)


def _say_trouble(message: str) -> None:
    log.info("database", text=message)
    print(f"kapelle: {message}", file=sys.stderr, flush=True)


def read_settings(**given: object) -> Settings:
    """The settings of this process; `given` wins over the environment."""
    from kapelle.settings import load_settings

    return load_settings(**given)


async def write_contexts(
    index: Index,
    ratings: "Ratings",
    settings: Settings,
    collection: str,
    name: str,
    *,
    anew: bool = False,
    on_written: Callable[[int], None] | None = None,
) -> "ContextReport":
    """Have a model write where a collection's passages stand: see `evidence.contexts`."""
    from kapelle.agents.models import model_from
    from kapelle.evidence.contexts import contextualize

    return await contextualize(
        index,
        ratings,
        collection,
        owner=settings.owner,
        model=model_from(settings, name),
        anew=anew,
        on_written=on_written,
    )


async def go_on_with_contexts(parts: Parts, collection: str, budget: Budget) -> tuple[int, str]:
    """Have the model that a collection names write of what is new in it; how many passages, and what was not done.

    Args:
        budget: what might pass it is not asked for.
    """
    owner = parts.settings.owner
    name = {one.name: one.contexts_by for one in parts.index.collections(owner=owner)}.get(collection)
    if name is None or not parts.index.without_context(collection, owner=owner):
        return 0, ""
    try:
        embedder = parts.embedder
        most = await asyncio.to_thread(
            estimate_contexts, parts.index, parts.settings, collection, name, embedder=embedder
        )
        refuse_beyond(budget, most.usage, name)
        made = await write_contexts(parts.index, parts.ratings, parts.settings, collection, name)
    except KapelleError as error:  # the documents are there, and found by their own words
        return 0, f"contexts of corpus `{collection}` are still to be written: {error}"
    return made.passages, said_of_failed(made.failed)


def said_of_failed(failed: "Sequence[Skipped]") -> str:
    """Of which documents a model could not write, and why; empty when there are none."""
    if not failed:
        return ""
    more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    return f"no contexts were written of `{failed[0].path}`{more}: {failed[0].why}"


def estimate_contexts(
    index: Index,
    settings: Settings,
    collection: str,
    name: str,
    *,
    embedder: "Embedder | None" = None,
    anew: bool = False,
) -> "Estimate":
    """What `write_contexts` would take at most."""
    from kapelle.agents.models import model_from
    from kapelle.evidence.contexts import estimate_collection

    return estimate_collection(
        index, collection, owner=settings.owner, model=model_from(settings, name), embedder=embedder, anew=anew
    )


async def bring_url(index: Index, collection: str, url: str, settings: Settings) -> IngestReport:
    """Fetch an address into a collection, see `evidence.ingest_url`; the HTTP client is loaded when one is fetched."""
    from kapelle.evidence.ingest_url import ingest_url

    return await ingest_url(index, collection, url, owner=settings.owner, settings=settings.corpus)
