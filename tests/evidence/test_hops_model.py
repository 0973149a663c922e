"""Searching on for what is missing."""

from typing import Any

from tests.asking import model_at, prompts
from tests.provider_stub import Stub

from kapelle.evidence.hops_model import next_queries
from kapelle.evidence.load import document_of
from kapelle.evidence.split import split

QUESTION = "Where was the founder of the house born?"
(HOUSE,) = split(document_of("house.md", "# House\n\nThe house was founded by Ann Doe.\n"))
(ANN,) = split(document_of("ann.md", "# Ann Doe\n\nAnn Doe was born in Ulm.\n"))


def on(*queries: str) -> dict[str, Any]:
    return {"enough": False, "queries": list(queries)}


ENOUGH = {"enough": True, "queries": []}


async def test_what_was_found_and_asked_is_shown(provider: Stub) -> None:
    model = model_at(provider, "plain", on("c"), ENOUGH)
    hop = await next_queries(QUESTION, [HOUSE, ANN], model=model, asked=["birthplace of Ann Doe"])
    assert (hop.enough, hop.queries, hop.usage.requests) == (False, ("c",), 1)
    assert ANN.text in prompts(provider, model)[0]
    assert "- birthplace of Ann Doe" in prompts(provider, model)[0]
    assert (await next_queries(QUESTION, [HOUSE], model=model)).enough


async def test_what_was_asked_before_is_not_asked_again(provider: Stub) -> None:
    model = model_at(provider, "plain", on("A  b?", QUESTION))
    hop = await next_queries(QUESTION, [], model=model, asked=["a b"])
    assert hop.enough
    assert hop.queries == ()
    assert "(none was found)" in prompts(provider, model)[0]


async def test_more_queries_than_two_are_refused_once(provider: Stub) -> None:
    model = model_at(provider, "plain", on("a", "b", "c"), on("a"))
    assert (await next_queries(QUESTION, [HOUSE], model=model)).queries == ("a",)
