"""What run/durable.py knows of DBOS beyond its public interface, and the fence that rests on it."""

import asyncio
import dataclasses
import sqlite3
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dbos._queue
import pytest
import sqlalchemy as sa
from dbos._context import current_owner_xid
from tests.builders import OWNER, done, plan_of, step
from tests.contract.engines import opened, settings_of, until

from kapelle import clock
from kapelle.errors import OwnershipLost, RunStuck, SettingsError
from kapelle.handles import Run
from kapelle.orchestrator import Orchestrator
from kapelle.plan.model import ApprovalStep, Plan
from kapelle.run import walk
from kapelle.run.checkpoint import Batch
from kapelle.run.checkpoint_database import DatabaseCheckpoint
from kapelle.run.fence import RunFence
from kapelle.run.model import NewEvent, StepResult
from kapelle.store.commit import Writer
from kapelle.store.engine import open_engine
from kapelle.telemetry.redact import remember
from kapelle.tools.decorator import tool

pytestmark = pytest.mark.slow


@tool
async def say(name: str) -> str:
    """Say it."""
    return name


def rows(home: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(home / "kapelle.db", timeout=10)
    try:
        with connection:
            return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


def test_the_version_is_the_one_whose_internals_are_known() -> None:
    assert version("dbos") == "3.4.0"


async def test_a_workflow_knows_the_token_of_its_owner_and_the_table_has_it(tmp_path: Path) -> None:
    seen: list[str | None] = []

    @tool
    async def look(name: str) -> str:
        """Look who owns the run."""
        seen.extend(token for (token,) in rows(tmp_path, "select owner_xid from workflow_status"))
        return name

    async with opened("durable", tmp_path, look) as (house, _):
        run = await house.start("do it", plan=plan_of(step("a", uses="look")))
        await run.wait()
        assert seen and isinstance(seen[0], str) and seen[0]
        ((workflow,),) = rows(tmp_path, "select workflow_uuid from workflow_status")
        assert workflow == f"{run.id}:g1"
    assert callable(current_owner_xid)


async def test_the_columns_that_the_fence_reads_are_there(tmp_path: Path) -> None:
    async with opened("durable", tmp_path) as (house, _):
        assert house.parts
        columns = {row[1] for row in rows(tmp_path, "pragma table_info(workflow_status)")}
    assert {"workflow_uuid", "status", "owner_xid", "executor_id"} <= columns


async def held(house: Orchestrator, ledger: Any) -> Run:
    """A run whose step `a` is being performed and does not end."""
    ledger.held["a"] = asyncio.Event()
    run = await house.start("do it", plan=plan_of(step("a"), step("b", "a")))
    async with asyncio.timeout(10):
        while ledger.calls != ["a"]:
            await asyncio.sleep(0.01)
    return run


async def test_a_former_owner_cannot_record_anything(tmp_path: Path) -> None:
    async with opened("durable", tmp_path) as (house, ledger):
        run = await held(house, ledger)
        before = rows(tmp_path, "select seq, kind from events where run = ? order by seq", run.id)
        # Another process takes the run over, as `Dispatch.take` does.
        rows(tmp_path, "update runs set generation = generation + 1 where id = ?", run.id)
        rows(tmp_path, "update workflow_status set status = 'CANCELLED', owner_xid = null")
        ledger.held["a"].set()
        await asyncio.sleep(0.3)
        assert rows(tmp_path, "select seq, kind from events where run = ? order by seq", run.id) == before
        assert rows(tmp_path, "select path from steps where run = ?", run.id) == []
        assert ledger.calls == ["a"]


async def test_a_run_that_was_taken_over_is_walked_on_by_its_new_owner(tmp_path: Path) -> None:
    async with opened("durable", tmp_path) as (house, ledger):
        run = await held(house, ledger)
        rows(tmp_path, "update runs set generation = generation + 1, executor = 'gone' where id = ?", run.id)
        rows(tmp_path, "update workflow_status set status = 'CANCELLED', owner_xid = null")
        ledger.held.pop("a").set()
        async with asyncio.timeout(10):
            while house.parts.engine._walks:  # type: ignore[attr-defined]
                await asyncio.sleep(0.01)
        await run.resume()
        assert await until(house, run.id, "succeeded") == "succeeded"
        events = [(event.seq, event.kind, event.path) async for event in run.events()]
        assert [seq for seq, _, _ in events] == list(range(1, len(events) + 1))
        assert (sum(kind == "step.finished" and path == "a" for _, kind, path in events)) == 1
        assert ledger.calls == ["a", "a", "b"]
        assert (await run.status()).generation == 3


FENCES = {
    "the owner": ({}, None),
    "a former generation": ({"generation": 0}, OwnershipLost),
    "another token": ({"xid": "another"}, OwnershipLost),
    "another workflow": ({"workflow": "run_x:g9"}, OwnershipLost),
}


@pytest.mark.parametrize("name", FENCES)
async def test_only_the_owner_passes_the_fence(tmp_path: Path, name: str) -> None:
    changed, expected = FENCES[name]
    async with opened("durable", tmp_path) as (house, ledger):
        run = await held(house, ledger)
        ((xid,),) = rows(tmp_path, "select owner_xid from workflow_status")
        fence = RunFence(**{"run": run.id, "generation": 1, "workflow": f"{run.id}:g1", "xid": xid, **changed})
        engine = open_engine(house.settings)
        writer = Writer(engine, patience=1, on_trouble=lambda _: None)
        place = dataclasses.replace(house.parts.engine._place, writer=writer)  # type: ignore[attr-defined]
        checkpoint = DatabaseCheckpoint(place, fence, owner=OWNER)
        batch = Batch(results=(done("z", 1),), events=(NewEvent(kind="note", data={"text": "x"}),))
        try:
            if expected is None:
                await checkpoint.commit(batch)
            else:
                with pytest.raises(expected):
                    await checkpoint.commit(batch)
        finally:
            writer.close()
            engine.dispose()
        written = rows(
            tmp_path, "select 1 from steps where path = 'z' union all select 1 from events where kind = 'note'"
        )
        assert len(written) == (2 if expected is None else 0)


async def test_a_step_that_is_recorded_cannot_be_recorded_again(tmp_path: Path) -> None:
    async with opened("durable", tmp_path) as (house, ledger):
        run = await held(house, ledger)
        ((xid,),) = rows(tmp_path, "select owner_xid from workflow_status")
        fence = RunFence(run.id, 1, f"{run.id}:g1", xid)
        engine = open_engine(house.settings)
        writer = Writer(engine, patience=1, on_trouble=lambda _: None)
        place = dataclasses.replace(house.parts.engine._place, writer=writer)  # type: ignore[attr-defined]
        checkpoint = DatabaseCheckpoint(place, fence, owner=OWNER)
        try:
            waiting = StepResult(path="z", status="suspended", waits_for="date:2030-01-01T00:00:00Z")
            await checkpoint.commit(Batch(results=(waiting,)))
            await checkpoint.commit(Batch(results=(done("z", 1),)))
            with pytest.raises(OwnershipLost):
                await checkpoint.commit(Batch(results=(done("z", 2),)))
            assert (await checkpoint.past()).results["z"].output == 1
        finally:
            writer.close()
            engine.dispose()


async def test_a_payload_above_the_threshold_is_stored_once(tmp_path: Path) -> None:
    async with opened("durable", tmp_path) as (house, ledger):
        # Characters of two bytes: bytes are counted, not characters.
        ledger.answers.update({"a": "ü" * 40_000, "b": "ü" * 40_000, "c": "small"})
        run = await house.start("do it", plan=plan_of(step("a"), step("b"), step("c")))
        await run.wait()
        ((size,),) = rows(tmp_path, "select length(data) from blobs")
        assert size == 80_002
        stored = dict(rows(tmp_path, "select path, length(result) from steps where run = ?", run.id))
        assert max(stored.values()) < 1_000
        assert {one.output for one in await run.steps()} == {"ü" * 40_000, "small"}


async def test_a_story_of_more_events_than_one_query_gives_is_told_to_its_end(tmp_path: Path) -> None:
    async with opened("durable", tmp_path) as (house, _):
        run = await house.start("do it", plan=plan_of(step("a")))
        seq = (await run.wait()).seq
        engine = sa.create_engine(f"sqlite:///{tmp_path / 'kapelle.db'}")
        with engine.begin() as connection:
            more = [{"run": run.id, "seq": seq + n, "at": "2026-01-01T00:00:00Z"} for n in range(1, 10_500)]
            connection.execute(
                sa.text("insert into events (run, seq, at, kind) values (:run, :seq, :at, 'note')"), more
            )
        engine.dispose()
        assert len([event async for event in run.events()]) == seq + 10_499


async def test_one_process_serves_one_database(tmp_path: Path) -> None:
    async with opened("durable", tmp_path / "one") as (house, _):
        assert house.parts
        with pytest.raises(SettingsError, match="another database"):
            async with opened("durable", tmp_path / "two") as (other, _):
                assert other.parts


async def test_two_houses_over_one_database_share_its_engine(tmp_path: Path) -> None:
    async with opened("durable", tmp_path) as (one, _), opened("durable", tmp_path) as (other, _):
        assert one.parts.engine is other.parts.engine
        run = await one.start("do it", plan=plan_of(step("a")))
        await run.wait()
        assert [found.id for found in await other.runs()] == [run.id]


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
@pytest.mark.parametrize("spread", [False, True])
async def test_what_is_claimed_and_never_begun_is_claimed_again(
    engine: str, spread: bool, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is lost behind the claim: DBOS writes a line to its log, and leaves it at that."""
    begin = dbos._queue.execute_dequeued_workflow
    lost: list[str] = []

    def losing(instance: Any, status: Any, owner_xid: str) -> Any:
        about: str = status["workflow_uuid"]
        if not lost and ("/" in about) == spread:
            lost.append(about)
            raise ConnectionError("the connection was cut")
        return begin(instance, status, owner_xid)

    monkeypatch.setattr(dbos._queue, "execute_dequeued_workflow", losing)
    body = [{"kind": "tool", "id": "i", "tool": "say", "inputs": {"name": "x"}}]
    over = {"kind": "map", "id": "m", "over": [1, 2, 3], "body": body, "output": "i", "spread": True}
    plan = Plan.model_validate({"steps": [over], "output": "m"}) if spread else plan_of(step("a"))
    async with opened(engine, tmp_path, say, serves=True, **settings_of(engine, request)) as (house, _):
        run = await house.start("do it", plan=plan, here=False)
        assert await until(house, run.id, "succeeded") == "succeeded"
        assert len(lost) == 1
        events = [event.kind async for event in run.events(follow=False)]
        assert events.count("run.started") == 1 and events.count("run.finished") == 1


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_what_stands_in_a_queue_or_is_parked_is_ended_in_time_by_who_serves(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    ask = ApprovalStep(id="ok", action="Go?")
    quick = {"run": {"park_after": 0.0}, **settings_of(engine, request)}
    async with opened(engine, tmp_path, serves=True, **quick) as (house, ledger):
        delayed = await house.start("do it", plan=plan_of(step("a")), here=False, delay=3_600)
        await delayed.cancel()
        async with asyncio.timeout(10):
            assert (await delayed.wait()).status == "cancelled"
        soon = clock.now() + timedelta(seconds=1)
        waiting = await house.start("do it", plan=plan_of(ask, step("a", after=["ok"])), here=False, deadline=soon)
        assert await until(house, waiting.id, "failed", seconds=15) == "failed"
        assert ledger.calls == []


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_a_run_whose_walk_fails_by_a_fault_of_ours_is_kept_and_not_walked_again_and_again(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> None:
        raise RuntimeError("a fault of ours, with hunter22hunter22")

    remember(["hunter22hunter22"])
    async with opened(engine, tmp_path, serves=True, **settings_of(engine, request)) as (house, ledger):
        with monkeypatch.context() as broken:
            broken.setattr(walk, "settled_event", failing)
            run = await house.start("do it", plan=plan_of(step("a", uses="put")), here=False, approve="never")
            async with asyncio.timeout(10):
                while (await run.status()).stuck is None:
                    await asyncio.sleep(0.05)
            with pytest.raises(RunStuck, match="a fault of ours, with .*kapelle rerun run_.* --from STEP") as raised:
                await run.resume()
            assert "hunter22" not in str(raised.value)
            await asyncio.sleep(1)
            assert ledger.calls == ["a"]
        await run.rerun(from_="a")
        async with asyncio.timeout(10):
            assert (await run.wait()).status == "succeeded"
