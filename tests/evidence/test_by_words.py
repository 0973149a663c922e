"""Why a collection is found by words only, and what to do: each reason has its own remedy."""

import pytest
from tests.embedders import WordVectors

from kapelle.assemble import index_in_memory
from kapelle.evidence.by_words import why_by_words
from kapelle.evidence.index import Index
from kapelle.evidence.load import document_of
from kapelle.evidence.options import SearchOptions
from kapelle.evidence.search import search

OWNER = "acme/ann"


def with_rules(index: Index) -> Index:
    index.put("rules", [document_of("leave.md", "# Leave\n\nThirty days of vacation.\n")], owner=OWNER)
    return index


def test_without_an_embedder_it_says_what_the_process_lacks() -> None:
    index = with_rules(index_in_memory(None, "nothing was fetched; fetch it"))
    found = search(index, ["rules"], "vacation", owner=OWNER)
    assert found.note == "`rules`: searched by words only: nothing was fetched; fetch it"
    assert found.hits


def test_where_no_embedder_is_wanted_nothing_is_missing() -> None:
    index = with_rules(index_in_memory(None))
    assert search(index, ["rules"], "vacation", owner=OWNER).note == ""


def test_a_search_that_wants_words_only_has_nothing_to_say() -> None:
    index = with_rules(index_in_memory(None, "nothing was fetched"))
    assert search(index, ["rules"], "vacation", owner=OWNER, options=SearchOptions(legs="words")).note == ""


@pytest.fixture
def mixed() -> Index:
    """An index that embeds, over a collection that another embedder made and one that has no vectors."""
    index = with_rules(index_in_memory(WordVectors(name="older")))
    index._vectors._embedder.name = "newer"  # type: ignore[attr-defined]  # the process was configured anew
    return index


def test_vectors_of_another_embedder_are_named_with_both_ways_out(mixed: Index) -> None:
    note = why_by_words(mixed, ["rules"], owner=OWNER)
    assert "vectors of `older`" in note and "embeds with `newer`" in note
    assert "kapelle corpus reindex rules" in note and "KAPELLE_CORPUS__EMBEDDER=older" in note
    assert search(mixed, ["rules"], "vacation", owner=OWNER).note == note


def test_of_collections_only_those_without_usable_vectors_are_named(mixed: Index) -> None:
    mixed.put("fresh", [document_of("a.md", "# A\n\nText.\n")], owner=OWNER)
    assert "fresh" not in why_by_words(mixed, ["rules", "fresh"], owner=OWNER)
    assert why_by_words(mixed, ["nowhere"], owner=OWNER) == ""
