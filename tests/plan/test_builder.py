"""Steps write plan data; nothing is called."""

import pytest
from pydantic import BaseModel

from kapelle.errors import BadInput
from kapelle.plan.builder import Handle, Steps, fallback, quorum
from kapelle.plan.model import AgentStep, Best, Fallback, MapStep, Plan, Quorum, RepeatStep, SearchStep, ToolStep
from kapelle.plan.reference import All, Any_, Comparison, Not
from kapelle.tools.decorator import tool


@tool
def look(text: str) -> str:
    """Look at a text."""
    return text


@tool
def timed(timeout: float, when: str, inputs: list[str]) -> str:
    """Take arguments that are named as options."""
    return when


class Point(BaseModel):
    x: int
    label: str = "p"


def only(s: Steps) -> ToolStep:
    (step,) = s.steps
    assert isinstance(step, ToolStep)
    return step


def test_a_handle_is_a_reference_to_a_place() -> None:
    handle = Handle("logs")["hits"][0]["a/b~c"]
    assert handle.as_json() == {"$ref": "logs", "path": "/hits/0/a~1b~0c"}
    assert Handle("logs").as_json() == {"$ref": "logs"}


def test_handles_inside_values_become_references() -> None:
    s = Steps()
    s.tool("any", values=[s.task["prompt"], {"deep": (Handle("a"),)}], point=Point(x=1), tags={"t"})
    assert only(s).inputs == {
        "values": [{"$ref": "task", "path": "/prompt"}, {"deep": [{"$ref": "a"}]}],
        "point": {"x": 1, "label": "p"},
        "tags": ["t"],
    }


@pytest.mark.parametrize("wrong", [object(), 1 + 2j, b"bytes"])
def test_a_value_that_is_no_json_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError):
        Steps().tool("any", value=wrong)


def test_comparisons_make_conditions() -> None:
    handle = Handle("a")["n"]
    made = ((handle > 1) & (handle <= 5)) | ~(handle == 3)
    assert isinstance(made.condition, Any_)
    first, second = made.condition.any
    assert isinstance(first, All)
    assert isinstance(second, Not)
    assert [part.op for part in first.all if isinstance(part, Comparison)] == ["gt", "le"]
    assert {
        test.condition.op  # type: ignore[union-attr]
        for test in (handle < 1, handle >= 1, handle != 1, handle.one_of([1]), handle.exists, handle.truthy)
    } == {"lt", "ge", "ne", "in", "exists", "truthy"}


def test_a_condition_cannot_be_asked_with_if() -> None:
    with pytest.raises(BadInput, match="when="):
        bool(Handle("a") == 1)


def test_a_handle_cannot_be_looped_over() -> None:
    with pytest.raises(BadInput, match=r"s\.map"):
        list(Handle("a"))


def test_a_condition_is_no_value() -> None:
    with pytest.raises(BadInput, match="when="):
        Steps().tool("any", value=Handle("a") == 1)


def test_ids_are_unique_in_the_whole_plan_and_never_reserved() -> None:
    s = Steps()
    s.tool("Look At This!")
    s.tool("look_at_this")
    s.tool("item")
    s.map([1], lambda item, body: body.tool("look_at_this"))
    body = s.steps[-1]
    assert isinstance(body, MapStep)
    assert [step.id for step in s.steps] == ["look_at_this", "look_at_this_2", "item_2", "map"]
    assert body.body[0].id == "look_at_this_3"


def test_options_and_inputs_are_told_apart() -> None:
    s = Steps()
    a = s.tool(look, text="t", id="first", title="First")
    s.tool(look, text="u", after=a, when=a == "t", timeout=3, on_error="skip", join="any", exclusive=True)
    step = s.steps[1]
    assert step.after == ("first",)
    assert step.when is not None
    assert (step.timeout, step.on_error, step.join, step.exclusive) == (3, "skip", "any", True)
    assert step.inputs == {"text": "u"}


