"""A transaction on Postgres takes place once, whatever becomes of the connection."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from tests.store.cut import Line, When, lined

from kapelle.errors import OwnershipLost, StoreUnavailable
from kapelle.store.commit import Writer
from kapelle.store.dialect import Plain
from kapelle.store.engine import open_url
from kapelle.store.transact_postgres import Alone, Mark

NOTE = sa.text("insert into outbox (id, owner, run, body, created) values (:id, 'a/b', 'r', '', '') returning id")


def note(id: str) -> Callable[[sa.Connection], str | None]:
    return lambda connection: connection.execute(NOTE, {"id": id}).scalar()


@pytest.fixture
def database(postgres_url: str) -> Iterator[tuple[sa.Engine, Line]]:
    with lined(postgres_url) as (url, line):
        engine = open_url(url)
        yield engine, line
        engine.dispose()


def notes(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text("select id from outbox order by id")).scalars())


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_commit_that_lost_its_connection_takes_place_once(database: tuple[sa.Engine, Line], when: When) -> None:
    engine, line = database
    told: list[str] = []
    writer = Writer(engine, patience=10, on_trouble=told.append)
    try:
        await writer.write(note("1"))
        line.cut = when
        # The key is taken if it was written already: to write it twice would raise.
        assert await asyncio.wait_for(writer.write(note("2")), 10) == "2"
        assert line.cuts == 1
        assert await writer.write(note("3")) == "3"
    finally:
        writer.close()
    assert notes(engine) == ["1", "2", "3"]
    assert ["; waiting" in told[0], "written again" in told[1]] == [True, True]


TEXT = (
    "with mine as materialized (select 1 from writers where id = :writer and number < :mark for update), "
    "raised as (update counted set n = n + 1 from mine returning n), "
    "marked as (update writers set number = :mark from raised where id = :writer) select n from raised"
)
RAISED = Plain(TEXT)


def read(row: Sequence[Any] | None) -> int:
    if row is None:
        raise OwnershipLost("nothing was written")
    return int(row[0])


RAISE = Alone(RAISED, {}, read, {})


async def test_a_statement_alone_takes_place_once(database: tuple[sa.Engine, Line]) -> None:
    engine, line = database
    line.commit = b"with mine"
    with engine.begin() as connection:
        connection.exec_driver_sql("create table counted (n integer); insert into counted values (0)")
    writer = Writer(engine, patience=10, on_trouble=lambda _: None)
    try:
        for n in range(1, 7):
            line.cut = ("before", "after", None)[n % 3]  # type: ignore[assignment]
            # Of one that took place although its answer was lost nobody knows what it said.
            lost = line.cut == "after"
            assert await asyncio.wait_for(writer.write_alone(RAISE), 10) == (None if lost else n)
    finally:
        writer.close()
    assert line.cuts == 4
    with engine.connect() as connection:
        assert connection.exec_driver_sql("select n from counted").scalar() == 6


async def test_a_statement_that_was_given_up_is_kept_out(database: tuple[sa.Engine, Line]) -> None:
    engine, line = database
    line.commit = b"with mine"
    with engine.begin() as connection:
        connection.exec_driver_sql("create table counted (n integer); insert into counted values (0)")
    writer = Writer(engine, patience=10, on_trouble=lambda _: None)
    given: list[Mark] = []

    class Noted(Plain):
        def row(self, connection: sa.Connection, values: Mapping[str, Any]) -> Sequence[Any] | None:
            given.append(Mark(values["writer"], values["mark"]))
            return super().row(connection, values)

    try:
        line.cut = "before"
        noted = Alone(Noted(TEXT), {}, read, {})
        assert await asyncio.wait_for(writer.write_alone(noted), 10) == 1
    finally:
        writer.close()
    with engine.begin() as connection:
        assert RAISED.row(connection, RAISE.given_with(given[0])) is None
    assert [mark.number for mark in given] == [1, 2]


async def test_statements_without_a_key_are_not_written_twice(database: tuple[sa.Engine, Line]) -> None:
    engine, line = database
    with engine.begin() as connection:
        connection.exec_driver_sql("create table counted (n integer); insert into counted values (0)")
    writer = Writer(engine, patience=10, on_trouble=lambda _: None)
    raised = sa.text("update counted set n = n + 1 returning n")
    try:
        for n in range(1, 7):
            line.cut = ("before", "after", None)[n % 3]  # type: ignore[assignment]
            assert await asyncio.wait_for(writer.write(lambda one: one.execute(raised).scalar()), 10) == n
    finally:
        writer.close()
    assert line.cuts == 4


async def test_whoever_gave_up_is_not_told_another_ones_result(database: tuple[sa.Engine, Line]) -> None:
    engine, line = database
    writer = Writer(engine, patience=0, on_trouble=lambda _: None)
    try:
        await writer.write(note("1"))
        line.cut = "after"
        with pytest.raises(StoreUnavailable, match="127.0.0.1"):
            await writer.write(note("2"))
        assert await writer.write(note("3")) == "3"
    finally:
        writer.close()
    assert notes(engine) == ["1", "2", "3"]


async def test_a_connection_that_was_closed_meanwhile_is_opened_again(
    postgres_url: str, database: tuple[sa.Engine, Line]
) -> None:
    engine, _ = database
    writer = Writer(engine, patience=10, on_trouble=lambda _: None)
    other = open_url(postgres_url)
    try:
        await writer.write(note("1"))
        with other.begin() as connection:
            ended = connection.execute(
                sa.text(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid() "
                    "and datname = current_database() and application_name = 'kapelle'"
                )
            ).scalar()
        assert ended
        assert await asyncio.wait_for(writer.write(note("2")), 10) == "2"
    finally:
        writer.close()
        other.dispose()
    assert notes(engine) == ["1", "2"]


async def test_two_that_wait_for_each_other_both_take_place(postgres_url: str) -> None:
    engine = open_url(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("create table pair (id integer primary key, n integer)")
        connection.exec_driver_sql("insert into pair values (1, 0), (2, 0)")
    told: list[str] = []
    writers = [Writer(engine, patience=20, on_trouble=told.append) for _ in range(2)]

    def raise_both(first: int, second: int) -> Callable[[sa.Connection], None]:
        def statements(connection: sa.Connection) -> None:
            for id in (first, second):
                connection.execute(sa.text("update pair set n = n + 1 where id = :id"), {"id": id})
                connection.execute(sa.text("select pg_sleep(0.2)"))

        return statements

    try:
        await asyncio.gather(writers[0].write(raise_both(1, 2)), writers[1].write(raise_both(2, 1)))
    finally:
        for writer in writers:
            writer.close()
    with engine.connect() as connection:
        assert list(connection.execute(sa.text("select n from pair order by id")).scalars()) == [2, 2]
    engine.dispose()
    assert told == []
