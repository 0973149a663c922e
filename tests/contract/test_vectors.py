"""What every Index with vectors must do; each database is a parameter of the fixture."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, create_engine, text
from tests.embedders import WordVectors
from tests.postgres import Server

from kapelle.assemble import index_of
from kapelle.errors import BadInput, ModelUnavailable, NotFound
from kapelle.evidence import tables_postgres, tables_sqlite
from kapelle.evidence.embedding.embedder import Embedded, Embedder
from kapelle.evidence.index import Index
from kapelle.evidence.load import document_of
from kapelle.evidence.model import Document
from kapelle.evidence.options import SearchOptions
from kapelle.evidence.search import search
from kapelle.store.engine import open_url

OWNER = "acme/ann"
Opened = Callable[[Embedder | None], Index]


@pytest.fixture(scope="module")
def postgres_engine(postgres: Server) -> Iterator[Engine]:
    with postgres.database() as url:
        engine = open_url(url)
        tables_postgres.ensure_schema(engine)
        yield engine
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Opens the index as one more process would, by whatever embedder that has."""
    if request.param == "postgres":
        engine: Engine = request.getfixturevalue("postgres_engine")
        yield lambda embedder: index_of(engine, embedder)
        with engine.begin() as connection:
            for table in ("documents", "collections", "live", "passages", "vectors"):
                connection.execute(text(f"truncate evidence_{table} cascade"))
        return
    engine = create_engine(f"sqlite:///{tmp_path / 'index.db'}")
    tables_sqlite.ensure_schema(engine)
    yield lambda embedder: index_of(engine, embedder)
    engine.dispose()


@pytest.fixture
def embedder() -> WordVectors:
    return WordVectors()


@pytest.fixture
def index(opened: Opened, embedder: WordVectors) -> Index:
    return opened(embedder)


def document(source: str, text: str) -> Document:
    return document_of(source, text)


LEAVE = document("leave.md", "# Leave\n\nStaff have 25 days of annual leave.\n")
INVOICES = document("invoices.md", "# Invoices\n\nInvoices are kept for ten years.\n")
CARS = document("cars.md", "# Cars\n\nThe car is washed on Fridays.\n")
ALL = (LEAVE, INVOICES, CARS)


def near(index: Index, query: str, **options: object) -> list[str]:
    """The sources of the nearest passages, best first."""
    found = index.nearest("handbook", query, owner=OWNER, **{"k": 10, **options})  # type: ignore[arg-type]
    assert found is not None
    numbers = [number for number, _ in found.matches]
    return [one.source for one in index.passages("handbook", numbers, owner=OWNER).values()]


def test_a_passage_is_found_by_what_it_means(index: Index) -> None:
    index.put("handbook", ALL, owner=OWNER)
    assert index.search("handbook", "holidays", owner=OWNER) == []
    assert near(index, "holidays")[0] == "leave.md"
    assert near(index, "automobile", k=1) == ["cars.md"]


def test_the_cosines_are_those_of_the_embedder(index: Index, embedder: WordVectors) -> None:
    index.put("handbook", ALL, owner=OWNER)
    texts = ["Leave\nStaff have 25 days of annual leave.", "Invoices\nInvoices are kept for ten years."]
    exact = embedder.embed(texts).vectors @ embedder.embed(["annual invoices"]).vectors[0]
    found = index.nearest("handbook", "annual invoices", owner=OWNER, k=10)
    assert found is not None
    told = dict(found.matches)
    rows = index.passages("handbook", list(told), owner=OWNER)
    by_source = {row.source: told[number] for number, row in rows.items()}
    assert by_source["leave.md"] == pytest.approx(exact[0], abs=1e-5)
    assert by_source["invoices.md"] == pytest.approx(exact[1], abs=1e-5)
    assert found.mean == pytest.approx(np.mean(list(told.values())), abs=1e-5)
    assert found.deviation == pytest.approx(np.std(list(told.values())), abs=1e-5)


def test_a_text_is_embedded_once_in_whatever_collections_it_stands(index: Index, embedder: WordVectors) -> None:
    index.put("handbook", ALL, owner=OWNER)
    assert len(embedder.asked) == 3
    index.put("handbook", ALL, owner=OWNER)
    index.put("copies", ALL, owner="acme/bob")
    assert len(embedder.asked) == 3
    index.put("handbook", [document("cars.md", "# Cars\n\nThe car is washed on Mondays.\n"), LEAVE], owner=OWNER)
    assert len(embedder.asked) == 4


