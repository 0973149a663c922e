"""A database that cannot be written is waited for, told once; one that is damaged is not."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from kapelle.errors import DatabaseDamaged, OwnershipLost, StoreUnavailable
from kapelle.settings import load_settings
from kapelle.store.commit import Writer
from kapelle.store.engine import open_engine

PAGES: dict[str, int] = {}
"""How many pages the database may have: what a disk's free space is to a file."""


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
def writing(database: sa.Engine, patience: float | None) -> Iterator[tuple[Writer, list[str]]]:
    told: list[str] = []
    writer = Writer(database, patience=patience, on_trouble=told.append)
    try:
        yield writer, told
    finally:
        writer.close()


def put(size: int = 100_000) -> object:
    return lambda connection: connection.execute(sa.text("insert into t values (zeroblob(:n))"), {"n": size})


def rows(database: sa.Engine) -> int:
    with database.connect() as connection:
        return int(connection.execute(sa.text("select count(*) from t")).scalar_one())


async def test_a_write_is_one_transaction(database: sa.Engine) -> None:
    def half(connection: sa.Connection) -> None:
        connection.execute(sa.text("insert into t values (1)"))
        raise OwnershipLost("taken over")

    with writing(database, None) as (writer, told):
        with pytest.raises(OwnershipLost):
            await writer.write(half)
        assert await writer.write(lambda connection: 7) == 7
        assert told == []
    assert rows(database) == 0


async def test_a_full_disk_is_waited_for_and_told_once_and_the_write_is_not_lost(database: sa.Engine) -> None:
    PAGES["most"] = 10
    with writing(database, None) as (writer, told):
        waiting = asyncio.ensure_future(writer.write(put()))  # type: ignore[arg-type]
        await asyncio.sleep(0.5)
        assert not waiting.done()
        assert len(told) == 1
        assert "is full" in told[0] and told[0].endswith("; waiting")
        PAGES["most"] = 10_000
        await asyncio.wait_for(waiting, 5)
        assert len(told) == 2
        assert "can be written again" in told[1]
    assert rows(database) == 1


async def test_patience_ends_with_what_to_do(database: sa.Engine) -> None:
    PAGES["most"] = 10
    with writing(database, 0.2) as (writer, _), pytest.raises(StoreUnavailable, match="nothing finished is lost"):
        await asyncio.wait_for(writer.write(put()), 5)  # type: ignore[arg-type]
    PAGES["most"] = 10_000
    assert rows(database) == 0


async def test_closing_ends_the_waiting(database: sa.Engine) -> None:
    PAGES["most"] = 10
    told: list[str] = []
    writer = Writer(database, patience=None, on_trouble=told.append)
    waiting = asyncio.ensure_future(writer.write(put()))  # type: ignore[arg-type]
    while not told:
        await asyncio.sleep(0.01)
    await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(None, writer.close), 5)
    with pytest.raises(StoreUnavailable):
        await waiting


async def test_a_lock_of_another_process_is_waited_for(database: sa.Engine) -> None:
    hasty = sa.create_engine(database.url, connect_args={"timeout": 0.01})
    with writing(hasty, 5) as (writer, told):
        with database.connect() as connection:
            connection.exec_driver_sql("begin immediate")
            waiting = asyncio.ensure_future(writer.write(put(1)))  # type: ignore[arg-type]
            while not told:
                await asyncio.sleep(0.01)
        await asyncio.wait_for(waiting, 5)
    hasty.dispose()
    assert "locked" in told[0]
    assert rows(database) == 1


async def test_a_damaged_file_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "damaged.db"
    file.write_bytes(b"SQLite format 3\x00" + b"\xff" * 4096)
    engine = sa.create_engine(f"sqlite:///{file}")
    with writing(engine, None) as (writer, told):
        with pytest.raises(DatabaseDamaged, match="restore a copy"):
            await asyncio.wait_for(writer.write(put(1)), 5)  # type: ignore[arg-type]
        assert told == []
    engine.dispose()


async def test_a_wrong_statement_is_no_trouble_of_the_database(database: sa.Engine) -> None:
    with writing(database, None) as (writer, told):
        with pytest.raises(sa.exc.OperationalError):
            await asyncio.wait_for(writer.write(lambda one: one.execute(sa.text("insert into nowhere values (1)"))), 5)
        assert told == []


async def test_writes_happen_one_after_the_other_in_one_thread(database: sa.Engine) -> None:
    threads: set[str] = set()

    def note(connection: sa.Connection) -> None:
        threads.add(threading.current_thread().name)
        connection.execute(sa.text("insert into t values (1)"))

    with writing(database, None) as (writer, _):
        await asyncio.gather(*(writer.write(note) for _ in range(20)))
    assert len(threads) == 1
    assert rows(database) == 20


def synchronous(connection: sa.Connection) -> int:
    """How this connection commits: 1 is normal, 2 is full."""
    connection.execute(sa.text("insert into t values (1)"))
    return int(connection.execute(sa.text("pragma synchronous")).scalar_one())


async def test_what_must_survive_a_power_loss_is_synced_and_nothing_after_it(database: sa.Engine) -> None:
    with writing(database, None) as (writer, _):
        assert [await writer.write(synchronous, sync=sync) for sync in (False, True, False, True)] == [1, 2, 1, 2]
    assert rows(database) == 4


async def test_a_synced_write_that_fails_leaves_the_next_one_as_it_was(database: sa.Engine) -> None:
    def broken(connection: sa.Connection) -> None:
        assert synchronous(connection) == 2
        raise OwnershipLost("taken over")

    with writing(database, None) as (writer, _):
        with pytest.raises(OwnershipLost):
            await writer.write(broken, sync=True)
        assert await writer.write(synchronous) == 1
    assert rows(database) == 1


async def test_a_synced_write_waits_for_a_full_disk_too(database: sa.Engine) -> None:
    PAGES["most"] = 10
    with writing(database, None) as (writer, told):
        waiting = asyncio.ensure_future(writer.write(put(), sync=True))  # type: ignore[arg-type]
        while not told:
            await asyncio.sleep(0.01)
        PAGES["most"] = 10_000
        await asyncio.wait_for(waiting, 5)
        assert await writer.write(synchronous) == 1
    assert rows(database) == 2
