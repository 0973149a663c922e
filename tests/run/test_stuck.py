"""Whether a run can go on with the code as it is."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import JsonValue
from tests.builders import Ledger, done, each, plan_of, step

from kapelle.agents.spec import agent
from kapelle.plan.catalog import Catalog, make_catalog
from kapelle.plan.model import AgentStep, Plan, UnknownStep
from kapelle.run.model import RunRecord, StepResult, Stuck
from kapelle.run.stuck import held_back, stuck_reason
from kapelle.task.model import Task
from kapelle.tools.decorator import tool

TOOLS = Ledger().tools
ALL: Catalog = make_catalog(TOOLS, (), ())
WITHOUT_PUT = make_catalog([one for one in TOOLS if one.name != "put"], (), ())
PLAN = plan_of(step("a"), step("w", "a", uses="put"), step("z", "w"))


def record(plan: Plan | None = PLAN, **fields: Any) -> RunRecord:
    task = Task(prompt="do it")
    return RunRecord(
        **{"id": "run_1", "owner": "a/b", "task": task, "plan": plan, "created": datetime.now(UTC), **fields}
    )


def by_path(*results: StepResult) -> dict[str, StepResult]:
    return {one.path: one for one in results}


def test_a_run_whose_tools_are_there_goes_on() -> None:
    assert stuck_reason(record(), {}, ALL) is None


def test_a_tool_that_is_gone_holds_a_run_back_unless_its_step_is_done() -> None:
    reason = stuck_reason(record(), by_path(done("a")), WITHOUT_PUT)
    assert reason is not None
    assert "`w`" in reason
    assert "`put`" in reason
    assert stuck_reason(record(), by_path(done("a"), done("w")), WITHOUT_PUT) is None
    suspended = StepResult(path="w", status="suspended", waits_for="date:2030-01-01")
    assert stuck_reason(record(), by_path(suspended), WITHOUT_PUT) is not None


UNDOABLE = step("w", uses="put", undo={"tool": "drop", "inputs": {"name": "w"}})
WITHOUT_DROP = make_catalog([one for one in TOOLS if one.name != "drop"], (), ())


@pytest.mark.parametrize(
    ("plan", "path"),
    [(plan_of(UNDOABLE, step("z", "w")), "w"), (plan_of(each("m", [1], UNDOABLE), step("z", "m")), "m/0/w")],
)
def test_what_could_not_be_taken_back_holds_a_run_back(plan: Plan, path: str) -> None:
    for results in ({}, by_path(done(path))):
        assert "taken back by the tool `drop`" in str(stuck_reason(record(plan), results, WITHOUT_DROP))
    assert stuck_reason(record(plan), by_path(done(path)), ALL) is None


def test_of_a_run_that_is_to_be_cancelled_only_what_takes_it_back_counts() -> None:
    plan, late = plan_of(UNDOABLE, step("z", "w", uses="put")), by_path(done("w"))
    cancelled = record(plan, cancel_requested=True, stuck=Stuck(reason="z", registry=WITHOUT_PUT.hash))
    assert held_back(cancelled, late, WITHOUT_PUT) is None
    assert held_back(cancelled, late, WITHOUT_DROP) is not None
    assert held_back(cancelled, {}, WITHOUT_DROP) is None


def test_an_agent_that_is_gone_holds_a_run_back() -> None:
    async def sums(number: int) -> int:
        """Sum."""
        return number

    plan = plan_of(AgentStep(id="s", agent="sums", inputs={"number": 1}))
    assert "`sums`" in str(stuck_reason(record(plan), {}, ALL))
    assert stuck_reason(record(plan), {}, make_catalog((), [agent(sums)], ())) is None


@pytest.mark.parametrize("within", [False, True])
def test_an_argument_that_became_required_or_went_holds_a_run_back(within: bool) -> None:
    @tool
    async def note(name: str, urgency: int) -> JsonValue:
        """Note."""
        return name

    plan = plan_of(each("m", [1], step("x"))) if within else plan_of(step("x"))
    reason = stuck_reason(record(plan), {}, make_catalog([note], (), ()))
    assert "urgency" in str(reason)
    assert ("`m/x`" in str(reason)) == within
    gone = stuck_reason(record(plan_of(step("x"), step("y", "x"))), by_path(done("x")), make_catalog([note], (), ()))
    assert "given" in str(gone)


def test_the_items_of_a_finished_map_are_done() -> None:
    plan = plan_of(each("m", [1], step("x", uses="put")), step("z", "m"))
    assert stuck_reason(record(plan), by_path(done("m/0/x")), WITHOUT_PUT) is not None
    assert stuck_reason(record(plan), by_path(done("m/0/x"), done("m", ["x"])), WITHOUT_PUT) is None


def test_a_step_of_an_unknown_kind_holds_a_run_back_unless_it_is_done() -> None:
    plan = plan_of(UnknownStep(id="hook", of="webhook"), step("z", after=["hook"]))
    assert "`webhook`" in str(stuck_reason(record(plan), {}, ALL))
    assert stuck_reason(record(plan), by_path(done("hook")), ALL) is None


def test_what_has_ended_is_never_held_back_and_what_cannot_be_read_always() -> None:
    assert stuck_reason(record(status="failed"), {}, WITHOUT_PUT) is None
    assert stuck_reason(record(None, unreadable="too new"), {}, ALL) == "too new"


def test_a_run_that_was_held_back_is_looked_at_again_once_the_code_is_another() -> None:
    first = held_back(record(), {}, WITHOUT_PUT)
    assert first is not None
    assert first.registry == WITHOUT_PUT.hash
    assert held_back(record(stuck=first), {}, WITHOUT_PUT) == first
    assert held_back(record(stuck=first), {}, ALL) is None
    assert held_back(record(stuck=Stuck(reason="was", registry=ALL.hash)), {}, ALL) is not None
