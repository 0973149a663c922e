"""Needless sequencing goes; data, writes and people stay in order."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import Ledger, each, plan_of, step, when

from kapelle.plan.catalog import make_catalog
from kapelle.plan.estimate import estimate
from kapelle.plan.graph import graph_of
from kapelle.plan.model import ApprovalStep, Plan, Step, walk_steps
from kapelle.plan.optimize import optimize
from kapelle.plan.validate import validate

CATALOG = make_catalog(Ledger().tools, [], [])


def after(*steps: Step) -> dict[str, tuple[str, ...]]:
    return {one.id: one.after for one in walk_steps(optimize(plan_of(*steps), CATALOG).steps)}


def test_reading_needs_no_order() -> None:
    assert after(step("a"), step("b", after=["a"]))["b"] == ()


def test_reading_needs_no_exclusiveness() -> None:
    (eased,) = optimize(plan_of(step("a", exclusive=True)), CATALOG).steps
    assert not eased.exclusive


def test_a_write_keeps_its_place() -> None:
    kept = after(step("w", uses="put"), step("a", after=["w"]), step("v", uses="put", after=["a"], exclusive=True))
    assert kept["a"] == ("w",)
    assert kept["v"] == ("a",)


def test_a_read_behind_reads_stays_behind_the_write_before_them() -> None:
    kept = after(step("w", uses="put"), step("a", after=["w"]), step("b", after=["a"]))
    assert kept == {"w": (), "a": ("w",), "b": ("w",)}


def test_a_write_behind_reads_stays_behind_each_of_them() -> None:
    kept = after(step("a"), step("b", after=["a"]), step("w", uses="put", after=["b"]))
    assert (kept["b"], set(kept["w"])) == ((), {"a", "b"})


def test_a_write_that_can_do_without_an_input_waits_for_nothing_more() -> None:
    kept = after(step("a"), step("b", after=["a"]), step("w", "b", uses="put", join="any"))
    assert kept == {"a": (), "b": ("a",), "w": ()}


def test_a_step_under_a_condition_keeps_those_behind_it() -> None:
    assert after(step("z"), step("a", when=when("z")), step("b", after=["a"]))["b"] == ("a",)


def test_what_waits_for_a_person_goes_on_waiting() -> None:
    asked = ApprovalStep(id="ok", action="Go?")
    assert after(asked, step("a", after=["ok"]))["a"] == ("ok",)


def test_an_order_that_holds_by_another_need_is_dropped() -> None:
    kept = after(
        step("w", uses="put"), step("v", "w", uses="put", after=["w"]), step("u", "v", uses="put", after=["w"])
    )
    assert kept == {"w": (), "v": (), "u": ()}


def test_orders_within_a_body_are_eased_too() -> None:
    assert after(each("m", [1], step("a"), step("b", after=["a"])))["b"] == ()


def test_a_body_that_writes_keeps_the_place_of_its_map() -> None:
    assert after(step("a"), each("m", [1], step("w", uses="put")), step("b", after=["m"]))["b"] == ("m",)


def test_an_optimized_plan_carries_no_stale_estimate() -> None:
    plan = plan_of(step("a"))
    priced = plan.model_copy(update={"estimate": estimate(plan, CATALOG)})
    assert optimize(priced, CATALOG).estimate is None


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans of tools that read and write, some in maps, ordered by data and by `after`."""
    steps: list[Step] = []
    for number in range(draw(st.integers(1, 9))):
        name = f"s{number}"
        before = [f"s{one}" for one in range(number)]
        some = st.lists(st.sampled_from(before), unique=True, max_size=3) if before else st.just([])
        fields: dict[str, Any] = {
            "uses": draw(st.sampled_from(["note", "put"])),
            "exclusive": draw(st.booleans()),
        }
        order = draw(some)
        condition = draw(some)
        if condition:
            fields["when"] = when(condition[0])
        if draw(st.booleans()):
            steps.append(step(name, *draw(some), after=order, **fields))
        else:
            inner = (step(f"{name}a", **fields), step(f"{name}b", after=[f"{name}a"], **fields))
            fields.pop("uses")
            steps.append(each(name, [1, 2], *inner, after=order, **fields))
    return plan_of(*steps)


def chains(steps: tuple[Step, ...]) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    graph = graph_of(steps)
    for one in steps:
        yield one.id, graph.needs[one.id].data, graph.needs[one.id].when
        if hasattr(one, "body"):
            yield from chains(one.body)


def firm(steps: tuple[Step, ...]) -> set[tuple[str, str]]:
    """Pairs of steps of one body of which one follows the other, and at least one changes something."""
    graph = graph_of(steps)
    before: dict[str, set[str]] = {}
    for one in steps:
        before[one.id] = set().union(*({need, *before[need]} for need in graph.needs[one.id].all))
    writing = {one.id for one in steps if any(getattr(part, "tool", "") == "put" for part in walk_steps((one,)))}
    return {(name, one) for name in before for one in before[name] if name in writing or one in writing}


@settings(max_examples=80, deadline=None)
@given(plans())
def test_an_optimized_plan_is_never_longer_keeps_its_data_and_its_writes_and_is_still_valid(plan: Plan) -> None:
    eased = optimize(plan, CATALOG)
    assert validate(eased, CATALOG) == []
    assert estimate(eased, CATALOG).critical_path <= estimate(plan, CATALOG).critical_path
    assert list(chains(eased.steps)) == list(chains(plan.steps))
    assert firm(eased.steps) == firm(plan.steps)
    assert optimize(eased, CATALOG) == eased
