"""A step's own loop over restarts, on every durable engine: what it has called and asked is there again."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue
from tests.builders import Ledger, again, each, plan_of, ref
from tests.contract.engines import opened, settings_of

from kapelle.orchestrator import Orchestrator
from kapelle.plan.model import Plan, ToolStep
from kapelle.run.model import RunRecord
from kapelle.testing import asked
from kapelle.tools.decorator import tool
from kapelle.tools.model import Tool, ToolContext

Open = Callable[..., AbstractAsyncContextManager[tuple[Orchestrator, Ledger]]]


@pytest.fixture(params=["sqlite", "postgres"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    return partial(opened, request.param, tmp_path / "home", **settings_of(request.param, request))


class World:
    """A loop of four writes, and where it stops in each process."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.keys: set[str] = set()
        self.stop_before: int | None = None
        self.reached = asyncio.Event()

    def tools(self, *, asks: bool = False) -> tuple[Tool, ...]:
        @tool(effect="write")
        async def write(text: str, context: ToolContext) -> str:
            """Put a text."""
            self.calls[text] += 1
            self.keys.add(context.idempotency_key)
            return text.upper()

        @tool(timeout=60.0)
        async def loop(name: JsonValue, context: ToolContext) -> list[JsonValue]:
            """Put four texts, one after the other."""
            done: list[JsonValue] = []
            for number in range(4):
                if number == self.stop_before:
                    self.reached.set()
                    await asyncio.Event().wait()
                if asks and number == 2:
                    answer = await context.ask("Go on?", arguments={"done": done}, evidence=done)
                    done.append(answer.decision)
                done.append(await context.call(f"put {number}", write, text=f"{name}{number}"))
            return done

        return write, loop


def looped(id: str = "loop", name: JsonValue = "a") -> ToolStep:
    return ToolStep(id=id, tool="loop", inputs={"name": name})


async def begun(house: Orchestrator, plan: Plan) -> str:
    return (await house.start("do it", plan=plan, approve="never")).id


async def ended(house: Orchestrator, run: str) -> RunRecord:
    return await (await house.get(run).resume()).wait()


@pytest.mark.parametrize("stop", [1, 2, 3])
async def test_a_loop_goes_on_in_another_process_after_its_last_recorded_call(opening: Open, stop: int) -> None:
    world = World()
    world.stop_before = stop
    async with opening(*world.tools()) as (house, _):
        run = await begun(house, plan_of(looped()))
        await asyncio.wait_for(world.reached.wait(), 10)
    assert sum(world.calls.values()) == stop
    world.stop_before = None
    async with opening(*world.tools()) as (house, _):
        record = await ended(house, run)
        assert (record.status, record.output) == ("succeeded", ["A0", "A1", "A2", "A3"])
        (result,) = await house.get(run).steps()
        assert result.execution == 2
    assert set(world.calls.values()) == {1}
    assert len(world.keys) == 4


async def test_a_question_of_a_loop_is_the_same_over_crashes_before_and_after_its_decision(opening: Open) -> None:
    world = World()
    async with opening(*world.tools(asks=True)) as (house, _):
        run = await begun(house, plan_of(looped()))
        (first,) = await asked(house.get(run))
    async with opening(*world.tools(asks=True)) as (house, _):
        (same,) = await asked(house.get(run))
        assert (same.id, same.record.arguments_hash) == (first.id, first.record.arguments_hash)
        world.stop_before = 3
        await same.approve(by="bo")
        await house.get(run).resume()
        await asyncio.wait_for(world.reached.wait(), 10)
    world.stop_before = None
    async with opening(*world.tools(asks=True)) as (house, _):
        record = await ended(house, run)
        assert record.output == ["A0", "A1", "approved", "A2", "A3"]
        assert len(await house.approvals(run=run, pending=False)) == 1
        assert [entry.what for entry in await house.history(run=run)] == ["requested", "decided"]
    assert set(world.calls.values()) == {1}


@pytest.mark.parametrize("kind", ["map", "repeat"])
async def test_loops_in_items_and_rounds_have_journals_of_their_own(opening: Open, kind: str) -> None:
    world = World()
    world.stop_before = 2
    body = looped("in", ref("item" if kind == "map" else "round"))
    whole = each("m", ["x", "y"], body) if kind == "map" else again("m", 2, body)
    async with opening(*world.tools()) as (house, _):
        run = await begun(house, plan_of(whole))
        await asyncio.wait_for(world.reached.wait(), 10)
        await asyncio.sleep(0.1)
    world.stop_before = None
    async with opening(*world.tools()) as (house, _):
        assert (await ended(house, run)).status == "succeeded"
    assert len(world.calls) == 8
    assert set(world.calls.values()) == {1}


async def test_a_process_that_lost_its_run_records_no_call(opening: Open) -> None:
    """The journal is fenced as every other row of a run is."""
    world = World()
    world.stop_before = 2
    seen: list[Any] = []

    @tool(timeout=60.0)
    async def loses(context: ToolContext) -> JsonValue:
        """Lose the run between two calls."""
        put = world.tools()[0]
        await context.call("one", put, text="one")
        engine: Any = seen[0].parts.engine
        await engine._write(
            lambda connection: connection.exec_driver_sql("update runs set generation = generation + 1")
        )
        await context.call("two", put, text="two")
        return "never"

    async with opening(loses) as (house, _):
        seen.append(house)
        run = await begun(house, plan_of(ToolStep(id="s", tool="loses")))
        async with asyncio.timeout(10):
            while world.calls["two"] == 0:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        engine: Any = house.parts.engine
        rows = await engine._write(lambda connection: connection.exec_driver_sql("select call from journal").fetchall())
        assert [row[0] for row in rows] == ["one"]
        assert (await house.get(run).status()).status not in ("succeeded", "failed")
