"""Why a collection is found by words only, and what to do: each reason has its own remedy."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.embedders import WordVectors

from kapelle.assemble import index_in_memory, index_of
from kapelle.evidence.by_words import why_by_words
from kapelle.evidence.index import Index
from kapelle.evidence.load import document_of
from kapelle.evidence.options import SearchOptions
from kapelle.evidence.search import search
from kapelle.evidence.tables_sqlite import ensure_schema
from kapelle.store.engine import open_url

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
def mixed(tmp_path: Path) -> Iterator[Index]:
    """An index that embeds, over a collection that another process embedded, and one that a third did not."""
    engine = open_url(f"sqlite:///{tmp_path / 'i.db'}")
    ensure_schema(engine)
    with_rules(index_of(engine, WordVectors(name="older")))
    index_of(engine).put("plain", [document_of("p.md", "# Plain\n\nNo vacation.\n")], owner=OWNER)
    yield index_of(engine, WordVectors(name="newer"))
    engine.dispose()


def test_vectors_of_another_embedder_are_named_with_both_ways_out(mixed: Index) -> None:
    note = why_by_words(mixed, ["rules"], owner=OWNER)
    assert "vectors of `older`" in note and "embeds with `newer`" in note
    assert "kapelle corpus reindex rules" in note and "KAPELLE_CORPUS__EMBEDDER=older" in note
    assert search(mixed, ["rules"], "vacation", owner=OWNER).note == note


def test_a_collection_without_vectors_is_given_some_by_a_reindex(mixed: Index) -> None:
    note = search(mixed, ["plain"], "vacation", owner=OWNER).note
    assert note == "`plain`: searched by words only: it has no vectors; make them: kapelle corpus reindex plain"
    mixed.embed("plain", owner=OWNER)
    assert search(mixed, ["plain"], "vacation", owner=OWNER).note == ""


def test_of_collections_only_those_without_usable_vectors_are_named(mixed: Index) -> None:
    mixed.put("fresh", [document_of("a.md", "# A\n\nText.\n")], owner=OWNER)
    assert "fresh" not in why_by_words(mixed, ["rules", "fresh"], owner=OWNER)
    assert why_by_words(mixed, ["nowhere"], owner=OWNER) == ""
