"""A score is the share that passed; a required item that failed is never made up for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from kapelle.errors import BadInput
from kapelle.task.model import Checklist, ChecklistItem, Task
from kapelle.verdict.score import ratio, verdict_of, weighted, weights_of, with_weights

PASSED = st.sampled_from([True, False, None])


def items(*passed: bool | None, weight: float = 1.0, required: bool = False) -> list[ChecklistItem]:
    return [
        ChecklistItem(description=f"item {i}", passed=one, weight=weight, required=required)
        for i, one in enumerate(passed)
    ]


@given(st.lists(PASSED, max_size=12), st.floats(0, 1000, allow_nan=False))
def test_ratio_and_weighted_agree_when_all_weights_are_equal(passed: list[bool | None], weight: float) -> None:
    judged = items(*passed, weight=weight)
    assert weighted(judged) == pytest.approx(ratio(judged))


@given(st.lists(st.tuples(PASSED, st.floats(0, 100, allow_nan=False)), max_size=12))
def test_a_score_is_between_nothing_and_all(judged: list[tuple[bool | None, float]]) -> None:
    rows = [ChecklistItem(description="x", passed=passed, weight=weight) for passed, weight in judged]
    assert 0 <= ratio(rows) <= 1
    assert 0 <= weighted(rows) <= 1


def test_weights_weigh() -> None:
    rows = [
        ChecklistItem(description="a", passed=True, weight=3),
        ChecklistItem(description="b", passed=False, weight=1),
    ]
    assert weighted(rows) == 0.75
    assert ratio(rows) == 0.5


def test_a_required_item_that_failed_or_was_not_judged_fails_the_answer() -> None:
    for passed in (False, None):
        judged = Checklist(items=(*items(True, True, True), *items(passed, required=True)))
        verdict = verdict_of(judged)
        assert not verdict.passed
        assert verdict.score == 0.75
        assert verdict.reasons


def test_an_optional_item_that_failed_is_told_and_does_not_fail_the_answer() -> None:
    verdict = verdict_of(Checklist(items=tuple(items(True, False))))
    assert verdict.passed
    assert verdict.reasons == ("item 1: it does not hold",)


def test_a_low_score_fails_the_answer_with_its_reason() -> None:
    verdict = verdict_of(Checklist(items=tuple(items(True, False, False))))
    assert not verdict.passed
    assert verdict.reasons[0] == "the score 0.33 is below 0.50"


def test_what_has_nothing_to_be_judged_by_passes() -> None:
    assert verdict_of(Checklist()).passed


def weighing(weights: JsonValue, *own: ChecklistItem) -> Task:
    checklist = Checklist(items=own) if own else None
    return Task.model_construct(prompt="p", checklist=checklist, metadata={"weights": weights})


OWN = (ChecklistItem(description="a"), ChecklistItem(description="b", check="named"))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"a": 2, "named": 5}, [2, 5, 1]),
        ([4, 0], [4, 0, 1]),
        ({"tools": 3, "support": 9}, [1, 1, 3]),
        (None, [1, 1, 1]),
    ],
)
def test_weights_are_put_on_by_description_check_or_order(weights: JsonValue, expected: list[float]) -> None:
    judged = Checklist(items=(*OWN, ChecklistItem(description="c", check="tools")))
    chosen = weights_of(weighing(weights, *OWN))
    assert [item.weight for item in with_weights(judged, chosen).items] == expected


@pytest.mark.parametrize(
    "weights", [[1], {"zebra": 1}, {"a": -1}, {"a": math.nan}, {"a": 1e300}, {"a": 10**400}, [1, "2"], [True, 1], "a"]
)
def test_weights_that_cannot_be_used_are_refused(weights: JsonValue) -> None:
    with pytest.raises(BadInput, match="`weights`"):
        weights_of(weighing(weights, *OWN))


@pytest.mark.parametrize("weights", [{"zebra": 1}, [1]])
def test_a_task_alone_says_whether_its_weights_can_be_used(weights: JsonValue) -> None:
    with pytest.raises(BadInput, match="`weights`"):
        weights_of(weighing(weights))


def test_the_scorer_is_recorded() -> None:
    rows = Checklist(items=(ChecklistItem(description="a", passed=True, weight=9), *items(False)))
    assert (verdict_of(rows).score, verdict_of(rows, scorer="weighted").score) == (0.5, 0.9)
    assert verdict_of(rows, scorer="weighted").scorer == "weighted"
