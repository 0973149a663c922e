"""The SQLite index keeps its promises under kills, threads and damage."""

import signal
import sqlite3
import subprocess
import sys
import threading
import time
import weakref
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from kapelle.errors import DatabaseDamaged
from kapelle.evidence.index_sqlite import SqliteIndex, memory_index
from kapelle.evidence.load import document_of
from kapelle.evidence.tables_sqlite import ensure_schema

OWNER = "acme/ann"
WRITER = """
import sys
from sqlalchemy import create_engine
from kapelle.evidence.index_sqlite import SqliteIndex
from kapelle.evidence.load import document_of
index = SqliteIndex(create_engine(f"sqlite:///{sys.argv[1]}"))
for number in range(100000):
    index.put("c", [document_of(f"{number}-{i}.txt", f"needle{number} " * 20) for i in range(20)], owner="acme/ann")
    print(number, flush=True)
"""


def make(path: Path) -> SqliteIndex:
    engine = create_engine(f"sqlite:///{path}")
    ensure_schema(engine)
    ensure_schema(engine)
    index = SqliteIndex(engine)
    weakref.finalize(index, engine.dispose)
    return index


def test_a_kill_loses_no_finished_put_and_leaves_no_half_one(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    index = make(path)
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(3)]
        time.sleep(0.02)
        writer.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout.read().split()]
    for number in acknowledged:
        assert len(index.search("c", f"needle{number}", owner=OWNER, k=50)) == 20
    assert len(index.search("c", f"needle{acknowledged[-1] + 1}", owner=OWNER, k=50)) in (0, 20)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        connection.execute("insert into evidence_fts_1 (evidence_fts_1, rank) values ('integrity-check', 1)")


@pytest.mark.parametrize("in_memory", [True, False])
def test_threads_may_put_and_search_at_once(tmp_path: Path, in_memory: bool) -> None:
    index = memory_index() if in_memory else make(tmp_path / "i.db")
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for i in range(10):
                index.put("c", [document_of(f"{number}-{i}.txt", f"apple {number} {i}")], owner=OWNER)
                index.search("c", "apple", owner=OWNER)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(index.search("c", "apple", owner=OWNER, k=100)) == 40


def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    path.write_bytes(b"this is no database, whatever it is called" * 100)
    engine = create_engine(f"sqlite:///{path}")
    with pytest.raises(DatabaseDamaged, match="damaged"):
        SqliteIndex(engine).search("c", "apple", owner=OWNER)
    engine.dispose()
