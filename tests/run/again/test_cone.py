"""What is done again when a step is."""

import pytest
from tests.builders import Ledger, again, each, plan_of, ref, step, when

from kapelle.errors import BadInput
from kapelle.plan.catalog import Catalog, make_catalog
from kapelle.plan.complete import complete
from kapelle.plan.model import AnswerStep, ApprovalStep, Plan, Step
from kapelle.run.again.cone import cone_of, locate
from kapelle.task.model import Task

CATALOG: Catalog = make_catalog(Ledger().tools, (), ())


def reached(plan: Plan, *starts: str) -> set[str]:
    return set(cone_of(plan, starts, CATALOG).steps)


def test_a_step_is_done_again_with_what_reads_it_waits_for_it_or_asks_about_it() -> None:
    plan = plan_of(
        step("a"),
        step("reads", "a"),
        step("waits", after=["a"]),
        step("asks", when=when("a")),
        step("other"),
        step("z", "reads"),
    )
    assert reached(plan, "a") == {"a", "reads", "waits", "asks", "z"}
    assert reached(plan, "reads") == {"reads", "z"}
    assert reached(plan, "other") == {"other"}


def test_the_stand_in_of_a_step_and_whoever_reads_either_are_done_again() -> None:
    plan = plan_of(step("p", on_error={"fallback": "f"}), step("f"), step("z", "p"), step("other"))
    assert reached(plan, "p") == {"p", "f", "z"}
    assert reached(plan, "f") == {"f", "z"}


def test_a_container_is_done_again_with_everything_within_it() -> None:
    plan = plan_of(step("a"), each("m", ref("a"), step("x")), step("z", "m"))
    cone = cone_of(plan, ["a"], CATALOG)
    for path in ("a", "m", "m/0/x", "m/7/x", "z", "m/0/x~undo"):
        assert path in cone
    assert "max" not in cone


def test_one_item_is_done_again_without_the_others() -> None:
    plan = plan_of(each("m", [1, 2], step("x"), step("y", "x")), step("z", "m"))
    cone = cone_of(plan, ["m/1/x"], CATALOG)
    assert {path for path in ("m", "z", "m/1/x", "m/1/y", "m/0/x", "m/0/y", "m/11/x") if path in cone} == {
        "m", "z", "m/1/x", "m/1/y"
    }  # fmt: skip


def test_later_rounds_follow_from_an_earlier_one_at_any_depth() -> None:
    plan = plan_of(each("m", [1, 2], again("r", 4, step("x"), step("y", "x"))))
    cone = cone_of(plan, ["m/1/r/2/y"], CATALOG)
    assert "m/1/r/2/x" not in cone
    for path in ("m", "m/1/r", "m/1/r/2/y", "m/1/r/3/x", "m/1/r/10/x"):
        assert path in cone
    for path in ("m/0/r/3/x", "m/1/r/1/x", "m/0/r"):
        assert path not in cone


def test_a_step_of_a_body_that_reads_outside_is_done_again_with_it() -> None:
    plan = plan_of(step("a"), each("m", [1, 2], step("x", "a")))
    assert reached(plan, "a") == {"a", "m"}


def guarded(*steps: Step) -> Plan:
    return complete(plan_of(*steps), Task(prompt="do it"), CATALOG)


def test_the_approval_of_a_repeated_write_is_asked_again_wherever_the_write_follows() -> None:
    plan = guarded(step("a"), step("w", "a", uses="put"), step("z", "w"))
    assert reached(plan, "w") == {"approve_w", "w", "z"}
    assert reached(plan, "z") == {"z"}


def test_a_question_with_nothing_but_the_repeated_write_behind_it_is_asked_again() -> None:
    ask = ApprovalStep(id="ok", action="Go?")
    assert reached(plan_of(ask, step("w", uses="put", after=["ok"])), "w") == {"ok", "w"}
    assert reached(plan_of(ask, step("w", uses="put", after=["ok"]), step("v", uses="put", after=["ok"])), "w") == {"w"}
    assert reached(plan_of(ask, step("n", after=["ok"])), "n") == {"n"}


def test_a_verdict_judges_anew_unless_it_came_before() -> None:
    said = AnswerStep(id="said", inputs={"claims": ref("a")})
    plan = complete(plan_of(step("a"), step("beside"), said), Task(prompt="do it", approve="never"), CATALOG)
    assert reached(plan, "beside") == {"beside", "verdict"}
    after = plan.model_copy(update={"steps": (*plan.steps, step("told", "verdict"))})
    assert reached(after, "told") == {"told"}


def test_several_steps_reach_what_any_of_them_does() -> None:
    plan = plan_of(step("a"), step("b"), step("x", "a"), step("y", "b"), step("z"))
    assert reached(plan, "a", "b") == {"a", "b", "x", "y"}


def test_ids_with_a_slash_are_found_by_their_escaped_path() -> None:
    plan = plan_of(step("a/b"), step("z", "a/b"))
    assert locate(plan, "a~1b")[-1].step.id == "a/b"
    assert "z" in cone_of(plan, ["a~1b"], CATALOG)


@pytest.mark.parametrize("path", ["", "b", "a/0/x", "m", "m/x", "m/0", "m/0/y", "m/-1/x", "m/0/x/0"])
def test_what_is_no_step_is_refused_with_those_there_are(path: str) -> None:
    plan = plan_of(step("a"), each("m", [1], step("x")))
    if path == "m":
        assert locate(plan, path)[-1].step.id == "m"
        return
    with pytest.raises(BadInput, match="`"):
        locate(plan, path)