class Failing(WordVectors):
    """An embedder that is cut off after some texts."""

    left = 100

    def embed(self, texts: Sequence[str], *, query: bool = False) -> Embedded:
        if self.left < len(texts):
            raise ModelUnavailable("the embedder was cut off")
        self.left -= len(texts)
        return super().embed(texts, query=query)


def test_what_an_interrupted_put_has_embedded_is_not_embedded_again(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kapelle.evidence.vectors_database._AT_STAKE", 0.0)
    cut_off = Failing()
    many = [document(f"{number}.txt", f"word{number} stands here") for number in range(300)]
    with pytest.raises(ModelUnavailable):
        opened(cut_off).put("handbook", many, owner=OWNER)
    done = len(cut_off.asked)
    assert 0 < done < 300
    assert opened(cut_off).collections(owner=OWNER) == []  # nothing was acknowledged
    again = WordVectors()
    opened(again).put("handbook", many, owner=OWNER)
    assert len(again.asked) == 300 - done
    assert set(again.asked).isdisjoint(cut_off.asked)


def test_filters_hold_for_the_nearest_too(index: Index) -> None:
    index.put("handbook", ALL, owner=OWNER)
    assert near(index, "holidays", filters={"source": ["cars.md", "invoices.md"]}).count("leave.md") == 0
    assert near(index, "holidays", filters={"source": "none.md"}) == []


def test_those_asked_for_are_told_whatever_they_are_near_to(index: Index) -> None:
    index.put("handbook", ALL, owner=OWNER)
    everything = index.nearest("handbook", "automobile", owner=OWNER, k=10)
    assert everything is not None
    last = everything.matches[-1]
    found = index.nearest("handbook", "automobile", owner=OWNER, k=1, also=[last.number, 10**9])
    assert found is not None
    assert [one.number for one in found.matches] == [everything.matches[0].number, last.number]
    only = index.nearest("handbook", "automobile", owner=OWNER, k=0, also=[last.number])
    assert only is not None
    assert [(one.number, round(one.score, 5)) for one in only.matches] == [(last.number, round(last.score, 5))]


def test_nobody_is_near_to_another_owners_passages(index: Index) -> None:
    index.put("handbook", ALL, owner=OWNER)
    assert index.nearest("handbook", "car", owner="acme/bob", k=5) is None
    assert index.vectors("handbook", [1, 2, 3], owner="acme/bob") == {}


def test_what_one_process_changes_another_sees(opened: Opened) -> None:
    one, other = opened(WordVectors()), opened(WordVectors())
    one.put("handbook", [LEAVE, CARS], owner=OWNER)
    assert near(other, "automobile")[0] == "cars.md"
    one.put("handbook", [INVOICES], owner=OWNER)
    assert near(other, "a bill")[0] == "invoices.md"
    one.delete("handbook", owner=OWNER, sources=["cars.md"])
    assert "cars.md" not in near(other, "automobile")
    one.put("handbook", [document("leave.md", "# Rooms\n\nThe rooms are cleaned daily.\n"), CARS], owner=OWNER)
    assert near(other, "automobile", k=1) == ["cars.md"]
    assert sorted(near(other, "rooms")) == ["cars.md", "invoices.md", "leave.md"]


def test_vectors_of_two_embedders_are_never_mixed(opened: Opened) -> None:
    opened(WordVectors()).put("handbook", ALL, owner=OWNER)
    other = opened(WordVectors(name="another", dimension=32))
    assert other.nearest("handbook", "automobile", owner=OWNER, k=3) is None
    with pytest.raises(BadInput, match="vectors of `words-64`, and this process embeds with `another`"):
        other.put("handbook", [document("new.md", "something new")], owner=OWNER)
    with pytest.raises(BadInput, match="reindex handbook"):
        other.embed("handbook", owner=OWNER)
    assert other.embed("handbook", owner=OWNER, anew=True) == 3
    assert near(other, "automobile", k=1) == ["cars.md"]
    assert opened(WordVectors()).nearest("handbook", "automobile", owner=OWNER, k=3) is None


def test_a_collection_made_by_words_alone_gets_its_vectors_later(opened: Opened) -> None:
    by_words = opened(None)
    by_words.put("handbook", ALL, owner=OWNER)
    assert by_words.nearest("handbook", "automobile", owner=OWNER, k=3) is None
    with pytest.raises(BadInput, match="no embedder"):
        by_words.embed("handbook", owner=OWNER)
    index = opened(WordVectors())
    assert index.nearest("handbook", "automobile", owner=OWNER, k=3) is None
    told: list[tuple[int, int]] = []
    assert index.embed("handbook", owner=OWNER, on_progress=lambda done, of: told.append((done, of))) == 3
    assert told[-1] == (3, 3)
    assert index.collections(owner=OWNER)[0].embedder == "words-64"
    assert near(index, "automobile", k=1) == ["cars.md"]
    assert index.embed("handbook", owner=OWNER) == 0
    with pytest.raises(NotFound, match="no corpus `nowhere`"):
        index.embed("nowhere", owner=OWNER)


def test_what_is_brought_in_without_the_embedder_is_found_by_words_until_it_is_embedded(opened: Opened) -> None:
    index, by_words = opened(WordVectors()), opened(None)
    index.put("handbook", [LEAVE, CARS], owner=OWNER)
    assert len(near(index, "a bill")) == 2
    by_words.put("handbook", [INVOICES], owner=OWNER)
    index.put("handbook", [document("rooms.md", "The rooms are cleaned.")], owner=OWNER)
    assert "invoices.md" not in near(index, "a bill")
    assert [hit.source for hit in index.search("handbook", "invoices", owner=OWNER)] == ["invoices.md"]
    assert index.embed("handbook", owner=OWNER) == 1
    assert near(index, "a bill", k=1) == ["invoices.md"]
    assert len(near(index, "a bill")) == 4


def test_vectors_that_are_deleted_while_others_are_made_are_made_again(opened: Opened) -> None:
    class Deleting(WordVectors):
        """What was stored before is gone when it has made others."""

        def embed(self, texts: Sequence[str], *, query: bool = False) -> Embedded:
            if "Fridays" in "".join(texts) and len(self.asked) == 1:
                with index._engine.begin() as connection:  # type: ignore[attr-defined]  # every Index here has one
                    connection.execute(text("DELETE FROM evidence_vectors"))
            return super().embed(texts, query=query)

    embedder = Deleting()
    index = opened(embedder)
    index.put("handbook", [LEAVE], owner=OWNER)
    index.put("another", [LEAVE, CARS], owner=OWNER)
    assert len(embedder.asked) == 3
    assert index.embed("another", owner=OWNER) == 0


def test_vectors_are_handed_out_by_number(index: Index, embedder: WordVectors) -> None:
    index.put("handbook", [CARS], owner=OWNER)
    (number,) = index.of_source("handbook", "cars.md", owner=OWNER, most=5)
    found = index.vectors("handbook", [number, 10**9], owner=OWNER)
    assert list(found) == [number]
    exact = embedder.embed(["Cars\nThe car is washed on Fridays."]).vectors[0]
    assert np.allclose(found[number], exact, atol=1e-6)


def test_many_may_search_while_one_writes(index: Index) -> None:
    index.put("handbook", ALL, owner=OWNER)

    def look(_: int) -> str:
        return near(index, "automobile", k=1)[0]

    with ThreadPoolExecutor(4) as threads:
        searches = threads.map(look, range(40))
        for number in range(10):
            index.put("handbook", [document(f"{number}.md", f"note{number}")], owner=OWNER)
            index.delete("handbook", owner=OWNER, sources=[f"{number - 1}.md"])
        assert set(searches) == {"cars.md"}


def test_a_large_collection_finds_what_looking_at_every_vector_finds(
    index: Index, embedder: WordVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kapelle.evidence.vectors_postgres.INDEXED_FROM", 500)
    some = [document(f"{number}.txt", f"word{number % 37} other{number % 11} {number}") for number in range(1_500)]
    for first in range(0, 1_500, 300):
        index.put("handbook", some[first : first + 300], owner=OWNER)
    vectors = embedder.embed([f"{one.title}\n{one.text}" for one in some]).vectors
    for query in ("word5 other3", "word12", "other10 77"):
        best = np.sort(vectors @ embedder.embed([query]).vectors[0])[::-1][:10]
        found = index.nearest("handbook", query, owner=OWNER, k=10)
        assert found is not None
        assert [round(cosine, 3) for _, cosine in found.matches] == pytest.approx(best, abs=2e-3)


def test_an_embedder_that_is_away_leaves_the_words_and_is_told(opened: Opened) -> None:
    embedder = Failing()
    index = opened(embedder)
    index.put("handbook", ALL, owner=OWNER)
    embedder.left = 0
    found = search(index, ["handbook"], "annual leave", owner=OWNER)
    assert found.hits[0].source == "leave.md"
    assert found.note == "searched by words only: the embedder was cut off"
    hopped = search(index, ["handbook"], "annual leave", owner=OWNER, options=SearchOptions(hops=2))
    assert hopped.hits[0].source == "leave.md"
    with pytest.raises(ModelUnavailable):
        search(index, ["handbook"], "annual leave", owner=OWNER, options=SearchOptions(legs="vectors"))
