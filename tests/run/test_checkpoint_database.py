"""Which commits of a walk the loop may make itself: few short rows, and nothing beside results and events."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.builders import OWNER

from kapelle.evidence.load import document_of
from kapelle.run.checkpoint import Batch, RunChange
from kapelle.run.checkpoint_database import DatabaseCheckpoint, Place
from kapelle.run.facts import BRIEF_ROWS
from kapelle.run.fence import RunFence
from kapelle.run.model import NewEvent, StepResult

FENCE = RunFence(run="run_1", generation=1, workflow="run_1:g1", xid="mine")
THRESHOLD = 10_000


class Asked:
    """A writer that writes nothing, and keeps how it was asked to."""

    def __init__(self, *, alone: bool) -> None:
        self.alone = alone
        self.ways: list[tuple[str, bool, bool]] = []

    async def write(self, _: object, *, sync: bool = False, brief: bool = False) -> None:
        self.ways.append(("transaction", sync, brief))

    async def write_alone(self, _: object, *, brief: bool = False) -> None:
        self.ways.append(("alone", False, brief))


async def way_of(batch: Batch, *, alone: bool = False) -> tuple[str, bool, bool]:
    """How a batch is written: its form, whether it is synced, whether the loop may do it."""
    writer = Asked(alone=alone)
    bell = SimpleNamespace(tell=lambda _: None, ring_here=lambda _: None)
    place = Place(cast(Any, writer), cast(Any, bell), cast(Any, SimpleNamespace(turn=0)), cast(Any, None), THRESHOLD)
    await DatabaseCheckpoint(place, FENCE, owner=OWNER).commit(batch)
    (way,) = writer.ways
    return way


def steps(count: int = 1, *, output: str = "", **more: Any) -> Batch:
    results = tuple(StepResult(path=f"s{n}", status="succeeded", output=output) for n in range(count))
    events = tuple(NewEvent(kind="step.finished", path=one.path) for one in results)
    return Batch(results=results, events=events, **more)


@pytest.mark.parametrize("alone", [False, True])
async def test_a_finished_step_is_brief(alone: bool) -> None:
    assert await way_of(steps(), alone=alone) == ("alone" if alone else "transaction", False, True)
    begun = steps(run=RunChange(status="running"))
    assert (await way_of(begun, alone=alone))[2]


@pytest.mark.parametrize("alone", [False, True])
async def test_many_steps_at_once_are_not_brief(alone: bool) -> None:
    assert not (await way_of(steps(BRIEF_ROWS), alone=alone))[2]


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize(
    "more",
    [
        steps(output="x" * (THRESHOLD + 1)),
        steps(texts=(("s0", document_of("a.md", "text")),)),
        steps(silenced=("s0",)),
        steps(waits_for=("date:2030-01-01T00:00:00Z",)),
        steps(run=RunChange(status="succeeded")),
    ],
    ids=["payload", "text", "silenced", "waits", "ended"],
)
async def test_what_says_more_than_results_and_events_is_left_to_the_thread(more: Batch, alone: bool) -> None:
    assert await way_of(more, alone=alone) == ("transaction", False, False)


async def test_what_changed_something_outside_is_synced() -> None:
    assert (await way_of(steps(lasting=True)))[1]
