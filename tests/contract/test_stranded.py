"""A run that the code cannot go on with is kept, listed with its reason, and goes on once the code is mended."""

from pathlib import Path

import pytest
from tests.builders import plan_of, step
from tests.contract.engines import ENGINES, opened, settings_of

from kapelle.errors import RunStuck
from kapelle.plan.model import ToolStep
from kapelle.tools.decorator import tool


@tool(effect="write")
async def extra(number: int) -> int:
    """Count further."""
    return number + 1


PLAN = plan_of(step("a"), ToolStep(id="x", tool="extra", inputs={"number": 1}, after=("a",)))


@pytest.mark.parametrize("engine", [one for one in ENGINES if one != "inline"])
async def test_a_run_whose_tool_is_gone_waits_for_it(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    home, given = tmp_path / "home", settings_of(engine, request)
    async with opened(engine, home, extra, **given) as (house, _):
        run = (await house.start("do it", plan=PLAN)).id
        assert (await house.get(run).wait()).status == "waiting"
    async with opened(engine, home, **given) as (house, ledger):
        (asked,) = await house.approvals(run=run)
        await asked.approve()
        for _ in range(2):
            with pytest.raises(RunStuck, match="`extra`"):
                await house.get(run).resume()
        (stranded,) = await house.stranded()
        assert stranded.id == run
        assert stranded.stuck is not None
        assert not stranded.ended_already
        assert [one.id for one in await house.runs()] == [run]
        assert ledger.calls == []
    async with opened(engine, home, extra, **given) as (house, ledger):
        await house.get(run).resume()
        record = await house.get(run).wait()
        assert (record.status, record.output, record.stuck) == ("succeeded", 2, None)
        assert ledger.calls == []
        assert await house.stranded() == []


@pytest.mark.parametrize("engine", ENGINES)
async def test_what_is_recorded_by_an_engine_is_replayed(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with opened(engine, tmp_path, **settings_of(engine, request)) as (house, ledger):
        ledger.answers["a"] = "x" * 100_000
        run = await house.start("do it", plan=plan_of(step("a"), step("b", "a")), approve="never")
        await run.wait()
        done = await house.replay(run.id)
        assert (done.same, done.replayed) == (True, 2)
        assert ledger.calls == ["a", "b"]
