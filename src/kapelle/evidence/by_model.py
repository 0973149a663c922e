"""A search whose options ask a model: for other wordings, for what is missing, for a ranking; and what that takes."""

from collections.abc import Sequence
from dataclasses import replace

from kapelle.agents.models import Model
from kapelle.budget.model import Usage
from kapelle.evidence import hops_model, rerank_model, variants_model
from kapelle.evidence.model import Passage
from kapelle.evidence.options import SearchOptions
from kapelle.evidence.retrieve import ALONE, CANDIDATES, Find, Helpers, retrieve
from kapelle.evidence.search import SearchResult


async def search_by_model(
    find: Find,
    query: str,
    *,
    k: int,
    options: SearchOptions,
    model: Model,
    own: Helpers = ALONE,
    timeout: float = 8.0,
) -> SearchResult:
    """Search as `retrieve` does, with what the options ask a model for; `usage` is of all of it, failed or not.

    Args:
        own: helpers of the caller's; they come before the model's.
        timeout: seconds for one attempt of each request; a model that is away leaves the search as it is, and is told.
    """
    spent = Usage()

    def charge(usage: Usage) -> None:
        nonlocal spent
        spent += usage
        if model.spent is not None:
            model.spent(usage)

    theirs = helpers_of(options, model.metered(charge), timeout)
    helpers = replace(
        theirs, wordings=own.wordings or theirs.wordings, reranker=own.reranker or theirs.reranker
    )  # fmt: skip
    found = await retrieve(find, query, k=k, helpers=helpers)
    return found.model_copy(update={"usage": spent + found.usage if own.reranker else spent})


def helpers_of(options: SearchOptions, model: Model, timeout: float) -> Helpers:
    """What the options ask a model for."""

    async def wordings(query: str) -> Sequence[str]:
        return (await variants_model.ask_variants(query, model=model, timeout=timeout)).queries

    async def missing(query: str, passages: Sequence[Passage], asked: Sequence[str]) -> Sequence[str]:
        return (await hops_model.next_queries(query, passages, model=model, asked=asked, timeout=timeout)).queries

    return Helpers(
        wordings=wordings if options.wordings else None,
        missing=missing if options.follow else None,
        follow=options.follow,
        reranker=rerank_model.ModelReranker(model, timeout) if options.rerank else None,
    )


def most_usage(model: Model, options: SearchOptions) -> Usage:
    """What a search with these options may take of a model at most, each answer corrected once."""
    parts = (
        variants_model.most_usage(model) if options.wordings else Usage(),
        *([hops_model.most_usage(model)] * options.follow),
        rerank_model.most_usage(model, CANDIDATES) if options.rerank else Usage(),
    )
    return sum(parts, Usage())
