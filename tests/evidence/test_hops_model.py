"""Searching on for what is missing."""

from collections.abc import Sequence
from typing import Any

import pytest
from tests.asking import model_at, prompts
from tests.provider_stub import Stub

from kapelle.evidence.hops_model import follow, next_queries
from kapelle.evidence.load import document_of
from kapelle.evidence.model import Passage
from kapelle.evidence.split import split

QUESTION = "Where was the founder of the house born?"
(HOUSE,) = split(document_of("house.md", "# House\n\nThe house was founded by Ann Doe.\n"))
(ANN,) = split(document_of("ann.md", "# Ann Doe\n\nAnn Doe was born in Ulm.\n"))


def on(*queries: str) -> dict[str, Any]:
    return {"enough": False, "queries": list(queries)}


ENOUGH = {"enough": True, "queries": []}


class Searching:
    """A search that finds Ann, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, query: str) -> Sequence[Passage]:
        self.asked.append(query)
        return [ANN, HOUSE] if "Ann" in query else []


async def test_what_is_missing_is_searched_for_until_it_is_enough(provider: Stub) -> None:
    model, search = model_at(provider, "plain", on("birthplace of Ann Doe"), ENOUGH), Searching()
    followed = await follow(QUESTION, [HOUSE], search, model=model, hops=3)
    assert followed.passages == (HOUSE, ANN)
    assert followed.queries == ("birthplace of Ann Doe",)
    assert followed.enough
    assert followed.usage.requests == 2
    assert ANN.text in prompts(provider, model)[1]
    assert "- birthplace of Ann Doe" in prompts(provider, model)[1]


async def test_hops_are_bounded(provider: Stub) -> None:
    model, search = model_at(provider, "plain", on("a", "b"), on("c"), on("d")), Searching()
    followed = await follow(QUESTION, [HOUSE], search, model=model, hops=2)
    assert search.asked == ["a", "b", "c"]
    assert not followed.enough
    with pytest.raises(ValueError, match="1 to 3"):
        await follow(QUESTION, [], search, model=model, hops=4)


async def test_what_was_asked_before_is_not_asked_again(provider: Stub) -> None:
    model = model_at(provider, "plain", on("A  b?", QUESTION))
    hop = await next_queries(QUESTION, [], model=model, asked=["a b"])
    assert hop.enough
    assert hop.queries == ()
    assert "(none was found)" in prompts(provider, model)[0]


async def test_more_queries_than_two_are_refused_once(provider: Stub) -> None:
    model = model_at(provider, "plain", on("a", "b", "c"), on("a"))
    assert (await next_queries(QUESTION, [HOUSE], model=model)).queries == ("a",)
