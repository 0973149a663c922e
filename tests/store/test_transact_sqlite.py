"""A short write on SQLite is made by the loop's own thread, and handed over where anything is in the way."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from kapelle.errors import DiskFull, OwnershipLost
from kapelle.settings import load_settings
from kapelle.store.commit import Writer
from kapelle.store.engine import open_engine
from kapelle.store.transact_sqlite import TURN

PAGES: dict[str, int] = {}
"""How many pages the database may have: what a disk's free space is to a file."""
HERE = threading.main_thread().name


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sa.Engine]:
    PAGES["most"] = 10_000
    engine = open_engine(load_settings(home=tmp_path))

    @sa.event.listens_for(engine, "begin")
    def _limited(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"pragma max_page_count={PAGES['most']}")

    with engine.begin() as connection:
        connection.exec_driver_sql("create table t (x)")
    yield engine
    engine.dispose()


@contextmanager
def writing(database: sa.Engine, *, patience: float | None = None) -> Iterator[tuple[Writer, list[str]]]:
    """A writer that is warm: its connections are opened with its first write, which leaves one row."""
    told: list[str] = []
    writer = Writer(database, patience=patience, on_trouble=told.append)
    try:
        writer.write_now(put())
        yield writer, told
    finally:
        writer.close()


def put(size: int = 1) -> Callable[[sa.Connection], str]:
    """Write a row of a size in bytes; the name of the thread that did."""

    def statements(connection: sa.Connection) -> str:
        connection.execute(sa.text("insert into t values (zeroblob(:n))"), {"n": size})
        return threading.current_thread().name

    return statements


def rows(database: sa.Engine) -> int:
    with database.connect() as connection:
        return int(connection.execute(sa.text("select count(*) from t")).scalar_one())


async def test_a_brief_write_is_made_by_the_loop_s_own_thread(database: sa.Engine) -> None:
    with writing(database) as (writer, _):
        assert await writer.write(put(), brief=True) == HERE
        assert await writer.write(put()) != HERE
    assert rows(database) == 3


async def test_the_first_write_opens_connections_in_the_writing_thread(database: sa.Engine) -> None:
    writer = Writer(database, patience=None, on_trouble=lambda _: None)
    try:
        assert await writer.write(put(), brief=True) != HERE
        assert await writer.write(put(), brief=True) == HERE
    finally:
        writer.close()
    assert rows(database) == 2


async def test_what_must_survive_a_power_loss_is_never_written_by_the_loop(database: sa.Engine) -> None:
    with writing(database) as (writer, _):
        assert await writer.write(put(), brief=True, sync=True) != HERE


async def test_a_brief_write_that_finds_the_database_locked_waits_in_the_writing_thread(database: sa.Engine) -> None:
    with writing(database) as (writer, told):
        with database.connect() as other:
            other.exec_driver_sql("begin immediate")
            waiting = asyncio.ensure_future(writer.write(put(), brief=True))
            await asyncio.sleep(0.1)  # the loop is free meanwhile
            assert not waiting.done()
        assert await asyncio.wait_for(waiting, 5) != HERE
        assert await writer.write(put(), brief=True) == HERE
        assert told == []
    assert rows(database) == 3


async def test_a_brief_write_goes_behind_one_that_the_thread_waits_with(database: sa.Engine) -> None:
    with writing(database) as (writer, told):
        PAGES["most"] = 10
        large = asyncio.ensure_future(writer.write(put(100_000)))
        while not told:
            await asyncio.sleep(0.01)
        brief = asyncio.ensure_future(writer.write(put(), brief=True))
        await asyncio.sleep(0.1)
        assert not brief.done()
        PAGES["most"] = 10_000
        await asyncio.wait_for(large, 5)
        assert await asyncio.wait_for(brief, 5) != HERE
    assert rows(database) == 3


async def test_a_full_disk_is_waited_for_and_nothing_is_written_twice(database: sa.Engine) -> None:
    with writing(database) as (writer, told):
        PAGES["most"] = 10
        waiting = asyncio.ensure_future(writer.write(put(100_000), brief=True))
        while not told:
            await asyncio.sleep(0.01)
        assert not waiting.done()
        PAGES["most"] = 10_000
        assert await asyncio.wait_for(waiting, 5) != HERE
        assert ["is full" in told[0], "written again" in told[1]] == [True, True]
    assert rows(database) == 2


async def test_patience_with_a_full_disk_ends_for_a_brief_write_too(database: sa.Engine) -> None:
    with writing(database, patience=0.1) as (writer, _):
        PAGES["most"] = 10
        with pytest.raises(DiskFull):
            await asyncio.wait_for(writer.write(put(100_000), brief=True), 5)
        PAGES["most"] = 10_000
        assert await writer.write(put(), brief=True) == HERE
    assert rows(database) == 2


async def test_nothing_is_left_of_an_attempt_that_failed(database: sa.Engine) -> None:
    def fails_here(connection: sa.Connection) -> str:
        name = put()(connection)
        if name == HERE:
            connection.execute(sa.text("insert into nowhere values (1)"))
        return name

    with writing(database) as (writer, _):
        assert await writer.write(fails_here, brief=True) != HERE
        assert rows(database) == 2
        assert await writer.write(put(), brief=True) == HERE


async def test_an_attempt_that_cannot_be_rolled_back_loses_its_connection(database: sa.Engine) -> None:
    def begins_again(connection: sa.Connection) -> str:
        name = put()(connection)
        if name == HERE:
            connection.invalidate()
            raise sa.exc.OperationalError("it", {}, Exception("was lost"))
        return name

    with writing(database) as (writer, _):
        assert await writer.write(begins_again, brief=True) != HERE
        assert await writer.write(put(), brief=True) == HERE
    assert rows(database) == 3


async def test_whoever_lost_the_run_is_told_so_and_writes_nothing(database: sa.Engine) -> None:
    tried: list[str] = []

    def refused(connection: sa.Connection) -> None:
        tried.append(put()(connection))
        raise OwnershipLost("taken over")

    with writing(database) as (writer, _), pytest.raises(OwnershipLost):
        await writer.write(refused, brief=True)
    assert tried == [HERE]
    assert rows(database) == 1


async def test_the_log_is_brought_into_the_file_by_the_writing_thread(database: sa.Engine, tmp_path: Path) -> None:
    with writing(database) as (writer, _):
        by = [await writer.write(put(30_000), brief=True) for _ in range(4 * TURN)]
        # 8,000 pages of 4 KiB were written, and the log is brought into the file from 4,000 on.
        assert (tmp_path / "kapelle.db-wal").stat().st_size < 26_000_000
    turns = [TURN, TURN + 1, 2 * TURN + 2, 2 * TURN + 3, 3 * TURN + 4, 3 * TURN + 5]
    assert [number for number, name in enumerate(by) if name != HERE] == turns
    assert rows(database) == 4 * TURN + 1


async def test_closing_gives_both_connections_back(database: sa.Engine) -> None:
    with writing(database) as (writer, _):
        await writer.write(put(), brief=True)
    assert isinstance(database.pool, sa.QueuePool)
    assert database.pool.checkedout() == 0
    with database.connect() as connection:
        assert connection.exec_driver_sql("pragma busy_timeout").scalar() == 30_000
