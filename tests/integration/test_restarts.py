"""A Postgres server that crashes, restarts and drops its connections: every write took place exactly once."""

import asyncio
import os
import random
from collections.abc import Iterator
from contextlib import suppress

import pytest
import sqlalchemy as sa
from tests.postgres import Server, control, serving

from kapelle.errors import KapelleError
from kapelle.store.commit import Writer
from kapelle.store.engine import open_url
from kapelle.store.faults import translated
from kapelle.store.migrate import migrate

WRITERS = 3
RAISE = sa.text("update counted set n = n + 1 where writer = :writer returning n")
NOTE = sa.text("insert into noted (writer) values (:writer)")


@pytest.fixture
def server() -> Iterator[Server]:
    """One that nobody else uses."""
    if "KAPELLE_TEST_POSTGRES_URL" in os.environ:
        pytest.skip("a server that is not ours is not restarted")
    with serving(f"restarts-{os.getpid()}") as made:
        yield made


async def trouble(server: Server, dice: random.Random) -> None:
    """Drop connections, stop the server, crash it."""
    for mode in ("drop", "immediate", "drop", "fast", "immediate"):
        await asyncio.sleep(dice.uniform(0.2, 0.6))
        if mode != "drop":
            await asyncio.to_thread(control, server, "restart", "-m", mode)
            continue
        engine = open_url(server.url.render_as_string(hide_password=False))
        with suppress(KapelleError), translated(engine), engine.connect() as connection:
            others = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'kapelle'"
            connection.execute(sa.text(f"{others} and pid <> pg_backend_pid()"))
        engine.dispose()


async def test_every_write_took_place_exactly_once(server: Server) -> None:
    with server.database() as url:
        engine = open_url(url)
        migrate(engine)
        with engine.begin() as connection:
            connection.exec_driver_sql("create table counted (writer integer primary key, n integer)")
            connection.exec_driver_sql("create table noted (id bigserial, writer integer)")
            connection.exec_driver_sql(f"insert into counted select *, 0 from generate_series(0, {WRITERS - 1})")
        told: list[str] = []
        writers = [Writer(engine, patience=30, on_trouble=told.append) for _ in range(WRITERS)]
        over = asyncio.Event()

        async def write_on(number: int) -> int:
            def statements(connection: sa.Connection) -> int:
                connection.execute(NOTE, {"writer": number})
                return int(connection.execute(RAISE, {"writer": number}).scalar_one())

            written = 0
            while not over.is_set():
                assert await writers[number].write(statements) == written + 1
                written += 1
            return written

        writing = [asyncio.create_task(write_on(number)) for number in range(WRITERS)]
        await trouble(server, random.Random(3))
        await asyncio.sleep(1.5)
        over.set()
        written = await asyncio.gather(*writing)
        for writer in writers:
            writer.close()
        with engine.connect() as connection:
            counted = connection.execute(sa.text("select n from counted order by writer")).scalars().all()
            noted = connection.execute(sa.text("select count(*) from noted group by writer order by writer"))
            assert (written, noted.scalars().all()) == (counted, counted)
        assert min(written) > 50
        assert any("written again" in text for text in told)
        engine.dispose()
