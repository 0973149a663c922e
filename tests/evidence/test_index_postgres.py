"""The Postgres index ranks as SQLite's FTS5 does, holds every text, and keeps its counts in step."""

import random
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from tests.postgres import Server

from kapelle.evidence.index import Filters, Index
from kapelle.evidence.index_postgres import PostgresIndex
from kapelle.evidence.index_sqlite import SqliteIndex, memory_index
from kapelle.evidence.load import document_of
from kapelle.evidence.model import Document, Passage, make_document
from kapelle.evidence.split import split
from kapelle.evidence.tables_postgres import ensure_schema
from kapelle.store.engine import open_url

OWNER = "acme/ann"
TALK = (
    "invoice invoices invoiced keep kept keeping year years audit auditor audits leave leaving left staff payment pays "
    "paid contract contracted café naïve running runs ran system systems of the and a rare"
)
WORDS = TALK.split()


@pytest.fixture(scope="module")
def database(postgres: Server) -> Iterator[sa.Engine]:
    with postgres.database() as url:
        engine = open_url(url)
        ensure_schema(engine)
        yield engine
        engine.dispose()


@pytest.fixture
def index(database: sa.Engine) -> Iterator[PostgresIndex]:
    yield PostgresIndex(database)
    with database.begin() as connection:
        for table in ("documents", "collections", "live", "passages"):
            connection.exec_driver_sql(f"truncate evidence_{table} cascade")


def corpus(dice: random.Random, size: int) -> list[Document]:
    def text(words: int) -> str:
        return " ".join(dice.choices(WORDS, weights=range(len(WORDS), 0, -1), k=words))

    return [
        document_of(f"{number:03}.md", f"# {text(3)}\n\n{text(dice.randrange(5, 400))}\n\n## {text(2)}\n\n{text(30)}\n")
        for number in range(size)
    ]


def ranking(index: Index, query: str, filters: Filters | None = None) -> list[tuple[str, int, float]]:
    hits = index.search("c", query, owner=OWNER, k=10, filters=filters)
    return [(hit.source, hit.start, pytest.approx(hit.scores["bm25"], abs=1e-9)) for hit in hits]


@pytest.mark.parametrize("seed", range(3))
def test_the_ranking_is_that_of_the_sqlite_index(index: PostgresIndex, seed: int) -> None:
    dice = random.Random(seed)
    documents = corpus(dice, 60)
    other = memory_index()
    for one in (index, other):
        one.put("c", documents[:40], owner=OWNER)
        # What is replaced and taken out counts no more.
        one.put("c", [document_of("001.md", "rare words of the audit"), *documents[30:]], owner=OWNER)
        one.delete("c", owner=OWNER, sources=["002.md", "059.md"])
    for _ in range(40):
        query = " ".join(dice.choices(WORDS, k=dice.randrange(1, 7)))
        assert ranking(index, query) == ranking(other, query), query


def test_nobodys_rank_depends_on_what_others_keep(index: PostgresIndex) -> None:
    documents = corpus(random.Random(7), 20)
    index.put("c", documents, owner=OWNER)
    before = ranking(index, "rare audit contract")
    index.put("c", corpus(random.Random(8), 30), owner="acme/bob")
    index.put("d", corpus(random.Random(9), 30), owner=OWNER)
    assert ranking(index, "rare audit contract") == before


def test_a_text_with_nul_characters_is_found_and_comes_back_as_it_was(index: PostgresIndex) -> None:
    odd = make_document("odd\0name.txt", "The pump\0 is broken.\U0010ffff", title="a\0b", meta={"k\0": "v\0"})
    index.put("c", [odd], owner=OWNER)
    (hit,) = index.search("c", "broken pump", owner=OWNER)
    assert (hit.source, hit.text) == (odd.source, odd.text[hit.start : hit.end])
    assert index.document(odd.id, owner=OWNER) == odd
    assert index.text_of(odd.source, odd.sha256, owner=OWNER) == odd.text


def test_data_written_as_one_long_word_is_no_hindrance(index: PostgresIndex) -> None:
    dice = random.Random(1)
    blob = "".join(dice.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=50_000))
    index.put("c", [make_document("image.txt", f"A picture of the pump: {blob} and its end.")], owner=OWNER)
    assert [hit.source for hit in index.search("c", "picture of a pump", owner=OWNER, k=1)] == ["image.txt"]
    assert index.statistics(["c"], [blob], owner=OWNER).containing[blob] >= 1


META = [
    {"n": 5, "t": "5", "yes": True, "none": None, "list": [1, "two", None]},
    {"n": 12.5, "t": "12", "yes": False, "list": []},
    {"t": "a\0b", "n": "text", "odd": {"x": 1}},
]
FILTERS: list[Filters] = [
    {"n": 5},
    {"n": {"ge": 5, "lt": 12.5}},
    {"n": {"gt": -1e9}},
    {"n": {"gt": 5}, "t": {"le": "12"}},
    {"t": ["5", "12", 5]},
    {"t": "5"},
    {"yes": True},
    {"yes": [True, False]},
    {"none": None},
    {"list": None},
    {"list": "two"},
    {"list": 1},
    {"list": []},
    {"missing": None},
    {"source": "m1.txt"},
    {"source": {"ge": "m1.txt"}},
    {"source": ["m0.txt", "m2.txt"], "n": [5, "text"]},
]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_filters_fit_as_in_the_sqlite_index(index: PostgresIndex, filters: Filters) -> None:
    documents = [make_document(f"m{number}.txt", "same words") for number in range(len(META))]

    def with_meta(document: Document) -> list[Passage]:
        meta = META[int(document.source[1])]
        return [passage.model_copy(update={"meta": meta}) for passage in split(document)]

    other: SqliteIndex = memory_index()
    for one in (index, other):
        one.put("c", documents, owner=OWNER, splitter=with_meta)
    assert ranking(index, "words", filters) == ranking(other, "words", without_text_over_numbers(filters))


def without_text_over_numbers(filters: Filters) -> Filters:
    """SQLite alone takes every text for more than any number; an upper bound says otherwise there."""
    bounds = filters.get("n")
    return {**filters, "n": {"lt": 1e300, **bounds}} if isinstance(bounds, dict) else filters


def test_passages_that_came_without_their_words_are_indexed(index: PostgresIndex, database: sa.Engine) -> None:
    index.put("c", corpus(random.Random(3), 30), owner=OWNER)
    queries = ["rare audit", "contracts kept", "staff"]
    before = [ranking(index, query) for query in queries]
    with database.begin() as connection:
        connection.exec_driver_sql("truncate evidence_words")
        connection.exec_driver_sql("update evidence_passages set words = null")
        connection.exec_driver_sql("update evidence_collections set words = 0, passages = 0")
    assert index.search("c", "rare audit", owner=OWNER) == []
    assert index.index_missing() > 30
    assert [ranking(index, query) for query in queries] == before
    assert index.index_missing() == 0


def test_a_collection_that_was_emptied_counts_nothing(index: PostgresIndex, database: sa.Engine) -> None:
    index.put("c", corpus(random.Random(4), 10), owner=OWNER)
    index.delete("c", owner=OWNER)
    with database.connect() as connection:
        assert connection.execute(sa.text("select passages, words from evidence_collections")).one() == (0, 0)
        assert connection.execute(sa.text("select count(*) from evidence_words")).scalar() == 0
