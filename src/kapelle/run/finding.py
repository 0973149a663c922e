"""Perform a search step: by the index, and with the help of the task's model where its options ask for one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeAlias

from pydantic import JsonValue

from kapelle.budget.model import Budget
from kapelle.errors import ToolInputError
from kapelle.evidence.index import Index
from kapelle.evidence.model import Document
from kapelle.evidence.options import MOST_FOUND, SearchOptions
from kapelle.evidence.retrieve import Find
from kapelle.evidence.search import SearchResult, search
from kapelle.plan.model import SearchStep
from kapelle.run.model import NewEvent
from kapelle.run.outcome import Circumstances, Outcome
from kapelle.run.telling import evidence_events, phase_event

ModelSearch: TypeAlias = Callable[[str, Find, str, int, SearchOptions, Budget], Awaitable[SearchResult]]
"""Searches with a model of that name: for a query, for so many passages, as the options say, within a budget."""


async def find(
    step: SearchStep,
    path: str,
    inputs: Mapping[str, JsonValue],
    about: Circumstances,
    index: Index,
    by_model: ModelSearch | None,
) -> Outcome:
    """Search, and keep the texts of what was found with the run.

    Raises:
        ToolInputError: `k` or `filters` cannot be used.
        BudgetExceeded: what the model is to help with might cost more than the task allows; nothing was sent.
    """
    query, k, filters = str(inputs.get("query") or ""), inputs.get("k", 8), inputs.get("filters")
    if not isinstance(k, int) or not 1 <= k <= MOST_FOUND:
        raise ToolInputError(f"`k`: expected a whole number from 1 to {MOST_FOUND}")
    if filters is not None and not isinstance(filters, dict):
        raise ToolInputError("`filters`: expected an object of conditions")
    owner = about.task.owner
    look = partial(_look, index, step, owner, filters)
    model = about.task.model if step.options.asks_a_model else None
    searching = phase_event("searching", query=query, corpora=list(step.corpora), by=model or "the index")
    about.tell(searching.model_copy(update={"path": path, "execution": about.execution}))
    # A database's reads block; a thread keeps the other steps of the run going.
    if model and by_model:
        await about.clearance()
        found = await by_model(model, look, query, k, step.options, about.task.budget)
    else:
        found = await asyncio.to_thread(look, query, k)
    documents = await asyncio.to_thread(_documents, index, found, owner)
    helped = found.usage.requests > 0
    return Outcome(
        output=found.model_dump(mode="json"),
        texts=documents,
        notes=[*_told(step, found, model), *evidence_events(documents)],
        usage=found.usage if helped else None,
        route=model or "" if helped else "",
    )


def _look(
    index: Index, step: SearchStep, owner: str, filters: Mapping[str, JsonValue] | None, query: str, k: int
) -> SearchResult:
    return search(index, step.corpora, query, owner=owner, k=k, filters=filters, options=step.options)


def _documents(index: Index, found: SearchResult, owner: str) -> list[Document]:
    return [index.document(id, owner=owner) for id in dict.fromkeys(hit.document for hit in found.hits)]


def _told(step: SearchStep, found: SearchResult, model: str | None) -> list[NewEvent]:
    """What was found, and what was not done as wanted."""
    sources: list[JsonValue] = list(dict.fromkeys(hit.source for hit in found.hits))
    hits = phase_event("hits", hits=len(found.hits), sources=sources, confidence=found.confidence)
    lacking = "the search asks for a model, and the task names none" if step.options.asks_a_model and not model else ""
    notes = [text for text in (found.note, lacking) if text]
    return [hits, *(NewEvent(kind="note", data={"text": text, "about": "search"}) for text in notes)]
