"""Strategies write plans; the built-in ones for text, documents and comparisons."""

import pytest
from tests.builders import plan_of, step

from kapelle.errors import PlanError
from kapelle.plan.builder import Handle, Steps
from kapelle.plan.model import Plan, SearchStep
from kapelle.plan.strategies import ANSWER, COMPARE, EXTRACT, Known, Strategy, sides_of, strategy
from kapelle.task.model import Task

KNOWN = Known(corpora=("handbook", "wiki"))


def written(one: Strategy, prompt: str = "p", **arguments: object) -> Plan:
    return one.draft(Task(prompt=prompt), KNOWN, arguments).plan  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prompt", "sides"),
    [
        ("Compare plan A with plan B", ("plan A", "plan B")),
        ("Compare plan A and plan B.", ("plan A", "plan B")),
        ("Plan A vs. plan B", ("Plan A", "plan B")),
        ("tea versus coffee?", ("tea", "coffee")),
        ("Compare nothing", ("Compare nothing",)),
    ],
)
def test_the_sides_of_a_comparison_are_found(prompt: str, sides: tuple[str, ...]) -> None:
    assert tuple(sides_of(prompt)) == sides


def test_both_sides_share_the_words_before_them() -> None:
    first, second = sides_of("What is the difference in notice periods between interns and managers?")
    assert "notice periods" in first and "interns" in first
    assert "notice periods" in second and "managers" in second


def test_an_answer_searches_every_corpus() -> None:
    search = written(ANSWER, k=3).steps[0]
    assert isinstance(search, SearchStep)
    assert search.corpora == ("handbook", "wiki")
    assert search.inputs["k"] == 3


def test_a_comparison_searches_its_sides_at_once_and_goes_on_with_one() -> None:
    first, second, merged = written(COMPARE, "Compare plan A with plan B").steps
    assert (first.inputs["query"], second.inputs["query"]) == ("plan A", "plan B")
    assert first.after == second.after == ()
    assert merged.join == "any"


def test_an_extract_reads_the_prompt_with_five_tools_at_once() -> None:
    plan = written(EXTRACT)
    assert [one.kind for one in plan.steps] == ["tool"] * 5 + ["answer"]
    assert all(one.inputs["text"] == {"$ref": "task", "path": "/prompt"} for one in plan.steps[:5])


def test_an_argument_that_a_strategy_does_not_take_is_refused() -> None:
    with pytest.raises(PlanError, match="takes no argument `depth`"):
        written(ANSWER, depth=3)


def test_a_strategy_may_return_a_handle_its_steps_a_plan_or_nothing() -> None:
    whole = plan_of(step("a"))

    def handle(task: Task, s: Steps) -> Handle:
        first = s.tool("a")
        s.tool("b")
        return first

    def steps(task: Task, s: Steps) -> Steps:
        s.tool("a")
        return s

    def plan(task: Task, s: Steps) -> Plan:
        return whole

    def nothing(task: Task, s: Steps) -> None:
        s.tool("a")

    assert [written(strategy(one)).output for one in (handle, steps, plan, nothing)] == ["a", "a", "a", "a"]


def test_a_strategy_that_returns_something_else_is_told_so() -> None:
    @strategy
    def wrong(task: Task, s: Steps) -> int:
        return 3

    with pytest.raises(PlanError, match="not int"):
        written(wrong)


def test_the_docstring_says_why_unless_the_plan_does() -> None:
    @strategy(name="mine")
    def own(task: Task, s: Steps) -> None:
        """Do it my way.

        More.
        """
        s.tool("a")

    assert own.name == "mine"
    assert written(own).why == "Do it my way."


def test_the_functions_a_strategy_uses_as_agents_come_with_the_draft() -> None:
    async def think(topic: str) -> str:
        """Think."""
        return topic

    @strategy
    def own(task: Task, s: Steps) -> None:
        s.agent(think, topic="t")

    assert set(own.draft(Task(prompt="p"), KNOWN).agents) == {"think"}
