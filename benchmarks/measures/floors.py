"""What a durable commit costs at least: each database through its driver alone, as Kapelle sets it."""

import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg

_TABLES = (
    "create table runs (id text primary key, seq integer, plan text)",
    "create table steps (run text, path text, result text, primary key (run, path))",
    "create table events (run text, seq integer, data text, primary key (run, seq))",
    "insert into runs values ('r', 0, '')",
)
RESULT, EVENT = "x" * 200, "y" * 120


def sqlite_floors(folder: Path, *, commits: int) -> dict[str, float]:
    """Median milliseconds of one commit: of a bare insert, and of the rows of one step (run, result, two events)."""
    with closing(sqlite3.connect(folder / "floor.db", isolation_level=None)) as connection:
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=normal")
        for statement in _TABLES:
            connection.execute(statement)

        def bare(number: int) -> None:
            connection.execute("insert into events values ('bare', ?, ?)", (number, EVENT))

        def step(number: int) -> None:
            connection.execute("begin immediate")
            connection.execute("update runs set seq = seq + 2 where id = 'r' returning seq").fetchall()
            connection.execute("insert into steps values ('r', ?, ?)", (str(number), RESULT))
            events = [(2 * number, EVENT), (2 * number + 1, EVENT)]
            connection.executemany("insert into events values ('r', ?, ?)", events)
            connection.execute("commit")

        return {name: _median(one, commits) for name, one in (("bare_insert_ms", bare), ("step_rows_ms", step))}


def postgres_floors(url: str, *, commits: int) -> dict[str, float]:
    """The same on a server: one prepared statement, its own transaction, is sent and its answer awaited.

    `round_trip_ms` is a prepared `select 1`: what there is to pay before anything is written.
    """
    with closing(psycopg.connect(url, autocommit=True, prepare_threshold=0)) as connection:
        for statement in _TABLES:
            connection.execute(statement)
        cursor = connection.cursor()

        def ask(number: int) -> None:
            cursor.execute("select 1").fetchall()

        def bare(number: int) -> None:
            cursor.execute("insert into events values ('bare', %s, %s)", (number, EVENT))

        def step(number: int) -> None:
            cursor.execute(_STEP, (str(number), RESULT, EVENT, EVENT)).fetchall()

        parts = (("round_trip_ms", ask), ("bare_insert_ms", bare), ("step_rows_ms", step))
        return {name: _median(one, commits) for name, one in parts}


_STEP = (
    "with ran as (update runs set seq = seq + 2 where id = 'r' returning seq), "
    "done as (insert into steps select 'r', %s, %s from ran), "
    "told as (insert into events select 'r', ran.seq + e.place, e.data from ran, "
    "(values (-1, %s), (0, %s)) as e (place, data)) select seq from ran"
)


def _median(one: Callable[[int], None], times: int) -> float:
    took = []
    for number in range(times):
        began = time.perf_counter()
        one(number)
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000
