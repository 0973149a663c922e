"""The worst case of a plan: calls, people asked, the longest chain."""

from decimal import Decimal

import pytest
from tests.builders import Ledger, again, each, plan_of, ref, step

from kapelle.budget.model import Usage
from kapelle.evidence.options import SearchOptions
from kapelle.plan.catalog import make_catalog
from kapelle.plan.estimate import estimate, longest_chain
from kapelle.plan.model import AnswerStep, ApprovalStep, Estimate, SearchStep, Step
from kapelle.tools.decorator import tool


@tool(timeout=2.0)
def slow() -> str:
    """Take two seconds at most."""
    return ""


CATALOG = make_catalog([*Ledger().tools, slow], [], [], tool_timeout=10.0)


def of(*steps: Step) -> Estimate:
    return estimate(plan_of(*steps), CATALOG)


def test_parallel_steps_are_as_long_as_the_longest() -> None:
    found = of(step("a"), step("b", "a"), step("c"), step("d", "b", "c"))
    assert (found.calls, found.critical_path) == (4, 3)
    assert found.seconds == 30.0


def test_a_steps_limit_counts_before_the_tools_and_the_tools_before_the_setting() -> None:
    assert of(step("a", uses="slow", inputs={})).seconds == 2.0
    assert of(step("a", uses="slow", timeout=7)).seconds == 7.0
    assert of(step("a")).seconds == 10.0


def test_a_map_counts_its_items_in_waves_of_its_width() -> None:
    found = of(each("m", [1, 2, 3, 4, 5], step("a"), step("b", "a"), width=2))
    assert (found.calls, found.critical_path) == (10, 6)


def test_a_map_over_a_reference_counts_its_limit() -> None:
    assert of(step("a"), each("m", ref("a"), step("b"), limit=50, width=50)).calls == 51


def test_a_map_over_nothing_costs_nothing() -> None:
    assert of(each("m", [], step("a"))).calls == 0


def test_a_repeat_counts_every_round() -> None:
    found = of(again("r", 3, step("a"), step("b", "a")))
    assert (found.calls, found.critical_path, found.seconds) == (6, 6, 60.0)


def test_a_person_is_counted_and_their_time_is_not() -> None:
    asked = ApprovalStep(id="ok", action="Go?")
    found = of(each("m", [1, 2, 3], asked))
    assert (found.approvals, found.seconds) == (3, 0.0)


def test_a_fallback_follows_the_step_it_stands_in_for() -> None:
    assert of(step("a", on_error={"fallback": "b"}), step("b"), step("c")).critical_path == 2


def test_nothing_of_it_costs_money() -> None:
    found = of(step("a"))
    assert str(found.usd) == "0"
    assert found.requests == 0


@pytest.mark.parametrize("length", [1, 500, 3_000])
def test_a_long_chain_is_measured_without_recursion(length: int) -> None:
    steps = tuple(step(f"s{n}", *([f"s{n - 1}"] if n else [])) for n in range(length))
    assert longest_chain(steps, lambda _: 1) == length


def test_what_a_model_may_take_is_counted_for_each_search_that_is_answered_and_each_that_it_helps() -> None:
    def most(model: str, options: SearchOptions | None) -> Usage:
        return Usage(requests=1 if options else 4, usd=Decimal("0.01") if options else Decimal("0.10"))

    known = make_catalog([], [], ["a"], most=most)
    plain = SearchStep(id="s", corpora=("a",), inputs={"query": "q"})
    helped = plain.model_copy(update={"id": "h", "options": SearchOptions(rerank=True)})
    mapped = each("m", ["x", "y", "z"], plain.model_copy(update={"id": "i"}))
    answer = AnswerStep(id="w", inputs={"sources": [ref("s"), ref("h"), ref("m")]})
    claims = AnswerStep(id="c", inputs={"sources": [ref("w")]})
    plan = plan_of(plain, helped, mapped, answer, claims)
    found = estimate(plan, known, "some:model")
    assert (found.requests, found.usd) == (1 + 4 * 5, Decimal("0.51"))
    assert estimate(plan, known).requests == 0
    unknown = make_catalog([], [], ["a"], most=lambda model, options: Usage(requests=1, usd=None))
    assert estimate(plan, unknown, "some:model").usd is None
    assert estimate(plan_of(claims), unknown, "some:model").usd == 0