def test_an_argument_named_as_an_option_is_the_tools() -> None:
    s = Steps()
    s.tool(timed, timeout=1.5, when="now", inputs=["a"])
    assert only(s).inputs == {"timeout": 1.5, "when": "now", "inputs": ["a"]}
    assert only(s).timeout is None


def test_inputs_may_be_given_whole() -> None:
    s = Steps()
    s.tool("any", inputs={"timeout": 5}, timeout=2)
    assert only(s).inputs == {"timeout": 5}
    assert only(s).timeout == 2


def test_a_fallback_and_a_quorum_are_options() -> None:
    s = Steps()
    spare = s.tool(look, text="spare")
    s.tool(look, text="t", on_error=fallback(spare), join=quorum(2))
    step = s.steps[1]
    assert step.on_error == Fallback(fallback="look")
    assert step.join == Quorum(quorum=2)


def test_an_undo_may_use_the_steps_own_output() -> None:
    s = Steps()
    s.tool(look, text="t", id="made", undo=(look, {"text": Handle("made")["id"]}))
    undo = only(s).undo
    assert undo is not None
    assert undo.inputs == {"text": {"$ref": "made", "path": "/id"}}


def test_a_function_used_as_an_agent_is_known_even_from_a_body() -> None:
    async def think(topic: str) -> str:
        """Think."""
        return topic

    s = Steps()
    s.map(["a"], lambda item, body: body.agent(think, topic=item))
    assert set(s.agents) == {"think"}
    inner = s.steps[0]
    assert isinstance(inner, MapStep)
    assert inner.body[0] == AgentStep(id="think", agent="think", inputs={"topic": {"$ref": "item"}})


def test_a_map_and_a_repeat_hold_their_bodies() -> None:
    s = Steps()
    drafts = s.map(s.task["context"]["services"], lambda item, b: b.tool(look, text=item), width=3, limit=9)
    s.repeat(
        lambda last, b: b.tool(look, text=last["text"], title="again"),
        rounds=4,
        until=lambda out: out["score"] >= 0.9,
        best="/score",
        after=[drafts],
    )
    mapped, repeated = s.steps
    assert isinstance(mapped, MapStep)
    assert isinstance(repeated, RepeatStep)
    assert (mapped.width, mapped.limit, mapped.output) == (3, 9, "look")
    assert mapped.over == {"$ref": "task", "path": "/context/services"}
    assert repeated.rounds == 4
    assert isinstance(repeated.keep, Best)
    assert repeated.keep.best.path == "/score"
    assert repeated.until is not None
    assert repeated.after == ("map",)


def test_a_body_must_return_one_of_its_own_steps() -> None:
    with pytest.raises(BadInput, match="its own steps"):
        Steps().map([1], lambda item, body: item)
    with pytest.raises(BadInput, match="its own steps"):
        Steps().map([1], lambda item, body: body.tool("a")["field"])


def test_a_draft_ends_with_its_last_step_unless_another_is_named() -> None:
    s = Steps()
    first = s.search("handbook", query="q")
    s.answer(first)
    assert s.draft().output == "answer"
    assert s.draft(first).output == "search"
    assert isinstance(s.steps[0], SearchStep)


def test_a_strategy_without_steps_is_told_so() -> None:
    with pytest.raises(BadInput, match="no steps"):
        Steps().draft()


def test_a_plan_written_with_steps_survives_json() -> None:
    s = Steps()
    ok = s.approval("Go?", evidence=s.task["prompt"])
    s.tool(look, text="t", after=[ok], when=ok["decision"] == "approved", undo=(look, {"text": "back"}))
    s.map([1], lambda item, body: body.repeat(lambda last, b: b.tool(look, text="t"), rounds=2))
    plan = s.draft()
    assert Plan.model_validate_json(plan.model_dump_json(by_alias=True)) == plan
    assert Plan.model_validate_json(plan.model_dump_json(by_alias=True, exclude_defaults=True)) == plan
