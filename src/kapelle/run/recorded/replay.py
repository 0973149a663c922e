"""Replay: walk a recording against the present code, without key or network, and say where it first differs."""

from collections.abc import Iterable
from dataclasses import dataclass

from kapelle.errors import UnknownVersion
from kapelle.evidence.model import Document
from kapelle.plan.model import Plan
from kapelle.run.again.cone import UNDO
from kapelle.run.checkpoint_memory import MemoryCheckpoint
from kapelle.run.memory import MemoryRun
from kapelle.run.model import RunRecord, RunStatus, StepResult
from kapelle.run.perform import Capabilities, StepPerformer
from kapelle.run.recorded.divergence import Divergence, differing
from kapelle.run.recorded.recorded_order import Story, Turns
from kapelle.run.recorded.recording import Recording
from kapelle.run.recorded.replay_step import Replayer
from kapelle.run.recorded.shut import shut
from kapelle.run.stuck import stuck_reason
from kapelle.run.walk import Limits, Walk
from kapelle.task.model import Task

_CONTAINERS = ("map", "repeat")
_NO_LIMITS = Limits(width=1_000_000, max_steps=1_000_000_000, max_bytes=1 << 62)


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of a replay."""

    run: str
    status: RunStatus
    """As recorded."""
    divergences: tuple[Divergence, ...]
    """The first, in the order of the recording, and whatever does not follow from it."""
    replayed: int
    """Finished steps that were walked again."""
    ahead: int
    """Steps that were reached and are still to be done."""
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """The present code does what is recorded."""
        return not self.divergences

    @property
    def first(self) -> Divergence | None:
        """Where the present code first differs."""
        return self.divergences[0] if self.divergences else None


async def replay(recording: Recording, capabilities: Capabilities, *, everywhere: bool = False) -> Replay:
    """Walk a recording against the present code; nothing outside is touched.

    Recorded outputs stand in for what touches the world, once tool, inputs and output were held against the present
    catalog. What is pure, and what has its calls recorded, is computed again and compared.

    Args:
        everywhere: shut the outside off for the whole process, not for this task alone.
    """
    try:
        record, results = recording.record(), recording.known()
    except UnknownVersion as error:
        return Replay(recording.run, recording.status, (Divergence("", "plan", str(error)),), 0, 0)
    assert record.plan is not None
    story = Story(recording.events)
    positions = _positions(recording, story)
    turns = Turns(positions)
    replayer = Replayer(recording, results, capabilities, StepPerformer(capabilities), story, turns)
    begun = record.model_copy(update={"status": "queued", "output": None, "error": None})
    walked = MemoryRun(begun, texts=_unattributed(recording))
    walk = Walk(record.id, _timeless(record.task), record.plan, MemoryCheckpoint(walked), replayer, _NO_LIMITS)
    with shut(everywhere=everywhere) as refusals:
        replayer.refusals = refusals
        async with turns.given():
            await walk()
    found = [*replayer.divergences, *_settled_otherwise(record.plan, results, walked, replayer)]
    found.sort(key=lambda one: positions.get(one.path, len(positions)))
    if not found:
        found = [*_ended_otherwise(record, walked), *_cannot_go_on(record, results, capabilities)]
    return Replay(
        recording.run, recording.status, tuple(found), len(replayer.replayed), len(replayer.ahead), (*replayer.notes,)
    )


def _positions(recording: Recording, story: Story) -> dict[str, int]:
    """The places of results in the order in which their steps ended."""
    stored = [str(one.get("path")) for one in recording.results]
    order = sorted(range(len(stored)), key=lambda place: (story.ended.get(stored[place], 0), place))
    return {stored[place]: number for number, place in enumerate(order)}


def _unattributed(recording: Recording) -> dict[tuple[str, str], Document]:
    """The texts of which no step is recorded as the reader."""
    read = {(one.source, one.sha256) for one in recording.read}
    return {key: one for one in recording.texts if (key := (one.source, one.sha256)) not in read}


def _timeless(task: Task) -> Task:
    """A task whose time is not up: a replay takes place later."""
    budget = task.budget.model_copy(update={"seconds": None})
    return task.model_copy(update={"deadline": None, "budget": budget})


def _settled_otherwise(
    plan: Plan, results: dict[str, StepResult], walked: MemoryRun, replayer: Replayer
) -> Iterable[Divergence]:
    """Containers and skips that came out otherwise, and finished steps that are not reached any more."""
    if replayer.divergences:
        return
    for path, known in results.items():
        now = walked.results.get(path)
        if not known.final or path.endswith(UNDO) or path in replayer.replayed:
            continue
        if now is None or not now.final:
            if now is None and not replayer.ahead:
                yield Divergence(path, "steps", "it was settled, and the walk does not reach it any more")
            continue
        yield from _compared(known, now)


def _compared(known: StepResult, now: StepResult) -> Iterable[Divergence]:
    why = "the walk settles it in another way"
    if known.status != now.status:
        yield Divergence(known.path, "output", why, recorded=known.status, present=now.status)
        return
    found = differing(known.path, "output", known.output, now.output, why) if known.kind in _CONTAINERS else None
    if found is not None:
        yield found


def _ended_otherwise(record: RunRecord, walked: MemoryRun) -> Iterable[Divergence]:
    now = walked.record
    halted = record.error is not None and record.error.cls == "Halted"
    if not record.ended_already or record.status == "cancelled" or halted:
        return
    why = "the run comes to another end"
    if not now.ended_already and record.status == "succeeded":
        yield Divergence(
            "", "end", "a step is performed that was not before", recorded=record.status, present="waiting"
        )
    elif now.ended_already and now.status != record.status:
        yield Divergence("", "end", why, recorded=record.status, present=now.status)
    elif now.ended_already:
        found = differing("", "end", record.output, now.output, why)
        if found is not None:
            yield found


def _cannot_go_on(
    record: RunRecord, results: dict[str, StepResult], capabilities: Capabilities
) -> Iterable[Divergence]:
    reason = stuck_reason(record, results, capabilities.catalog)
    if reason is not None:
        yield Divergence("", "registered", reason)
