"""Reindexing: what it would take, what it took, stopped and gone on with."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.embedders import WordVectors

from kapelle.assemble import index_in_memory
from kapelle.budget.model import Usage
from kapelle.evidence.embedding.embedder import Embedded
from kapelle.evidence.embedding.late import LateEmbedder
from kapelle.evidence.index import Index
from kapelle.evidence.index_sqlite import SqliteIndex
from kapelle.evidence.load import document_of
from kapelle.evidence.ratings import Ratings, memory_ratings
from kapelle.evidence.reindex import estimate_ingest, estimate_reindex, reindex
from kapelle.evidence.tables_sqlite import ensure_schema
from kapelle.evidence.vectors_sqlite import SqliteVectors
from kapelle.settings import CorpusSettings
from kapelle.store.engine import open_url

OWNER = "acme/ann"


class Priced(WordVectors):
    """It wants money."""

    def estimate(self, texts: Sequence[str]) -> Usage:
        return Usage(requests=1, input_tokens=len(texts))

    def embed(self, texts: Sequence[str], *, query: bool = False) -> Embedded:
        made = super().embed(texts, query=query)
        return Embedded(made.vectors, Usage(requests=1, input_tokens=len(texts)))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Index, Priced]]:
    """An index with an embedder, over 200 passages that were written without one."""
    engine = open_url(f"sqlite:///{tmp_path / 'i.db'}")
    ensure_schema(engine)
    texts = [document_of(f"{n}.md", f"# Note {n}\n\nThe pump {n} is broken.\n") for n in range(200)]
    SqliteIndex(engine).put("notes", texts, owner=OWNER)
    theirs = Priced()
    yield SqliteIndex(engine, SqliteVectors(LateEmbedder(theirs.name, lambda: theirs))), theirs
    engine.dispose()


@pytest.fixture
def ratings() -> Ratings:
    return memory_ratings()


def test_the_estimate_counts_what_is_missing_and_embeds_nothing(place: tuple[Index, Priced]) -> None:
    index, embedder = place
    estimate = estimate_reindex(index, embedder, "notes", owner=OWNER)
    assert (estimate.texts, estimate.usage.input_tokens, estimate.paid) == (200, 200, True)
    assert embedder.asked == []


def test_afterwards_it_is_found_by_meaning_and_what_it_took_is_written_down(
    place: tuple[Index, Priced], ratings: Ratings
) -> None:
    index, embedder = place
    told: list[int] = []
    cost = reindex(index, ratings, "notes", owner=OWNER, on_embedded=told.append)
    assert index.nearest("notes", "pump 7", owner=OWNER, k=1) is not None
    assert (cost.texts, sum(told)) == (200, 200)
    assert [one.texts for one in ratings.costs("notes", owner=OWNER)] == [200]
    again = reindex(index, ratings, "notes", owner=OWNER)
    assert again.texts == 0
    assert len(ratings.costs("notes", owner=OWNER)) == 1
    assert estimate_reindex(index, embedder, "notes", owner=OWNER).texts == 0


def test_stopped_it_keeps_what_was_stored_and_writes_down_what_was_spent(
    place: tuple[Index, Priced], ratings: Ratings
) -> None:
    index, _ = place
    stop = threading.Event()
    cost = reindex(index, ratings, "notes", owner=OWNER, on_embedded=lambda _: stop.set(), stop=stop)
    assert 0 < cost.texts < 200
    assert ratings.costs("notes", owner=OWNER)[0].texts == cost.texts
    assert index.collections(owner=OWNER)[0].embedder is None
    reindex(index, ratings, "notes", owner=OWNER)
    assert index.collections(owner=OWNER)[0].embedder == "words-64"


def test_of_a_folder_only_what_is_new_or_changed_is_estimated(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.md").write_text(f"# Note {n}\n\nThe pump {n} is broken.\n")
    embedder = Priced()
    index = index_in_memory(embedder)
    index.put("docs", [document_of("0.md", (folder / "0.md").read_text())], owner=OWNER)
    embedder.asked.clear()
    settings = CorpusSettings()
    estimate = estimate_ingest(index, embedder, "docs", folder, owner=OWNER, settings=settings)
    assert (estimate.texts, embedder.asked) == (2, [])
