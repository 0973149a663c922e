"""What a durable commit costs at least: SQLite through the standard library, with the pragmas that Kapelle uses."""

import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

_TABLES = """
create table runs (id text primary key, seq integer, plan text);
create table steps (run text, path text, result text, primary key (run, path));
create table events (run text, seq integer, data text, primary key (run, seq));
insert into runs values ('r', 0, '');
"""
RESULT, EVENT = "x" * 200, "y" * 120


def sqlite_floors(folder: Path, *, commits: int) -> dict[str, float]:
    """Median milliseconds of one commit: of a bare insert, and of the rows of one step (run, result, two events)."""
    with closing(sqlite3.connect(folder / "floor.db", isolation_level=None)) as connection:
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=normal")
        connection.executescript(_TABLES)

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


def _median(one: Callable[[int], None], times: int) -> float:
    took = []
    for number in range(times):
        began = time.perf_counter()
        one(number)
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000
