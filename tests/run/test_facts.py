"""Which batches are short enough for the loop's own thread to write."""

import pytest

from kapelle.run.facts import BRIEF_CHARACTERS, BRIEF_ROWS, Facts


def facts(steps: int = 1, *, result: int = 2, told: int = 2) -> Facts:
    """What some steps leave: a result and two events each, of a length in characters each."""
    results = [{"path": f"s{n}", "revision": 0, "status": "succeeded", "result": "x" * result} for n in range(steps)]
    event = {"path": "s", "execution": 1, "kind": "step.finished", "data": "y" * told}
    return Facts(results=results, events=[event] * (2 * steps), at="")


def test_what_sixteen_steps_at_once_leave_is_brief() -> None:
    assert facts(16, result=1_000, told=200).brief


@pytest.mark.parametrize(
    "long",
    [facts(BRIEF_ROWS // 3 + 1), facts(result=BRIEF_CHARACTERS), facts(told=BRIEF_CHARACTERS), facts(40, result=2_000)],
)
def test_many_rows_or_long_ones_are_not_brief(long: Facts) -> None:
    assert not long.brief
