"""What is scheduled: made, replaced, listed, ended, by owner."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.contract.engines import opened, settings_of

from kapelle import clock
from kapelle.errors import BadInput, NotFound
from kapelle.run.schedules import TICK
from kapelle.store.dialect import Statement
from kapelle.store.engine import open_engine

DATABASES = ("sqlite", "postgres")


@pytest.mark.parametrize("engine", DATABASES)
async def test_a_schedule_is_made_replaced_listed_and_ended_by_its_owner_alone(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fields = settings_of(engine, request)
    async with opened(engine, tmp_path, **fields) as (home, _):
        await home.schedule("b", "0 7 * * mon-fri", "report", session="s")
        await home.schedule("a", "*/5 * * * * *", "look")
        await home.schedule("b", "0 8 * * *", "report later")
        assert [(one.name, one.cron, one.task["prompt"]) for one in await home.schedules()] == [
            ("a", "*/5 * * * * *", "look"),
            ("b", "0 8 * * *", "report later"),
        ]
        assert all(one.next is not None and one.next > clock.now() for one in await home.schedules())
        assert await home.runs() == []
    async with opened(engine, tmp_path, owner="acme/bo", **fields) as (home, _):
        assert await home.schedules() == []
        with pytest.raises(NotFound):
            await home.unschedule("a")
        await home.schedule("a", "0 0 1 1 *", "mine")
    async with opened(engine, tmp_path, **fields) as (home, _):
        await home.unschedule("a")
        assert [one.name for one in await home.schedules()] == ["b"]
        with pytest.raises(NotFound):
            await home.unschedule("a")


@pytest.mark.parametrize("engine", DATABASES)
async def test_a_time_begins_one_run_and_none_when_it_is_not_scheduled_any_more(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with opened(engine, tmp_path, serves=True, **settings_of(engine, request)) as (home, _):
        made = await home.schedule("a", "0 0 1 1 *", "look", session="s")
        durable: Any = home.parts.engine
        at = clock.now().replace(microsecond=0)
        for _ in range(3):
            await durable.tick(at, made)
        (run,) = await home.runs()
        assert run.key == f"schedule:a:{clock.to_iso(at)}"
        assert (run.task.prompt, run.task.session) == ("look", "s")
        await home.unschedule("a")
        await durable.tick(at.replace(year=at.year + 1), made)
        assert len(await home.runs()) == 1


@pytest.mark.parametrize("engine", DATABASES)
async def test_a_time_whose_worker_died_is_begun_by_another(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with opened(engine, tmp_path, serves=True, **settings_of(engine, request)) as (home, _):
        made = await home.schedule("a", "0 0 1 1 *", "look")
        durable: Any = home.parts.engine
        at = clock.to_iso(clock.now().replace(microsecond=0))
        options = {"workflow_name": TICK, "queue_name": "nowhere", "workflow_id": "sched-a", "app_version": "kapelle-1"}
        durable._launch.client.enqueue(options, at, made.model_dump(mode="json"))
        lost = "update {workflow_status} set status = 'PENDING', executor_id = 'gone', queue_name = 'ticks' "
        connecting = open_engine(home.settings)
        with connecting.begin() as connection:
            connection.execute(Statement(lost + "where workflow_uuid = 'sched-a'").on(connection))
        connecting.dispose()
        async with asyncio.timeout(15):
            while not await home.runs():
                await asyncio.sleep(0.05)
        assert [run.key for run in await home.runs()] == [f"schedule:a:{at}"]

        def ended() -> int:
            ticks = "select count(*) from {workflow_status} where name = 'kapelle.tick' and status = 'SUCCESS'"
            with connecting.connect() as connection:
                return int(connection.execute(Statement(ticks).on(connection)).scalar_one())

        async with asyncio.timeout(10):
            while ended() == 0:
                await asyncio.sleep(0.05)
        await home.purge(["journal"], older_than=0, every_owner=True)
        assert ended() == 0
        connecting.dispose()


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "61 * * * *", "* * * * * * *", "@daily", "a b c d e", "* * * * *\0", "0 0 31 2 *"]
)
async def test_a_cron_expression_that_cannot_be_read_is_refused(tmp_path: Path, cron: str) -> None:
    async with opened("sqlite", tmp_path) as (home, _):
        with pytest.raises(BadInput, match="cron"):
            await home.schedule("a", cron, "look")
        assert await home.schedules() == []


@pytest.mark.parametrize("name", ["", "a b", "a/b", "-a", "x" * 101, "a\n"])
async def test_a_name_that_cannot_be_used_is_refused(tmp_path: Path, name: str) -> None:
    async with opened("sqlite", tmp_path) as (home, _):
        with pytest.raises(BadInput, match="name"):
            await home.schedule(name, "* * * * *", "look")


async def test_runs_in_memory_have_no_schedules(tmp_path: Path) -> None:
    async with opened("inline", tmp_path) as (home, _):
        with pytest.raises(BadInput, match="durable"):
            await home.schedule("a", "* * * * *", "look")
        assert await home.schedules() == []
