"""Searches in several wordings, and reranked ones."""

from collections.abc import Sequence

import pytest

from kapelle.errors import ModelUnavailable
from kapelle.evidence.index_sqlite import memory_index
from kapelle.evidence.load import document_of
from kapelle.evidence.model import Passage
from kapelle.evidence.rerank_callable import CallableReranker
from kapelle.evidence.retrieve import Helpers, retrieve
from kapelle.evidence.search import SearchResult, search

OWNER = "acme/ann"
FILES = {
    "leave.md": "# Leave\n\nStaff have 25 days of annual leave.\n",
    "cars.md": "# Cars\n\nThe company car is washed on Fridays.\n",
    "rooms.md": "# Rooms\n\nRooms of the company are cleaned on Fridays.\n",
}


@pytest.fixture
def asked() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def find(asked: list[tuple[str, int]]):  # type: ignore[no-untyped-def]
    index = memory_index()
    index.put("handbook", [document_of(name, text) for name, text in FILES.items()], owner=OWNER)

    def search_for(query: str, most: int) -> SearchResult:
        asked.append((query, most))
        return search(index, ["handbook"], query, owner=OWNER, k=most)

    return search_for


def sources(result: SearchResult) -> list[str]:
    return [hit.source for hit in result.hits]


async def test_a_plain_search_asks_once_for_what_is_wanted(find, asked) -> None:  # type: ignore[no-untyped-def]
    assert sources(await retrieve(find, "car", k=2)) == ["cars.md"]
    assert asked == [("car", 2)]


async def test_what_another_wording_finds_is_found(find) -> None:  # type: ignore[no-untyped-def]
    async def others(query: str) -> Sequence[str]:
        return ["annual leave", "leave of staff"]

    result = await retrieve(find, "holidays", k=2, helpers=Helpers(wordings=others))
    assert sources(result) == ["leave.md"]
    assert result.query == "holidays"


async def test_a_reranker_chooses_of_more_than_is_wanted(find, asked) -> None:  # type: ignore[no-untyped-def]
    rooms_first = CallableReranker(lambda query, texts: [float("Rooms" in text) for text in texts], "rooms")
    result = await retrieve(find, "company car on Fridays", k=1, helpers=Helpers(reranker=rooms_first))
    assert sources(result) == ["rooms.md"]
    assert result.hits[0].scores["rerank"] == 1
    assert asked == [("company car on Fridays", 30)]


async def test_a_model_that_is_away_leaves_the_search_as_it_is_and_is_told(find) -> None:  # type: ignore[no-untyped-def]
    class Away:
        name = "away"

        async def rerank(self, query: str, texts: Sequence[str]) -> object:
            raise ModelUnavailable("the provider does not answer")

    async def away(query: str) -> Sequence[str]:
        raise ModelUnavailable("the provider does not answer")

    async def nothing_more(query: str, found: Sequence[Passage], asked: Sequence[str]) -> Sequence[str]:
        raise ModelUnavailable("the provider does not answer")

    helpers = Helpers(reranker=Away(), wordings=away, missing=nothing_more)  # type: ignore[arg-type]
    result = await retrieve(find, "car", k=2, helpers=helpers)
    assert sources(result) == ["cars.md"]
    assert "not reranked by away" in result.note
    assert "own words only" in result.note
    assert "not searched on" in result.note


async def test_what_is_missing_is_searched_for_until_it_is_enough(find, asked) -> None:  # type: ignore[no-untyped-def]
    told: list[tuple[list[str], list[str]]] = []

    async def missing(query: str, found: Sequence[Passage], before: Sequence[str]) -> Sequence[str]:
        told.append(([hit.source for hit in found], list(before)))
        return ["rooms of the company"] if len(told) == 1 else []

    result = await retrieve(find, "annual leave", k=3, helpers=Helpers(missing=missing, follow=3))
    assert told == [(["leave.md"], []), (["leave.md", "rooms.md", "cars.md"], ["rooms of the company"])]
    assert sources(result) == ["leave.md", "rooms.md", "cars.md"]
    assert result.queries == ("rooms of the company",)


async def test_hops_are_bounded(find, asked) -> None:  # type: ignore[no-untyped-def]
    async def never_enough(query: str, found: Sequence[Passage], before: Sequence[str]) -> Sequence[str]:
        return [f"hop {len(before)}"]

    result = await retrieve(find, "car", k=1, helpers=Helpers(missing=never_enough, follow=2))
    assert result.queries == ("hop 0", "hop 1")
    assert [query for query, _ in asked] == ["car", "hop 0", "hop 1"]
