"""The committed pairs, and how a planner is scored on them."""

from collections import Counter
from pathlib import Path

import pytest
from tests.builders import Ledger, each, plan_of, step

from kapelle.errors import PlanError
from kapelle.orchestrator import Orchestrator
from kapelle.plan.builder import Steps
from kapelle.plan.catalog import make_catalog
from kapelle.plan.complete import complete
from kapelle.plan.evaluate import Pair, compare, evaluate, evaluation_set
from kapelle.plan.model import Plan
from kapelle.task.model import Task

CATALOG = make_catalog(Ledger().tools, [], [])
PLAN = complete(plan_of(step("a"), step("b", "a", uses="put")), Task(prompt="p"), CATALOG)


def test_the_set_has_every_shape_and_each_pair_its_own_id() -> None:
    pairs = evaluation_set()
    assert len(pairs) >= 48
    assert len({pair.id for pair in pairs}) == len({pair.prompt for pair in pairs}) == len(pairs)
    assert min(Counter(pair.shape for pair in pairs).values()) >= 5
    assert {pair.shape for pair in pairs} == {
        *("simple", "text", "knowledge", "search", "comparison", "decision", "incident", "issue")
    }


async def test_the_rules_make_a_valid_plan_of_every_pair_and_the_wanted_one_of_nearly_all() -> None:
    bare = Orchestrator(engine="inline")
    shelf = Orchestrator(engine="inline", corpora={"handbook": Path()})

    async def planning(task: Task, corpus: bool) -> Plan:
        return await (shelf if corpus else bare).plan(task)

    report = await evaluate(evaluation_set(), planning)
    assert report.valid == report.total
    assert report.pass_rate >= 0.95, [(one.id, one.reasons) for one in report.pairs if not one.passed]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"kinds": {"tool": 3}}, "2 tool steps, 3 wanted"),
        ({"kinds": {"search": 1}}, "0 search steps, 1 wanted"),
        ({"uses": ["drop"]}, "does not use `drop`"),
        ({"without": ["put"]}, "uses `put`"),
        ({"longest": 2}, "critical path of 3 steps, at most 2 wanted"),
        ({"approvals": 0}, "1 approvals, 0 wanted"),
    ],
)
def test_what_is_not_as_wanted_is_told(wanted: dict[str, object], words: str) -> None:
    pair = Pair.model_validate({"id": "x", "shape": "text", "prompt": "p", **wanted})
    assert compare(pair, PLAN) == [words]


def test_a_plan_as_wanted_has_no_reasons() -> None:
    pair = Pair(
        id="x", shape="text", prompt="p", kinds={"tool": 2, "approval": 1}, uses=("put",), longest=3, approvals=1
    )
    assert compare(pair, PLAN) == []


def test_steps_in_bodies_count() -> None:
    plan = complete(plan_of(each("m", [1], step("a"))), Task(prompt="p"), CATALOG)
    assert compare(Pair(id="x", shape="text", prompt="p", uses=("note",), kinds={"map": 1, "tool": 1}), plan) == []


async def test_a_planner_that_refuses_is_counted_as_not_valid() -> None:
    async def planning(task: Task, corpus: bool) -> Plan:
        if corpus:
            raise PlanError("no")
        s = Steps()
        s.tool("note", name="a")
        return complete(s.draft(), task, CATALOG)

    pairs = [Pair(id="1", shape="a", prompt="p"), Pair(id="2", shape="b", prompt="p", corpus=True)]
    report = await evaluate(pairs, planning)
    assert (report.total, report.passed, report.valid, report.pass_rate) == (2, 1, 1, 0.5)
    assert report.by_shape == {"a": "1/1", "b": "0/1"}
    assert report.pairs[1].reasons == ("no valid plan: no",)


async def test_no_pairs_make_an_empty_report() -> None:
    async def planning(task: Task, corpus: bool) -> Plan:
        raise AssertionError

    assert (await evaluate([], planning)).pass_rate == 0.0
