"""The test kit, and the approvals guide whose examples it appears in."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue
from tests.builders import plan_of, step

from kapelle import clock
from kapelle.handles import Run
from kapelle.orchestrator import Orchestrator
from kapelle.plan.model import ApprovalStep
from kapelle.settings import load_settings
from kapelle.testing import Modify, ScriptedApprover, asked, race, set_clock
from kapelle.tools.decorator import tool
from kapelle.tools.model import ToolContext

GUIDE = (Path(__file__).parents[1] / "docs" / "approvals.md").read_text()


def examples() -> dict[str, Any]:
    """What the guide's Python defines."""
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL):
        exec(compile(code, "approvals.md", "exec"), names)
    return names


@tool
async def note(name: str) -> str:
    """Note."""
    return name


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Orchestrator]:
    settings = load_settings(home=tmp_path)
    async with Orchestrator(tools=[note], settings=settings, packs=[], engine="inline") as made:
        yield made


async def begun(house: Orchestrator, *names: str) -> Run:
    asks = [ApprovalStep(id=name, action=f"Do {name}?", inputs={"arguments": {"name": name}}) for name in names]
    return await house.start("do it", plan=plan_of(*asks, step("a", after=list(names))), approve="never")


async def test_a_script_decides_each_question_in_turn(house: Orchestrator) -> None:
    run = await begun(house, "x", "y")
    approver = ScriptedApprover(["approve", Modify({"name": "z"}, reason="better")], by="ann")
    await run.result(approver=approver)
    outputs = {one.path: one.output for one in await run.steps()}
    assert [record.action for record in approver.seen] == ["Do x?", "Do y?"]
    assert isinstance(outputs["y"], dict)
    assert (outputs["y"]["arguments"], outputs["y"]["by"], outputs["y"]["reason"]) == ({"name": "z"}, "ann", "better")


async def test_a_script_that_is_too_short_says_which_question_it_misses(house: Orchestrator) -> None:
    run = await begun(house, "x", "y")
    with pytest.raises(LookupError, match=r"1 decisions; question 2 is: Do y\?"):
        await run.result(approver=ScriptedApprover(["approve"]))


async def test_a_function_may_decide(house: Orchestrator) -> None:
    run = await begun(house, "x", "y")
    await run.result(approver=ScriptedApprover(lambda record: "reject" if record.path == "y" else "approve"))
    assert (await run.status()).status == "failed"


async def test_the_clock_goes_where_it_is_told_and_back_afterwards() -> None:
    before = clock.now()
    with set_clock() as time:
        time.advance(100)
        time.advance(100)
        assert timedelta(seconds=199) < clock.now() - before < timedelta(seconds=210)
        assert abs(time.go_to(before + timedelta(days=3)) - before - timedelta(days=3)) < timedelta(seconds=1)
    assert clock.now() - before < timedelta(seconds=60)


async def test_waiting_for_a_question_ends_when_there_will_be_none(house: Orchestrator) -> None:
    run = await house.start("do it", plan=plan_of(step("a")), approve="never")
    with pytest.raises(AssertionError, match="succeeded and asks nothing"):
        await asked(run)
    waiting = await begun(house, "x")
    with pytest.raises(AssertionError, match="does not ask 2 questions"):
        await asked(waiting, count=2, seconds=0.1)


async def test_a_race_has_one_winner_and_the_rest_are_told(house: Orchestrator) -> None:
    run = await begun(house, "x")
    handles = [(await asked(run))[0] for _ in range(3)]
    result = await race(handles[0].approve, partial(handles[1].reject, by="bo"), partial(handles[2].approve, by="cy"))
    assert result.winner is not None
    assert len(result.losers) == 2


async def test_the_tests_of_the_guide_pass(tmp_path: Path) -> None:
    names = examples()

    @tool
    async def find_order(text: str) -> dict[str, JsonValue]:
        """Find an order."""
        return {"id": text.rsplit(maxsplit=1)[-1], "amount": 9}

    @tool(effect="write")
    async def pay_back(order: str, amount: int) -> str:
        """Pay back."""
        return f"{order}: {amount}"

    @tool
    async def write_letter(text: str) -> str:
        """Write a letter."""
        return text

    # In the guide's own test a deterministic planner would choose among all strategies; here there is one.
    settings = load_settings(home=tmp_path)
    tools = [find_order, pay_back, write_letter]
    refund = names["refund"]
    async with Orchestrator(tools=tools, strategies=[refund], settings=settings, packs=[], engine="inline") as house:
        start, run_async = house.start, house.run_async
        house.start = partial(start, strategy=refund, approve="never")  # type: ignore[method-assign]
        house.run_async = partial(run_async, strategy=refund, approve="never")  # type: ignore[method-assign]
        await asyncio.wait_for(names["test_refunds"](house), 10)


async def test_the_loop_of_the_guide_asks_and_then_removes_what_was_agreed(tmp_path: Path) -> None:
    clean_up = examples()["clean_up"]
    removed: list[str] = []

    @tool
    async def find_old_files() -> list[str]:
        """Find old files."""
        return ["a", "b", "c"]

    @tool(effect="write")
    async def remove_file(name: str, context: ToolContext) -> str:
        """Remove a file."""
        removed.append(f"{name} {context.idempotency_key.split(':')[2]}")
        return name

    settings, tools = load_settings(home=tmp_path), [clean_up, find_old_files, remove_file]
    async with Orchestrator(tools=tools, settings=settings, packs=[], engine="inline") as house:
        plan = plan_of(step("c", uses="clean_up").model_copy(update={"inputs": {}}))
        run = await house.start("clean up", plan=plan)
        approver = ScriptedApprover([Modify({"files": ["a", "c"]}), "approve", "approve"])
        await run.result(approver=approver)
        assert (await run.status()).output == ["a", "c"]
    assert removed == ["a remove a", "c remove c"]
    assert [one.tool for one in approver.seen] == [None, "remove_file", "remove_file"]
