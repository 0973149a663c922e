"""A rerun and a fork of a run in memory."""

from kapelle import clock
from kapelle.errors import Refused
from kapelle.run import rows
from kapelle.run.again.rerun import Rerun
from kapelle.run.again.rerun_rows import planned_again, withdrawn_because
from kapelle.run.approvals.approval_memory import withdraw
from kapelle.run.memory import MemoryRun
from kapelle.run.model import Event, NewEvent, RunRecord


def supersede(run: MemoryRun, again: Rerun) -> None:
    """Put the results of a rerun's steps aside and leave the run queued, its generation raised.

    Raises:
        Refused: the run has moved on since it was looked at; nothing was changed.
    """
    seen, now = again.record, run.standing
    if (now.generation, now.seq) != (seen.generation, seen.seq):
        raise Refused(f"run `{now.id}` has moved on meanwhile; look at it and try again")
    left = {path for path, _, _ in run.calls if path in again.cone and path not in run.results}
    for path in left:
        run.revisions[path] = run.revisions.get(path, 0) + 1
    for path in again.again:
        aside = run.results.pop(path)
        run.revisions[path] = aside.revision + 1
        run.done_before[path] += aside.status == "succeeded"
        run.again.add(path)
    asked = [one.id for one in run.approvals.values() if one.path in again.cone]
    withdraw(run, asked, withdrawn_because(again))
    cleared = dict.fromkeys(("waiting_for", "ended", "output", "error", "executor"))
    update = {"status": "queued", "generation": now.generation + 1, "cancel_requested": False, "plan": again.plan}
    run.record = run.record.model_copy(update={**cleared, **update, "parked": False})
    append(run, planned_again(again))
    run.ring()


def copy_run(run: MemoryRun, again: Rerun, fork: RunRecord) -> MemoryRun:
    """Make a run of what is kept of another; the other is left as it is."""
    kept = {one.path: one for one in again.kept}
    calls = {key: entry for key, entry in run.calls.items() if key[0] in kept}
    made = MemoryRun(fork, results=kept, texts=dict(run.texts), calls=calls)
    for event in rows.first_events(fork):
        append(made, event)
    return made


def append(run: MemoryRun, event: NewEvent) -> None:
    """Put an event behind a run's others."""
    run.events.append(Event(run=run.record.id, seq=len(run.events) + 1, at=clock.now(), **event.model_dump()))
