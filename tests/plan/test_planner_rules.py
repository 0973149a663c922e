"""The order in which the rules choose, and the person a task asks for."""

from typing import Any

import pytest

from kapelle.errors import PlanError
from kapelle.plan.builder import Steps
from kapelle.plan.model import ApprovalStep, Plan
from kapelle.plan.planner_rules import RulePlanner
from kapelle.plan.strategies import Known, Strategy, strategy
from kapelle.task.model import StrategyCall, Task


@strategy(matches=lambda features, task: "mine" in features.words)
def own(task: Task, s: Steps, depth: int = 1) -> None:
    s.tool("note", name=str(depth))


@strategy(matches=lambda features, task: features.compare)
def late(task: Task, s: Steps) -> None:
    s.tool("note", name="late")


@strategy
def by_name_only(task: Task, s: Steps) -> None:
    s.tool("note", name="x")


STRATEGIES: tuple[Strategy, ...] = (own, late, by_name_only)


def chosen(prompt: str, *corpora: str, strategies: tuple[Strategy, ...] = STRATEGIES, **task: Any) -> str:
    return RulePlanner(strategies, Known(corpora)).choose(Task(prompt=prompt, **task)).name


def named(name: str, **arguments: Any) -> dict[str, Any]:
    return {"strategy": StrategyCall(name=name, arguments=arguments)}


@pytest.mark.parametrize(
    ("prompt", "corpora", "expected"),
    [
        ("this is mine", (), "own"),
        ("compare mine with yours", ("c",), "own"),
        ("compare a with b", ("c",), "late"),
        ("how long?", ("c",), "answer"),
        ("how long?", (), "extract"),
    ],
)
def test_the_first_that_matches_is_chosen(prompt: str, corpora: tuple[str, ...], expected: str) -> None:
    assert chosen(prompt, *corpora) == expected


def test_a_comparison_needs_a_corpus() -> None:
    assert chosen("compare a with b", "c", strategies=()) == "compare"
    assert chosen("compare a with b", strategies=()) == "extract"


def test_a_named_strategy_wins() -> None:
    assert chosen("this is mine", "c", **named("by_name_only")) == "by_name_only"
    assert chosen("this is mine", **named("extract")) == "extract"


def test_an_unknown_name_is_told_with_those_there_are() -> None:
    with pytest.raises(PlanError, match="there is no strategy `ow`; known: answer, by_name_only, compare"):
        chosen("p", **named("ow"))


@pytest.mark.parametrize("name", ["answer", "compare"])
def test_a_strategy_over_documents_needs_some(name: str) -> None:
    with pytest.raises(PlanError, match="--corpus"):
        chosen("p", **named(name))


async def test_arguments_reach_the_strategy() -> None:
    draft = await RulePlanner(STRATEGIES, Known()).draft(Task(prompt="p", **named("own", depth=4)))
    assert draft.plan.steps[0].inputs == {"name": "4"}
    assert draft.plan.planner == "rules"


async def test_the_same_task_gets_the_same_plan() -> None:
    planner = RulePlanner((), Known(("c",)))
    task = Task(prompt="Compare tea with coffee")
    assert (await planner.draft(task)).plan == (await planner.draft(task)).plan


async def planned(prompt: str, *corpora: str) -> Plan:
    return (await RulePlanner((), Known(corpora)).draft(Task(prompt=prompt))).plan


@pytest.mark.parametrize(
    "prompt",
    [
        "Write the notice and wait for my approval.",
        "Ask a human before you answer.",
        "Look it up, subject to my sign-off.",
        "Let me confirm the text.",
        "Do not finish without my manager's approval",
    ],
)
async def test_a_task_that_asks_for_a_person_gets_one_before_its_verdict(prompt: str) -> None:
    plan = await planned(prompt, "c")
    (asked,) = [one for one in plan.steps if isinstance(one, ApprovalStep)]
    assert asked.id in plan.steps[-1].after
    assert plan.steps[-1].kind == "verdict"
    assert plan.output == plan.steps[-1].id


@pytest.mark.parametrize(
    "prompt",
    [
        "Who gives approval for travel?",
        "Summarize the approval process.",
        "How many approvals were rejected?",
        "What does the policy say about asking a person?",
    ],
)
async def test_a_task_about_approvals_asks_nobody(prompt: str) -> None:
    plan = await planned(prompt, "c")
    assert not any(isinstance(one, ApprovalStep) for one in plan.steps)
