"""Searches whose options ask a model, over the wire."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr
from tests.asking import model_at, prompts
from tests.provider_stub import Stub

from kapelle.agents.models import make_model
from kapelle.budget.model import Usage
from kapelle.evidence.by_model import most_usage, search_by_model
from kapelle.evidence.index_sqlite import memory_index
from kapelle.evidence.load import document_of
from kapelle.evidence.options import SearchOptions
from kapelle.evidence.rerank_callable import CallableReranker
from kapelle.evidence.retrieve import Helpers
from kapelle.evidence.search import SearchResult, search

OWNER = "acme/ann"
FILES = {
    "house.md": "# House\n\nThe house was founded by Ann Doe.\n",
    "ann.md": "# Ann Doe\n\nAnn Doe was born in Ulm.\n",
    "leave.md": "# Leave\n\nStaff have 25 days of annual leave.\n",
}
INDEX = memory_index()
INDEX.put("handbook", [document_of(name, text) for name, text in FILES.items()], owner=OWNER)
WORDINGS = {"wordings": ["annual leave", "leave of staff"]}
NEXT = {"enough": False, "queries": ["birthplace of Ann Doe"]}
ENOUGH = {"enough": True, "queries": []}


def find(query: str, most: int) -> SearchResult:
    return search(INDEX, ["handbook"], query, owner=OWNER, k=most)


def graded(*relevance: float) -> dict[str, Any]:
    return {"texts": [{"id": number, "relevance": one} for number, one in enumerate(relevance, 1)]}


def sources(found: SearchResult) -> list[str]:
    return [hit.source for hit in found.hits]


async def test_other_wordings_find_what_the_query_does_not(provider: Stub) -> None:
    model = model_at(provider, "plain", WORDINGS)
    found = await search_by_model(find, "holidays", k=2, options=SearchOptions(wordings=True), model=model)
    assert sources(found) == ["leave.md"]
    assert found.queries == ("annual leave", "leave of staff")
    assert found.usage.requests == 1


async def test_what_is_missing_is_searched_for(provider: Stub) -> None:
    model = model_at(provider, "plain", NEXT, ENOUGH)
    options = SearchOptions(follow=2)
    found = await search_by_model(find, "Who founded the house?", k=3, options=options, model=model)
    assert sources(found)[:2] == ["house.md", "ann.md"]
    assert found.usage.requests == 2
    assert FILES["house.md"].split("\n\n")[1].strip() in prompts(provider, model)[0]


async def test_a_model_grades_and_all_that_it_took_is_told_once(provider: Stub) -> None:
    model = model_at(provider, "plain", NEXT, ENOUGH, graded(2, 9))
    charged: list[Usage] = []
    options = SearchOptions(follow=2, rerank=True)
    found = await search_by_model(find, "founded Ann Doe", k=1, options=options, model=model.metered(charged.append))
    assert sources(found) == ["ann.md"]
    assert found.hits[0].scores["rerank"] == 0.9
    assert found.usage.requests == len(charged) == 3
    assert found.usage.input_tokens == sum(one.input_tokens for one in charged)


async def test_a_reranker_of_ones_own_comes_first(provider: Stub) -> None:
    model = model_at(provider, "plain", WORDINGS)
    own = Helpers(reranker=CallableReranker(lambda query, texts: [float("Ulm" in text) for text in texts], "own"))
    options = SearchOptions(wordings=True, rerank=True)
    found = await search_by_model(find, "Ann Doe", k=1, options=options, model=model, own=own)
    assert sources(found) == ["ann.md"]
    assert len(prompts(provider, model)) == 1


async def test_a_model_that_is_away_leaves_the_search_as_it_is_and_what_failed_is_counted(provider: Stub) -> None:
    model = model_at(provider, "500-always")
    options = SearchOptions(wordings=True, follow=1, rerank=True)
    found = await search_by_model(find, "annual leave", k=2, options=options, model=model)
    assert sources(found) == ["leave.md"]
    for said in ("own words only", "not searched on", "not reranked"):
        assert said in found.note
    assert found.usage.requests == 3


@pytest.mark.parametrize("options", [{"wordings": True}, {"follow": 3}, {"rerank": True}], ids=str)
async def test_what_it_may_take_is_known_before(provider: Stub, options: dict[str, Any]) -> None:
    chosen = SearchOptions(**options)
    known = make_model("openai:gpt-4o-mini", api_key=SecretStr("k" * 10))
    most = most_usage(known, chosen)
    assert most.usd is not None and Decimal(0) < most.usd < Decimal("0.05")
    answers = [WORDINGS] if chosen.wordings else [graded(1, 1)] if chosen.rerank else [NEXT, NEXT, NEXT]
    found = await search_by_model(find, "Ann Doe", k=30, options=chosen, model=model_at(provider, "plain", *answers))
    assert 0 < found.usage.requests <= most.requests
    assert found.usage.input_tokens <= most.input_tokens
    assert most_usage(known, SearchOptions()) == Usage()
