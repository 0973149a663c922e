"""Any plan, any fate of its steps, any crash: it ends, in order, nothing lost and nothing twice."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue
from tests.builders import Stage, Wrapped
from tests.property.plans import Fates, plans

from kapelle import clock
from kapelle.plan.graph import graph_of
from kapelle.plan.model import Plan
from kapelle.run.checkpoint import Batch, Checkpoint
from kapelle.run.model import Event, StepResult

pytestmark = pytest.mark.slow

MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


class Crash(Exception):
    """The process died."""


class Crashing(Wrapped):
    """A checkpoint whose process dies right before, or right after, its n-th commit."""

    def __init__(self, inner: Checkpoint, number: int, *, after: bool) -> None:
        super().__init__(inner)
        self._number = number
        self._dies_after = after

    async def before(self, batch: Batch) -> None:
        self._number -= 1
        if self._number == 0 and not self._dies_after:
            raise Crash

    async def after(self, batch: Batch) -> None:
        if self._number == 0:
            raise Crash


class Story:
    """A run from its beginning to its end, whatever it waits for, with the crashes it is told."""

    def __init__(self, plan: Plan, fates: dict[str, str], crashes: Sequence[tuple[int, bool]] = ()) -> None:
        self.fates = Fates(dict(fates))
        self.stage = Stage([self.fates.tool])
        self.crashed = 0
        asyncio.run(asyncio.wait_for(self._tell(plan, list(crashes)), 30))

    async def _tell(self, plan: Plan, crashes: list[tuple[int, bool]]) -> None:
        shift = 0.0
        for _ in range(40):
            with clock.shifted(shift):
                try:
                    status = await self.stage.walk(plan, wrap=self._wrap(crashes), width=3)
                except Crash:
                    self.crashed += 1
                    if self.stage.record.ended_already:
                        return  # no engine walks a run that ended
                    continue
            if status != "waiting":
                return
            self.stage.decide("approved")
            shift = 4_000.0
        raise AssertionError("the run does not end")

    def _wrap(self, crashes: list[tuple[int, bool]]) -> Any:
        if not crashes:
            return lambda inner: inner
        number, after = crashes.pop(0)
        return lambda inner: Crashing(inner, number, after=after)

    @property
    def events(self) -> list[Event]:
        assert self.stage.run is not None
        return self.stage.run.events

    @property
    def outcome(self) -> tuple[Any, ...]:
        """What came of it, without times, numbers of tries, and ids."""
        record = self.stage.record
        return record.status, _plain(record.output), {path: _told(one) for path, one in self.stage.results.items()}


def _told(result: StepResult) -> tuple[Any, ...]:
    return result.status, _plain(result.output), result.error and result.error.cls, result.route, result.missing


def _plain(output: JsonValue) -> JsonValue:
    """An output in which the time of a decision does not count."""
    if isinstance(output, dict) and "decision" in output:
        return {**output, "at": None}
    if isinstance(output, list):
        return [_plain(one) for one in output]
    return output


@MANY
@given(plans())
def test_every_valid_plan_ends_with_every_step_settled(made: tuple[Plan, dict[str, str]]) -> None:
    plan, fates = made
    story = Story(plan, fates)
    assert story.stage.record.status in ("succeeded", "partial", "failed")
    assert {one.id for one in plan.steps} <= set(story.stage.results)


@MANY
@given(plans())
def test_no_step_starts_before_its_needs_are_settled(made: tuple[Plan, dict[str, str]]) -> None:
    plan, fates = made
    story = Story(plan, fates)
    settled: set[str] = set()
    needs = {one.id: one for one in plan.steps}
    graph = graph_of(plan.steps)
    for event in story.events:
        if event.path is None:
            continue
        top = event.path.split("/")[0]
        if event.kind == "step.started":
            waited = set(graph.needs[top].all)
            assert waited <= settled, (event.path, waited - settled)
        elif event.kind in ("step.finished", "step.skipped") and event.path in needs:
            settled.add(event.path)


@MANY
@given(plans(), st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=3))
def test_a_run_that_crashed_comes_to_the_same_as_one_that_did_not(
    made: tuple[Plan, dict[str, str]], crashes: list[tuple[int, bool]]
) -> None:
    plan, fates = made
    whole, broken = Story(plan, fates), Story(plan, fates, crashes)
    assert broken.outcome == whole.outcome
    assert [event.seq for event in broken.events] == list(range(1, len(broken.events) + 1))
    finished = Counter(event.path for event in broken.events if event.kind in ("step.finished", "step.skipped"))
    assert set(finished.values()) <= {1}
    entered = Counter((event.path, event.execution) for event in broken.events if event.kind.endswith("started"))
    entered.pop((None, None))
    assert set(entered.values()) <= {1}


@MANY
@given(plans(), st.integers(1, 12))
def test_what_was_recorded_before_a_crash_is_not_performed_again(
    made: tuple[Plan, dict[str, str]], number: int
) -> None:
    plan, fates = made
    story = Story(plan, fates, [(number, True)])
    whole = Story(plan, fates)
    extra = Counter(story.fates.finished) - Counter(whole.fates.finished)
    # What was in flight when the process died is performed once more, and at most once.
    restarted = {event.path for event in story.events if event.kind == "step.restarted"}
    assert set(extra) <= restarted
    assert all(count <= story.crashed for count in extra.values())
    assert not Counter(whole.fates.finished) - Counter(story.fates.finished)


@settings(max_examples=60, deadline=None)
@given(plans())
def test_plans_and_results_survive_json(made: tuple[Plan, dict[str, str]]) -> None:
    plan, fates = made
    assert Plan.model_validate_json(plan.model_dump_json(by_alias=True)) == plan
    assert Plan.model_validate_json(plan.model_dump_json(by_alias=True, exclude_defaults=True)) == plan
    for result in Story(plan, fates).stage.results.values():
        assert StepResult.model_validate_json(result.model_dump_json(exclude_defaults=True)) == result
