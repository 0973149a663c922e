"""What SQLite has to do for a few passages does not grow with their collection: its planner knows no statistics."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import StaticPool
from tests.embedders import WordVectors

from kapelle.evidence.index_sqlite import SqliteIndex
from kapelle.evidence.load import document_of
from kapelle.evidence.tables_sqlite import ensure_schema
from kapelle.evidence.vectors_sqlite import SqliteVectors
from kapelle.run.kept.purge_corpora import VECTORS, changes

OWNER, SMALL, LARGE = "acme/ann", 100, 1_000


def put(index: SqliteIndex, first: int, last: int) -> None:
    index.put("c", [document_of(f"{n}.txt", f"invoice number {n} is due.") for n in range(first, last)], owner=OWNER)


@contextmanager
def filled(documents: int) -> Iterator[tuple[Engine, SqliteIndex]]:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    ensure_schema(engine)
    index = SqliteIndex(engine, SqliteVectors(WordVectors()))
    put(index, 0, documents)
    index.nearest("c", "invoice", owner=OWNER, k=3)
    yield engine, index
    engine.dispose()


def read_a_few(index: SqliteIndex) -> None:
    assert len(index.passages("c", range(3, 90, 5), owner=OWNER)) == 18


def search_after_one_more(index: SqliteIndex) -> None:
    put(index, LARGE, LARGE + 1)
    assert index.nearest("c", "invoice", owner=OWNER, k=3)


def find_what_is_not_used(index: SqliteIndex) -> None:
    with index._engine.connect() as connection:
        assert changes(connection, VECTORS, None) == ([], [])


@pytest.mark.parametrize(
    ("work", "growth"),
    [(read_a_few, 1.2), (search_after_one_more, 1.5), (find_what_is_not_used, 15)],
)
def test_steps(work: Callable[[SqliteIndex], None], growth: float) -> None:
    """`growth`: how many times as much a collection ten times as large may cost."""
    took = []
    for documents in (SMALL, LARGE):
        with filled(documents) as (engine, index), engine.connect() as connection:
            steps = 0

            def count() -> int:
                nonlocal steps
                steps += 1
                return 0

            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.set_progress_handler(count, 10)
            work(index)
            driver.set_progress_handler(None, 0)
            took.append(steps)
    assert took[1] < took[0] * growth, took
