"""Searches in several wordings, and reranked ones."""

from collections.abc import Sequence

import pytest

from kapelle.errors import ModelUnavailable
from kapelle.evidence.index_sqlite import memory_index
from kapelle.evidence.load import document_of
from kapelle.evidence.rerank_callable import CallableReranker
from kapelle.evidence.retrieve import retrieve
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

    result = await retrieve(find, "holidays", k=2, wordings=others)
    assert sources(result) == ["leave.md"]
    assert result.query == "holidays"


async def test_a_reranker_chooses_of_more_than_is_wanted(find, asked) -> None:  # type: ignore[no-untyped-def]
    rooms_first = CallableReranker(lambda query, texts: [float("Rooms" in text) for text in texts], "rooms")
    result = await retrieve(find, "company car on Fridays", k=1, reranker=rooms_first)
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

    result = await retrieve(find, "car", k=2, reranker=Away(), wordings=away)  # type: ignore[arg-type]
    assert sources(result) == ["cars.md"]
    assert "not reranked by away" in result.note
    assert "own words only" in result.note
