"""What every Index must do; each implementation is a parameter of the fixture."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from tests.postgres import Server

from kapelle.errors import BadInput, NotFound
from kapelle.evidence import tables_postgres, tables_sqlite
from kapelle.evidence.index import Index
from kapelle.evidence.index_postgres import PostgresIndex
from kapelle.evidence.index_sqlite import SqliteIndex
from kapelle.evidence.load import document_of
from kapelle.evidence.model import Document, Passage
from kapelle.evidence.split import split
from kapelle.store.engine import open_url

OWNER = "acme/ann"


@pytest.fixture(scope="module")
def postgres_engine(postgres: Server) -> Iterator[Engine]:
    with postgres.database() as url:
        engine = open_url(url)
        tables_postgres.ensure_schema(engine)
        yield engine
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Index]:
    if request.param == "postgres":
        engine: Engine = request.getfixturevalue("postgres_engine")
        yield PostgresIndex(engine)
        with engine.begin() as connection:
            for table in ("documents", "collections", "live", "passages", "vectors"):
                connection.execute(text(f"truncate evidence_{table} cascade"))
        return
    engine = create_engine(f"sqlite:///{tmp_path / 'index.db'}")
    tables_sqlite.ensure_schema(engine)
    yield SqliteIndex(engine)
    engine.dispose()


def document(source: str, text: str) -> Document:
    return document_of(source, text)


LEAVE = document("leave.md", "# Leave\n\nStaff have 25 days of annual leave.\n")
INVOICES = document("invoices.md", "# Invoices\n\nInvoices are kept for ten years.\n")


def found(index: Index, query: str, **options: object) -> list[str]:
    return [hit.source for hit in index.search("handbook", query, owner=OWNER, **options)]  # type: ignore[arg-type]


def test_a_document_is_found_by_a_word_in_another_inflection(index: Index) -> None:
    index.put("handbook", [LEAVE, INVOICES], owner=OWNER)
    assert found(index, "keeping an invoice") == ["invoices.md"]


def test_a_hit_reproduces_its_document(index: Index) -> None:
    index.put("handbook", [LEAVE, INVOICES], owner=OWNER)
    hit = index.search("handbook", "annual leave", owner=OWNER)[0]
    text = index.text_of(hit.source, hit.sha256, owner=OWNER)
    assert text == LEAVE.text
    assert text[hit.start : hit.end] == hit.text
    assert index.document(hit.document, owner=OWNER) == LEAVE
    assert hit.header == "Leave"
    assert hit.scores["bm25"] == hit.scores["score"]


def test_a_title_is_searched_but_not_part_of_the_passage(index: Index) -> None:
    index.put("handbook", [document("a.md", "# Zebra crossing\n\nLook twice.\n"), LEAVE], owner=OWNER)
    hit = index.search("handbook", "zebras", owner=OWNER)[0]
    assert hit.text == "Look twice."


def test_an_unchanged_document_is_skipped_and_a_changed_one_replaced(index: Index) -> None:
    index.put("handbook", [LEAVE, INVOICES], owner=OWNER)
    newer = document("leave.md", "# Leave\n\nStaff have 30 days of vacation.\n")
    report = index.put("handbook", [newer, INVOICES], owner=OWNER)
    assert (report.added, report.changed, report.unchanged, report.removed) == (0, 1, 1, 0)
    assert found(index, "vacation") == ["leave.md"]
    assert found(index, "annual") == []


def test_putting_the_same_twice_changes_nothing(index: Index) -> None:
    index.put("handbook", [LEAVE, INVOICES], owner=OWNER)
    before = index.collections(owner=OWNER)
    report = index.put("handbook", [LEAVE, INVOICES], owner=OWNER, complete=True)
    assert (report.unchanged, report.passages) == (2, 0)
    assert index.collections(owner=OWNER) == before


def test_the_text_of_an_earlier_version_stays_readable(index: Index) -> None:
    index.put("handbook", [LEAVE], owner=OWNER)
    index.put("handbook", [document("leave.md", "changed")], owner=OWNER)
    index.delete("handbook", owner=OWNER)
    assert index.text_of("leave.md", LEAVE.sha256, owner=OWNER) == LEAVE.text


def test_vanished_sources_go_only_when_the_list_is_complete(index: Index) -> None:
    index.put("handbook", [LEAVE, INVOICES], owner=OWNER)
    assert index.put("handbook", [LEAVE], owner=OWNER).removed == 0
    assert found(index, "invoices") == ["invoices.md"]
    assert index.put("handbook", [LEAVE], owner=OWNER, complete=True).removed == 1
    assert found(index, "invoices") == []
    assert [source.source for source in index.sources("handbook", owner=OWNER)] == ["leave.md"]


def test_a_version_that_comes_back_is_found_again(index: Index) -> None:
    for version in (LEAVE, document("leave.md", "other words"), LEAVE):
        index.put("handbook", [version], owner=OWNER)
    assert found(index, "annual") == ["leave.md"]
    assert found(index, "other words") == []


def test_nobody_sees_another_owners_rows(index: Index) -> None:
    index.put("handbook", [LEAVE], owner=OWNER)
    other = "acme/bob"
    assert index.search("handbook", "leave", owner=other) == []
    assert index.text_of("leave.md", LEAVE.sha256, owner=other) is None
    assert index.collections(owner=other) == []
    assert index.delete("handbook", owner=other) == 0
    assert index.statistics(["handbook"], ["leave"], owner=other).containing == {"leave": 0}
    with pytest.raises(NotFound):
        index.document(LEAVE.id, owner=other)
    assert found(index, "leave") == ["leave.md"]


def test_collections_are_apart(index: Index) -> None:
    index.put("handbook", [LEAVE], owner=OWNER)
    index.put("books", [INVOICES], owner=OWNER)
    assert found(index, "invoices") == []
    assert [(info.name, info.documents, info.passages) for info in index.collections(owner=OWNER)] == [
        ("books", 1, 1),
        ("handbook", 1, 1),
    ]
    assert index.delete("books", owner=OWNER) == 1
    assert [info.name for info in index.collections(owner=OWNER)] == ["handbook"]


def test_a_collection_made_anew_shows_nothing_of_the_old(index: Index) -> None:
    for version in (LEAVE, INVOICES):
        index.put("handbook", [version], owner=OWNER)
        assert [source.source for source in index.sources("handbook", owner=OWNER)] == [version.source]
        index.delete("handbook", owner=OWNER)
        assert index.sources("handbook", owner=OWNER) == []


def test_single_sources_can_be_taken_out(index: Index) -> None:
    index.put("handbook", [LEAVE, INVOICES], owner=OWNER)
    assert index.delete("handbook", owner=OWNER, sources=["leave.md", "unknown.md"]) == 1
    assert found(index, "leave invoices") == ["invoices.md"]


@pytest.mark.parametrize(
    "query", ["", "   ", "?!", '"', "annual AND", "NEAR(leave", "leave*", "header:leave", "-leave", "'"]
)
def test_no_query_is_taken_for_an_operator(index: Index, query: str) -> None:
    index.put("handbook", [LEAVE], owner=OWNER)
    expected = ["leave.md"] if "leave" in query or "annual" in query else []
    assert found(index, query) == expected


def test_a_query_of_stop_words_alone_is_searched_as_it_stands(index: Index) -> None:
    index.put("handbook", [document("band.txt", "The Who played in Leeds."), LEAVE], owner=OWNER)
    assert found(index, "the who") == ["band.txt"]


def test_a_word_said_twice_weighs_more(index: Index) -> None:
    texts = [document(f"{i}.txt", f"filler number {i}") for i in range(8)]
    pair = [document("a.txt", "alpha here"), document("b.txt", "bravo here")]
    index.put("handbook", [*texts, *pair], owner=OWNER)
    assert found(index, "bravo alpha bravo")[0] == "b.txt"
    assert found(index, "alpha bravo alpha")[0] == "a.txt"


def test_k_bounds_the_hits_and_order_is_stable(index: Index) -> None:
    index.put("handbook", [document(f"{i}.txt", "same words here") for i in range(5)], owner=OWNER)
    assert found(index, "words", k=3) == ["0.txt", "1.txt", "2.txt"]
    assert found(index, "words", k=0) == []


def with_meta(document: Document) -> list[Passage]:
    meta = {"severity": document.title, "labels": ["db", document.title], "created": f"2026-02-0{document.title[-1]}"}
    return [passage.model_copy(update={"meta": meta}) for passage in split(document)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"severity": "P1"}, ["P1.txt"]),
        ({"severity": ["P1", "P2"]}, ["P1.txt", "P2.txt"]),
        ({"labels": "P3"}, ["P3.txt"]),
        ({"labels": "db", "severity": "P2"}, ["P2.txt"]),
        ({"created": {"ge": "2026-02-02", "lt": "2026-02-03"}}, ["P2.txt"]),
        ({"source": ["P3.txt"]}, ["P3.txt"]),
        ({"unknown": "x"}, []),
        ({"severity": []}, []),
        ({"severity": "P1' OR '1'='1"}, []),
        ({"we\"ird.na'me": 1}, []),
    ],
)
def test_filters_hold_on_meta(index: Index, filters: dict[str, object], expected: list[str]) -> None:
    index.put("handbook", [document(f"P{i}.txt", "same words") for i in (1, 2, 3)], owner=OWNER, splitter=with_meta)
    assert sorted(found(index, "words", filters=filters)) == expected


def test_a_filter_follows_what_comes_and_goes(index: Index) -> None:
    for number, said in ((1, "same words"), (2, "same words"), (1, "other words")):
        index.put("handbook", [document(f"P{number}.txt", said)], owner=OWNER, splitter=with_meta)
        known = sorted(found(index, "words", filters={"labels": "db"}))
        assert known == sorted(one.source for one in index.sources("handbook", owner=OWNER))
    assert found(index, "same", filters={"labels": "db"}) == ["P2.txt"]
    index.delete("handbook", owner=OWNER, sources=["P2.txt"])
    assert found(index, "words", filters={"labels": "db"}) == ["P1.txt"]


def test_an_unknown_bound_is_refused(index: Index) -> None:
    with pytest.raises(BadInput, match="`created`"):
        found(index, "words", filters={"created": {"after": "2026"}})


def test_statistics_count_passages_that_hold_a_word_in_any_inflection(index: Index) -> None:
    index.put("handbook", [LEAVE, INVOICES], owner=OWNER)
    index.put("books", [document("b.md", "We keep books.")], owner=OWNER)
    counted = index.statistics(["handbook", "books"], ["keeping", "invoice", "dragons"], owner=OWNER)
    assert counted.passages == 3
    assert counted.containing["invoice"] == 1
    assert counted.containing["dragons"] == 0


def test_the_highest_threshold_of_what_is_searched_counts_until_it_is_forgotten(index: Index) -> None:
    for name in ("handbook", "rules", "others"):
        index.put(name, [LEAVE], owner=OWNER)
        index.put(name, [LEAVE], owner="acme/bob")

    def answers_from(*names: str, owner: str = OWNER) -> float | None:
        return index.statistics(names, [], owner=owner).answers_from

    index.calibrate("handbook", 0.7, owner=OWNER)
    index.calibrate("rules", 0.3, owner=OWNER)
    assert (answers_from("handbook", "rules"), answers_from("rules", "others")) == (0.7, 0.3)
    assert [one.answers_from for one in index.collections(owner=OWNER)] == [0.7, None, 0.3]
    assert answers_from("others") is answers_from() is answers_from("handbook", owner="acme/bob") is None
    index.put("handbook", [INVOICES], owner=OWNER)
    index.calibrate("rules", 0.4, owner=OWNER)
    assert (answers_from("handbook"), answers_from("rules")) == (0.7, 0.4)
    index.calibrate("handbook", None, owner=OWNER)
    assert answers_from("handbook") is None
    with pytest.raises(NotFound, match="nowhere"):
        index.calibrate("nowhere", 0.5, owner=OWNER)


def test_a_kept_document_is_readable_and_not_found(index: Index) -> None:
    body = document("run:solve/1", "annual leave in a tool result")
    index.keep(body, owner=OWNER)
    index.keep(body, owner=OWNER)
    assert index.text_of(body.source, body.sha256, owner=OWNER) == body.text
    assert found(index, "annual") == []


def test_markup_is_not_searched(index: Index) -> None:
    page = document("p.html", "<html><body><p>We keep <span class='zebra'>invoices</span></p></body></html>")
    index.put("handbook", [page, LEAVE], owner=OWNER)
    assert found(index, "zebra span") == []
    assert found(index, "invoices") == ["p.html"]


def test_a_put_that_fails_leaves_everything_as_it_was(index: Index) -> None:
    index.put("handbook", [LEAVE], owner=OWNER)

    def broken(document: Document) -> list[Passage]:
        passage = split(document)[0]
        return [passage, passage.model_copy(update={"id": None})]

    with pytest.raises(Exception, match="NULL|null"):
        index.put("handbook", [document("leave.md", "new"), INVOICES], owner=OWNER, splitter=broken)
    assert found(index, "annual") == ["leave.md"]
    assert found(index, "new invoices") == []


def test_a_passage_is_found_by_its_context_which_is_no_part_of_its_text(index: Index) -> None:
    index.put("handbook", [LEAVE, INVOICES], owner=OWNER)
    assert index.without_context("handbook", owner=OWNER) == ["invoices.md", "leave.md"]
    (passage,) = split(LEAVE)
    assert index.put_contexts("handbook", "leave.md", LEAVE.sha256, {passage.id: "Of holidays in Ulm."}, owner=OWNER)
    assert found(index, "Ulm") == ["leave.md"]
    (hit,) = index.search("handbook", "holidays", owner=OWNER)
    assert (hit.context, hit.text, hit.id) == ("Of holidays in Ulm.", passage.text, passage.id)
    assert index.without_context("handbook", owner=OWNER) == ["invoices.md"]
    assert found(index, "annual leave") == ["leave.md"]
    assert index.statistics(["handbook"], ["ulm"], owner=OWNER).containing == {"ulm": 1}
    assert index.put_contexts("handbook", "leave.md", LEAVE.sha256, {passage.id: ""}, owner=OWNER)
    assert found(index, "Ulm") == []
    assert found(index, "annual leave") == ["leave.md"]


def test_a_context_of_another_version_is_not_written(index: Index) -> None:
    index.put("handbook", [LEAVE], owner=OWNER)
    (passage,) = split(LEAVE)
    newer = document("leave.md", "# Leave\n\nStaff have 30 days of annual leave.\n")
    index.put("handbook", [newer], owner=OWNER)
    assert not index.put_contexts("handbook", "leave.md", LEAVE.sha256, {passage.id: "Old."}, owner=OWNER)
    assert not index.put_contexts("nowhere", "leave.md", LEAVE.sha256, {passage.id: "Old."}, owner=OWNER)
    assert not index.put_contexts("handbook", "leave.md", newer.sha256, {}, owner="acme/bob")
    assert index.without_context("handbook", owner=OWNER) == ["leave.md"]
    assert found(index, "30 days") == ["leave.md"]


def test_a_changed_document_loses_its_contexts(index: Index) -> None:
    index.put("handbook", [LEAVE], owner=OWNER)
    (passage,) = split(LEAVE)
    index.put_contexts("handbook", "leave.md", LEAVE.sha256, {passage.id: "Of holidays."}, owner=OWNER)
    index.put("handbook", [document("leave.md", "# Leave\n\nStaff have 30 days of leave.\n")], owner=OWNER)
    assert found(index, "holidays") == []
    assert index.without_context("handbook", owner=OWNER) == ["leave.md"]


def test_a_collection_says_which_model_writes_its_contexts(index: Index) -> None:
    index.put("handbook", [LEAVE], owner=OWNER)
    index.write_contexts_by("handbook", "openai:x", owner=OWNER)
    index.put("handbook", [INVOICES], owner=OWNER)
    assert [one.contexts_by for one in index.collections(owner=OWNER)] == ["openai:x"]
    index.write_contexts_by("handbook", None, owner=OWNER)
    assert [one.contexts_by for one in index.collections(owner=OWNER)] == [None]
    with pytest.raises(NotFound, match="no corpus"):
        index.write_contexts_by("nowhere", "openai:x", owner=OWNER)
