"""The tools that search a company's knowledge and its earlier issues; every hit quotes an exact span."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, WithJsonSchema

from kapelle.answer.merge import merge_hits
from kapelle.clock import parse_time, to_iso
from kapelle.errors import ToolInputError, UnreadableSource
from kapelle.evidence.index import Index
from kapelle.evidence.index_sqlite import memory_index
from kapelle.evidence.model import Passage
from kapelle.evidence.rerank import Reranker
from kapelle.incident.company import Company
from kapelle.incident.hits import Hits, hit_of, sources_of
from kapelle.incident.knowledge import ANY, OWNER, PORTABLE, Collections, ingest, named, open_index
from kapelle.incident.relax import Filter, Relaxed, search_relaxing
from kapelle.language.words import fold
from kapelle.settings import Settings
from kapelle.tools.decorator import make_tool
from kapelle.tools.model import Tool, ToolContext

INDEX_SETTING = "KAPELLE_RAG__INDEX_PATH"


def _a_time(text: str) -> str:
    return to_iso(parse_time(text))


Moment = Annotated[str, AfterValidator(_a_time), WithJsonSchema({"type": "string", "format": "date-time"})]
"""An ISO 8601 date or time; without an offset it is UTC."""
Query = Annotated[str, Field(min_length=1, max_length=100_000)]
Word = Annotated[str, Field(min_length=1, max_length=200)]
TopK = Annotated[int, Field(ge=1, le=100)]
SnippetChars = Annotated[int, Field(ge=1, le=20_000)]


class IssueQuery(BaseModel):
    """What `search_previous_issues` takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: Query
    source: Word | None = None
    """The system or file the issue is from, such as `jira`."""
    collection: Word | None = None
    """Another collection of the index than the company's tickets."""
    issue_type: Word | None = None
    priority: Word | None = None
    """The severity, such as `P1`."""
    project: Word | None = None
    """The project's key."""
    incident_state: Word | None = None
    """`open`, `closed`, or a status word for word."""
    created_from: Moment | None = None
    created_to: Moment | None = None
    opened_from: Moment | None = None
    """The same as `created_from`: a ticket is opened when it is created."""
    opened_to: Moment | None = None
    top_k: TopK = 5
    max_snippet_chars: SnippetChars = 600
    index_path: Word | None = None
    """An index file built beforehand; none: the setting's, when it exists, else the company's folder."""
    use_llm_rerank: bool = False
    """Rank the hits by a model, where one is named."""


class SearchTools:
    """The two search tools over the company that the settings name."""

    def __init__(
        self, settings: Settings, index_for: Callable[[], Index], reranker: Callable[[], Reranker | None]
    ) -> None:
        self._settings = settings
        self._index_for = index_for
        self._reranker = reranker

    async def search_incident_knowledge(
        self,
        context: ToolContext,
        query: Query,
        service: Word | None = None,
        severity: Word | None = None,
        time_start: Moment | None = None,
        time_end: Moment | None = None,
        top_k: TopK = 5,
        max_snippet_chars: SnippetChars = 600,
    ) -> Hits:
        """Search the company's policies, documents and tickets; the times bound when a ticket was created."""
        times = _bounds("time_start", time_start, "time_end", time_end)
        about = [
            *([Filter("service", "of_service", [fold(service), ANY])] if service else []),
            *([Filter("severity", "of_severity", [severity.upper(), ANY])] if severity else []),
        ]

        def find() -> Hits:
            index, names = self._folder()
            pages = search_relaxing(index, names.documents, query, about, k=top_k)
            issues = search_relaxing(index, names.tickets, query, [*times, *about], k=top_k)
            # Filters that only one of the two could not meet are met by the other.
            kept = [leg for leg in (pages, issues) if not leg.dropped] or [pages, issues]
            return self._told(index, kept, query, top_k, max_snippet_chars, context)

        return await asyncio.to_thread(find)

    async def search_previous_issues(self, context: ToolContext, wanted: IssueQuery) -> Hits:
        """Search earlier tickets, with filters that are dropped, and named, when nothing fits them all."""
        filters = _issue_filters(wanted)

        def find() -> Hits:
            index, names, note = self._place(wanted.index_path)
            collection = wanted.collection or names.tickets
            note = "; ".join(part for part in (note, _unknown(index, collection, wanted.collection)) if part)
            collection = names.tickets if _unknown(index, collection, wanted.collection) else collection
            leg = search_relaxing(index, collection, wanted.query, filters, k=wanted.top_k)
            return self._told(index, [leg], wanted.query, wanted.top_k, wanted.max_snippet_chars, context, note=note)

        hits = await asyncio.to_thread(find)
        return await self._reranked(wanted.query, hits, asked=wanted.use_llm_rerank)

    def _folder(self) -> tuple[Index, Collections]:
        """The company's folder, brought up to date in the index."""
        company = Company.open(self._settings.company.root)
        index, names = self._index_for(), named(company.root)
        ingest(index, company, names)
        return index, names

    def _place(self, index_path: str | None) -> tuple[Index, Collections, str]:
        """Where issues are searched, and a note when it is not where was asked."""
        path = Path(index_path) if index_path else self._settings.rag.index_path
        if path.is_file():
            try:
                return open_index(path, "`index_path`" if index_path else INDEX_SETTING), PORTABLE, ""
            except UnreadableSource as error:
                if index_path:
                    raise ToolInputError(str(error)) from None
                raise
        index, names = self._folder()
        return index, names, f"there is no `{path}`; searched the company's folder" if index_path else ""

    def _told(
        self,
        index: Index,
        legs: Sequence[Relaxed],
        query: str,
        k: int,
        max_chars: int,
        context: ToolContext,
        *,
        note: str = "",
    ) -> Hits:
        """The hits of one or more searches together, their texts kept as documents of the run."""
        weights = {stem: weight for leg in legs for stem, weight in leg.result.weights.items()}
        passages = merge_hits([_comparable(leg) for leg in legs])[:k]
        hits = tuple(hit_of(passage, query, weights, max_chars) for passage in passages)
        for source, sha256 in sources_of(hits):
            text = index.text_of(source, sha256, owner=OWNER)
            if text is not None:
                context.keep(source, text)
        best = max(legs, key=lambda leg: leg.result.confidence)
        return Hits(
            hits=hits,
            confidence=best.result.confidence,
            recommend_fallback=best.result.recommend_fallback,
            fallback_reason="; ".join(part for part in (note, best.reason) if part),
            relaxed=any(leg.dropped for leg in legs) and bool(hits),
        )

    async def _reranked(self, query: str, hits: Hits, *, asked: bool) -> Hits:
        """Hits in a model's order, where the mode, or the caller, asks for it and a model is named."""
        mode = self._settings.rag.rerank_mode
        if mode == "deterministic" or not hits.hits or not (asked or mode == "llm"):
            return hits
        reranker = self._reranker()
        if reranker is None:
            return _noted(hits, "no model is named; ranked by words")
        try:
            async with asyncio.timeout(self._settings.rag.rerank_timeout):
                scores = (await reranker.rerank(query, [hit.snippet for hit in hits.hits])).scores
        except Exception as error:  # whatever a model does wrong, the words' ranking stands
            return _noted(hits, f"the model's ranking failed ({type(error).__name__}); ranked by words")
        if len(scores) != len(hits.hits):
            return _noted(hits, "the model did not score every hit; ranked by words")
        order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
        return hits.model_copy(update={"hits": tuple(hits.hits[i] for i in order)})


