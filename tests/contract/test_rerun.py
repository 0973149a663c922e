"""What every engine must do when a run is done again from a step on, or forked there."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue
from tests.builders import Ledger, again, each, plan_of, ref, step
from tests.contract.engines import ENGINES, opened, settings_of, until

from kapelle.errors import BadInput, PlanError, Refused, RunStuck
from kapelle.handles import Run
from kapelle.orchestrator import Orchestrator
from kapelle.plan.model import Plan, ToolStep
from kapelle.run.model import RunRecord
from kapelle.tools.decorator import tool
from kapelle.tools.model import ToolContext

House = tuple[Orchestrator, Ledger]
DIAMOND = plan_of(step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c"))


@pytest.fixture(params=ENGINES)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    async with opened(request.param, tmp_path / "home", **settings_of(request.param, request)) as made:
        yield made


@pytest.fixture(params=ENGINES)
def engine_home(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, dict[str, Any]]:
    """An engine, its home and its settings, for a test that opens it more than once."""
    return request.param, tmp_path / "home", settings_of(request.param, request)


async def done(house: House, plan: Plan, **fields: Any) -> Run:
    run = await house[0].start("do it", plan=plan, **{"approve": "never", **fields})
    await run.wait()
    return run


async def results(run: Run) -> dict[str, Any]:
    return {one.path: one for one in await run.steps()}


async def test_only_a_step_and_what_depends_on_it_is_done_again(house: House) -> None:
    run = await done(house, DIAMOND)
    house[1].calls.clear()
    await run.rerun(from_="b")
    assert (await run.wait()).status == "succeeded"
    assert house[1].calls == ["b", "d"]
    revisions = {path: one.revision for path, one in (await results(run)).items()}
    assert revisions == {"a": 0, "c": 0, "b": 1, "d": 1}


async def test_a_rerun_can_itself_be_done_again(house: House) -> None:
    run = await done(house, DIAMOND)
    for number in (1, 2):
        await run.rerun(from_="d")
        assert (await run.wait()).status == "succeeded"
        assert (await results(run))["d"].revision == number
    assert house[1].counted["d"] == 3
    assert house[1].counted["a"] == 1


async def test_the_story_of_a_rerun_is_told_in_the_same_log(house: House) -> None:
    run = await done(house, DIAMOND)
    before = (await run.status()).seq
    await run.rerun(from_="b", by="bo")
    await run.wait()
    events = [event async for event in run.events(follow=False)]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    planned = events[before]
    assert planned.kind == "run.planned"
    assert (planned.data["from"], planned.data["by"]) == ("b", "bo")
    assert planned.data["again"] == ["b", "d"]
    kinds = [(event.kind, event.path) for event in events[before:] if event.path in ("b", "d")]
    assert kinds == [(kind, path) for path in ("b", "d") for kind in ("step.started", "step.finished")]


async def test_a_failed_run_succeeds_from_the_step_that_failed(house: House) -> None:
    house[1].answers["b"] = RuntimeError("the pump is broken")
    run = await done(house, DIAMOND)
    assert (await run.status()).status == "failed"
    del house[1].answers["b"]
    await run.rerun(from_="b")
    record = await run.wait()
    assert (record.status, record.error) == ("succeeded", None)
    assert house[1].counted["a"] == house[1].counted["c"] == 1


async def test_edited_inputs_are_used_and_told(house: House) -> None:
    run = await done(house, DIAMOND)
    house[1].calls.clear()
    await run.rerun(from_="b", set={"/inputs/name": "other"}, by="bo")
    await run.wait()
    assert house[1].calls == ["other", "d"]
    (told,) = [one.data async for one in run.events(follow=False) if one.kind == "run.planned" and "set" in one.data]
    assert told["set"] == {"/inputs/name": "other"}
    plan = (await run.status()).plan
    assert plan is not None
    assert plan.steps[1].inputs["name"] == "other"
    assert plan.id == told["plan"]


@pytest.mark.parametrize(
    ("edits", "field"),
    [
        ({"/inputs/nam": 1}, "inputs.nam"),
        ({"/inputs/name": 3}, "inputs.name"),
        ({"/inputs/given/0/$ref": "nobody"}, "inputs"),
        ({"/tool": "put"}, "/tool"),
        ({"/inputs/given/7": 1}, "/inputs/given/7"),
        ({"/inputs/name": "ghp_abcdefghijklmnopqrstuvwxyz0123456789"}, "inputs.name"),
    ],
)
async def test_edits_that_make_no_valid_plan_change_nothing(house: House, edits: dict[str, Any], field: str) -> None:
    run = await done(house, DIAMOND)
    before = await run.status()
    with pytest.raises(PlanError) as refused:
        await run.rerun(from_="b", set=edits)
    assert [getattr(one, "field", "") for one in refused.value.problems] == [field]
    assert await run.status() == before
    assert house[1].counted["b"] == 1


async def test_every_problem_of_an_edit_is_told(house: House) -> None:
    run = await done(house, DIAMOND)
    with pytest.raises(PlanError) as refused:
        await run.rerun(from_="b", set={"/inputs/nam": 1, "/inputs/name": 3})
    assert len(refused.value.problems) == 2


async def test_a_step_that_is_not_there_is_refused(house: House) -> None:
    run = await done(house, plan_of(each("m", [1, 2], step("b"))))
    for path in ("x", "m/b", "m/0", "m/9/b", "m/0/b/1", ""):
        with pytest.raises(BadInput, match="`"):
            await run.rerun(from_=path)
    assert (await run.status()).status == "succeeded"


async def test_one_item_of_a_map_is_done_again_without_the_others(house: House) -> None:
    body = (step("x"), step("y", "x"))
    run = await done(house, plan_of(each("m", [1, 2, 3], *body), step("z", "m")))
    house[1].calls.clear()
    await run.rerun(from_="m/1/y")
    assert (await run.wait()).status == "succeeded"
    assert house[1].calls == ["y", "z"]
    revisions = {path: one.revision for path, one in (await results(run)).items()}
    assert {path for path, revision in revisions.items() if revision == 1} == {"m/1/y", "m", "z"}


async def test_an_edit_within_a_map_is_done_for_every_item(house: House) -> None:
    run = await done(house, plan_of(each("m", [1, 2, 3], step("x"), step("y", "x"))))
    house[1].calls.clear()
    await run.rerun(from_="m/1/y", set={"/inputs/name": "v"})
    assert (await run.wait()).output == ["v", "v", "v"]
    assert house[1].calls == ["v", "v", "v"]


async def test_the_rounds_after_a_round_are_done_again(house: House) -> None:
    loop = again("r", 3, step("x", inputs={"given": ref("last")}))
    run = await done(house, plan_of(loop, step("z", "r")))
    house[1].calls.clear()
    await run.rerun(from_="r/1/x")
    assert (await run.wait()).status == "succeeded"
    assert house[1].calls == ["x", "x", "z"]
    assert (await results(run))["r/0/x"].revision == 0


async def test_a_repeated_write_is_approved_again_and_its_key_is_new(house: House) -> None:
    run = await done(house, plan_of(step("a"), step("w", "a", uses="put"), step("z", "w")), approve="writes")
    (asked,) = await house[0].approvals(run=run.id)
    await asked.approve()
    await run.resume()
    assert (await run.wait()).status == "succeeded"
    ahead = await run.look_ahead(from_="w")
    assert [(one.path, one.tool, one.status) for one in ahead.effects] == [("w", "put", "succeeded")]
    assert ahead.again == ("approve_w", "w", "z")
    await run.rerun(from_="w")
    assert (await run.wait()).status == "waiting"
    assert house[1].counted["w"] == 1
    (asked,) = await house[0].approvals(run=run.id)
    await asked.approve()
    await run.resume()
    assert (await run.wait()).status == "succeeded"
    assert house[1].counted["w"] == 2


async def test_an_edited_write_is_approved_with_what_will_be_done(house: House) -> None:
    run = await done(house, plan_of(step("w", uses="put")), approve="writes")
    (asked,) = await house[0].approvals(run=run.id)
    await asked.approve()
    await run.resume()
    await run.wait()
    await run.rerun(from_="w", set={"/inputs/name": "other"})
    await run.wait()
    (asked,) = await house[0].approvals(run=run.id)
    assert asked.record.arguments == {"name": "other"}
    await asked.approve()
    await run.resume()
    assert (await run.wait()).status == "succeeded"
    assert house[1].calls == ["w", "other"]


async def test_a_question_that_is_asked_again_can_no_longer_be_decided(house: House) -> None:
    run = await done(house, plan_of(step("a"), step("w", "a", uses="put")), approve="writes")
    (first,) = await house[0].approvals(run=run.id)
    await run.rerun(from_="a")
    await run.wait()
    (second,) = await house[0].approvals(run=run.id)
    assert second.id != first.id
    with pytest.raises(Refused):
        await first.approve()
    assert house[1].calls == ["a", "a"]


async def test_a_cancelled_run_goes_on_and_what_was_taken_back_is_done_again(house: House) -> None:
    booked = step("w", uses="put", undo={"tool": "drop", "inputs": {"name": ref("w")}})
    asked = plan_of(step("a"), booked, step("z", "w", uses="put", after=["w"]))
    run = await done(house, asked, approve="writes")
    (first,) = await house[0].approvals(run=run.id)
    await first.approve()
    await run.resume()
    await run.wait()
    await run.cancel()
    assert (await run.wait()).status == "cancelled"
    house[1].calls.clear()
    await run.rerun(from_="z")
    await run.wait()
    for _ in range(2):
        for one in await house[0].approvals(run=run.id):
            await one.approve()
        await run.resume()
        await run.wait()
    assert (await run.status()).status == "succeeded"
    assert house[1].calls == ["w", "z"]


async def test_a_run_that_is_being_walked_is_left_alone(house: House) -> None:
    house[1].held["b"] = asyncio.Event()
    run = await house[0].start("do it", plan=DIAMOND, approve="never")
    await until(house[0], run.id, "running")
    with pytest.raises(Refused, match="being walked"):
        await run.rerun(from_="a")
    house[1].held["b"].set()
    assert (await run.wait()).status == "succeeded"


async def test_a_fork_goes_on_by_itself_and_leaves_the_other_as_it_was(house: House) -> None:
    run = await done(house, DIAMOND)
    before = (await run.status(), await run.steps(), [event async for event in run.events(follow=False)])
    house[1].calls.clear()
    fork = await run.fork(from_="c", set={"/inputs/name": "other"})
    record = await fork.wait()
    assert record.status == "succeeded"
    assert house[1].calls == ["other", "d"]
    assert fork.id != run.id
    assert {one.path: one.revision for one in await fork.steps()} == dict.fromkeys(("a", "b", "c", "d"), 0)
    events = [event async for event in fork.events(follow=False)]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[0].data["forked_from"] == run.id
    assert {event.path for event in events if event.path} == {"c", "d"}
    assert (await run.status(), await run.steps(), [event async for event in run.events(follow=False)]) == before


async def test_a_fork_of_a_run_that_waits_asks_for_itself(house: House) -> None:
    run = await done(house, plan_of(step("a"), step("w", "a", uses="put")), approve="writes")
    fork = await run.fork(from_="w")
    assert (await fork.wait()).status == "waiting"
    assert house[1].calls == ["a"]
    (asked,) = await house[0].approvals(run=fork.id)
    await asked.approve()
    await fork.resume()
    assert (await fork.wait()).status == "succeeded"
    assert (await run.status()).status == "waiting"


async def test_large_outputs_are_kept_by_a_rerun_and_shared_by_a_fork(house: House) -> None:
    large = "x" * 200_000
    house[1].answers["a"] = large
    run = await done(house, DIAMOND)
    fork = await run.fork(from_="d")
    await fork.wait()
    assert (await results(fork))["a"].output == large
    await run.rerun(from_="d")
    await run.wait()
    assert (await results(run))["a"].output == large


async def test_a_rerun_that_the_code_cannot_do_changes_nothing(engine_home: tuple[str, Path, dict[str, Any]]) -> None:
    engine, home, given = engine_home
    plan = plan_of(step("a"), step("b", "a"), output="b")
    async with opened(engine, home, **given) as house:
        run = await done(house, plan)
        before = await run.status()
        tools = house[0].parts.tools
        tools._tools.pop("note")  # type: ignore[attr-defined]
        house[0].parts._catalog = None
        for act in (run.rerun, run.fork):
            with pytest.raises(RunStuck, match="`note`"):
                await act(from_="b")
        assert await run.status() == before
        assert len(await house[0].runs()) == 1


async def test_a_rerun_survives_the_end_of_its_process_before_it_is_walked(
    engine_home: tuple[str, Path, dict[str, Any]],
) -> None:
    engine, home, given = engine_home
    async with opened(engine, home, **given) as house:
        run = await done(house, DIAMOND)
        await house[0].parts.engine.rerun(await run.look_ahead(from_="b"))
        if engine == "inline":
            await run.resume()
            assert (await run.wait()).status == "succeeded"
            return
    async with opened(engine, home, **given) as house:
        run = house[0].get(run.id)
        assert [one.id for one in await house[0].interrupted()] == [run.id]
        await run.resume()
        assert (await run.wait()).status == "succeeded"
        assert house[1].calls == ["b", "d"]


async def test_two_reruns_at_once_do_not_both_take_place(house: House) -> None:
    run = await done(house, DIAMOND)
    house[1].calls.clear()
    first, second = await run.look_ahead(from_="b"), await run.look_ahead(from_="c")
    engine = house[0].parts.engine
    outcomes = await asyncio.gather(engine.rerun(first), engine.rerun(second), return_exceptions=True)
    assert sum(isinstance(one, Refused) for one in outcomes) == 1
    await run.resume()
    assert (await run.wait()).status == "succeeded"
    assert len(house[1].calls) == 2


BACK = {"tool": "drop", "inputs": {"name": "paid"}}
PAID = plan_of(step("pay", uses="put", undo=BACK), step("s", "pay"), step("t", "s"))


async def cancelled_at(run: Run, ledger: Ledger, name: str) -> RunRecord:
    """Cancel a run while a step of it is held."""
    async with asyncio.timeout(10):
        while ledger.calls[-1:] != [name]:
            await asyncio.sleep(0.01)
    await run.cancel()
    return await run.wait()


async def test_a_fork_takes_nothing_back_that_the_other_run_did(house: House) -> None:
    run = await done(house, PAID)
    house[1].held["s"] = asyncio.Event()
    fork = await run.fork(from_="s")
    record = await cancelled_at(fork, house[1], "s")
    assert (record.status, record.error) == ("cancelled", None)
    assert "drop paid" not in house[1].calls


@pytest.mark.parametrize(("again", "left"), [("pay", True), ("s", False)])
async def test_what_was_done_before_a_rerun_is_told_when_it_is_not_taken_back(
    house: House, again: str, left: bool
) -> None:
    run = await done(house, PAID)
    house[1].held["t"] = asyncio.Event()
    house[1].calls.clear()
    await run.rerun(from_=again)
    record = await cancelled_at(run, house[1], "t")
    assert house[1].counted["drop paid"] == 1
    told = record.error.message if record.error else ""
    assert told == ("`pay` was done before a rerun: that is not taken back" if left else "")


async def test_what_was_taken_back_is_not_told_again_after_a_rerun(house: House) -> None:
    house[1].held["t"] = asyncio.Event()
    run = await house[0].start("do it", plan=PAID, approve="never")
    for _ in range(2):
        record = await cancelled_at(run, house[1], "t")
        assert (record.status, record.error) == ("cancelled", None)
        await run.rerun(from_="t")
    assert house[1].counted["drop paid"] == 2
    await run.cancel()
    await run.wait()


async def test_writes_that_a_step_made_in_a_loop_of_its_own_are_among_what_would_be_changed_again(
    engine_home: tuple[str, Path, dict[str, Any]],
) -> None:
    @tool
    async def both(context: ToolContext) -> JsonValue:
        """Change two things and look at one."""
        made = [await context.call(f"p{number}", "put", name=f"p{number}") for number in (1, 2)]
        return [*made, await context.call("n", "note", name="n")]

    engine, home, settings = engine_home
    async with opened(engine, home, both, **settings) as made:
        run = await done(made, plan_of(ToolStep(id="lo", tool="both"), step("z", "lo")))
        assert (await run.status()).status == "succeeded"
        ahead = await run.look_ahead(from_="lo")
        assert [(one.path, one.tool, one.status) for one in ahead.effects] == [("lo", "put", "succeeded")]
        assert (await run.look_ahead(from_="z")).effects == ()
