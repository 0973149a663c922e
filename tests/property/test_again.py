"""Any plan, any fate: what is done again comes to the same, nothing else is performed; what is recorded is replayed."""

import asyncio

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.property.plans import plans
from tests.property.test_walks import MANY, Story

from kapelle import clock
from kapelle.evidence.index_sqlite import memory_index
from kapelle.plan.model import Plan
from kapelle.run.again.rerun import look_ahead
from kapelle.run.again.rerun_memory import supersede
from kapelle.run.perform import Capabilities
from kapelle.run.recorded.recording import read_recording, recording_of
from kapelle.run.recorded.replay import replay
from kapelle.tools.call import Limits

pytestmark = pytest.mark.slow


@MANY
@given(plans(), st.data())
def test_a_rerun_from_any_step_comes_to_the_same_and_performs_nothing_outside_its_reach(
    made: tuple[Plan, dict[str, str]], data: st.DataObject
) -> None:
    plan, fates = made
    story = Story(plan, fates)
    run, before, performed = story.stage.run, story.outcome, list(story.fates.finished)
    assert run is not None
    start = data.draw(st.sampled_from(sorted(run.results)), label="from")
    ahead = look_ahead(run.standing, list(run.results.values()), start, story.stage.catalog)
    supersede(run, ahead)
    kept = {path: one.revision for path, one in run.results.items()}
    assert start not in kept
    asyncio.run(walk_on(story, plan))
    assert story.outcome == before
    assert {path for path in story.fates.finished[len(performed) :] if path not in ahead.cone} == set()
    revisions = {path: one.revision for path, one in story.stage.results.items()}
    assert all(revisions[path] == (0 if path in kept else 1) for path in revisions)
    assert [event.seq for event in story.events] == list(range(1, len(story.events) + 1))


async def walk_on(story: Story, plan: Plan) -> None:
    """To the end, whatever it waits for."""
    shift = 0.0
    for _ in range(40):
        with clock.shifted(shift):
            status = await story.stage.walk(plan, width=3)
        if status != "waiting":
            return
        story.stage.decide("approved")
        shift = 4_000.0
    raise AssertionError("the run does not end")


@MANY
@given(plans(), st.lists(st.tuples(st.integers(1, 12), st.booleans()), max_size=2))
def test_whatever_came_of_a_run_its_recording_is_replayed_and_nothing_is_called(
    made: tuple[Plan, dict[str, str]], crashes: list[tuple[int, bool]]
) -> None:
    plan, fates = made
    story = Story(plan, fates, crashes)
    run, performed = story.stage.run, list(story.fates.finished)
    assume(run is not None)
    assert run is not None
    recording = read_recording(recording_of(run).text())
    capabilities = Capabilities(story.stage.catalog, memory_index(), Limits(5.0, 0, 0.0))
    done = asyncio.run(asyncio.wait_for(replay(recording, capabilities), 30))
    assert done.same, [str(one) for one in done.divergences]
    assert done.replayed == len(
        {path for path, one in run.results.items() if one.final and one.attempts} | asked(recording)
    )
    assert story.fates.finished == performed


def asked(recording: object) -> set[str]:
    """Paths of approval steps that were entered."""
    found = recording.model_dump()["events"]  # type: ignore[attr-defined]
    return {one["path"] for one in found if one["kind"] == "approval.requested"}