def search_tools(
    settings: Settings,
    index_for: Callable[[], Index] | None = None,
    *,
    reranker: Callable[[], Reranker | None] = lambda: None,
) -> tuple[Tool, ...]:
    """Make `search_incident_knowledge` and `search_previous_issues` over the company that the settings name.

    The company's folder is brought into the index at each call; what has not changed is skipped.

    Args:
        index_for: gives the index for the company's collections; none: one in memory.
        reranker: gives a model's ranking, used where the setting or the caller asks for it.
    """
    tools = SearchTools(settings, index_for or _always(memory_index()), reranker)

    async def previous(context: ToolContext, **given: Any) -> Hits:  # Any: the fields of IssueQuery, validated
        return await tools.search_previous_issues(context, IssueQuery(**given))

    issues = Tool(
        name="search_previous_issues",
        description="Search earlier tickets, with filters that are dropped, and named, when nothing fits them all.",
        effect="read",
        function=previous,
        inputs=IssueQuery,
        output=TypeAdapter(Hits),
        context_argument="context",
        tags=frozenset({"evidence"}),
    )
    return make_tool(tools.search_incident_knowledge, tags=frozenset({"evidence"})), issues


def _comparable(leg: Relaxed) -> list[Passage]:
    """Hits whose scores may be held against another search's: found by meaning too, each search has its own best, 1."""
    return [
        hit.model_copy(update={"scores": {**hit.scores, "score": hit.scores["score"] * hit.scores["relevance"]}})
        if "cosine" in hit.scores
        else hit
        for hit in leg.result.hits
    ]


def _always(index: Index) -> Callable[[], Index]:
    return lambda: index


def _bounds(low_name: str, low: str | None, high_name: str, high: str | None) -> list[Filter]:
    if low and high and high < low:
        raise ToolInputError(f"`{high_name}` is before `{low_name}`")
    return [
        *([Filter(low_name, "of_created", {"ge": low})] if low else []),
        *([Filter(high_name, "of_created", {"le": high})] if high else []),
    ]


def _issue_filters(wanted: IssueQuery) -> list[Filter]:
    """The filters of an issue query; those most likely to be a guess are dropped first."""
    fields: tuple[tuple[Literal["incident_state", "issue_type", "priority", "project", "source"], str], ...] = (
        ("incident_state", "of_state"),
        ("issue_type", "of_type"),
        ("priority", "of_priority"),
        ("project", "of_project"),
        ("source", "of_source"),
    )
    plain = [Filter(name, field, fold(value)) for name, field in fields if (value := getattr(wanted, name))]
    return [
        *_bounds("created_from", wanted.created_from, "created_to", wanted.created_to),
        *_bounds("opened_from", wanted.opened_from, "opened_to", wanted.opened_to),
        *plain,
    ]


def _unknown(index: Index, collection: str, asked: str | None) -> str:
    """A note when the collection that was asked for is not there."""
    if asked is None or any(info.name == collection for info in index.collections(owner=OWNER)):
        return ""
    return f"there is no collection `{asked}`; searched the company's tickets"


def _noted(hits: Hits, note: str) -> Hits:
    reason = "; ".join(part for part in (hits.fallback_reason, note) if part)
    return hits.model_copy(update={"fallback_reason": reason})
