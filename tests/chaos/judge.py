"""What must hold after any chaos, read from the database, the outside and the diary."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.outside import Outside

from kapelle.run.model import Event, RunRecord, StepResult

Story = tuple[RunRecord, list[StepResult], list[Event]]
MARKS = ("run.resumed", "run.waiting", "run.started", "step.restarted", "run.created", "run.planned")
"""Kinds that tell of dispatches, not of the work."""


@dataclass
class Findings:
    """What was found; `ok` when all that must be 0 is 0."""

    runs: int = 0
    lost: int = 0
    """Runs that did not succeed, results that are missing or differ."""
    rerun: int = 0
    """Finished steps that were begun again."""
    zombies: int = 0
    """Rows written by an owner after it was fenced off."""
    taken_over: int = 0
    """Runs that were dispatched more than once."""
    duplicates: int = 0
    """Calls in flight at a kill that were made again."""
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not (self.lost or self.rerun or self.zombies or self.problems)


def judge(stories: list[Story], calm: Story, outside: Outside, diary: Path) -> Findings:
    """Hold every run against an undisturbed one."""
    found = Findings(runs=len(stories))
    calls = outside.by_step()
    entries = [json.loads(line) for line in diary.read_text().splitlines()] if diary.exists() else []
    generations: dict[tuple[str, str], int] = {}
    for entry in entries:
        place = (entry["run"], entry["part"])
        generations[place] = max(generations.get(place, 0), entry["generation"])
    for record, results, events in stories:
        _judge_results(record, results, calm, found)
        _judge_events(record, events, calm, found)
        dispatches = record.generation
        found.taken_over += dispatches > 1
        for path in {one.path for one in results}:
            made = calls.get((record.id, path), [])
            found.duplicates += max(0, len(made) - 1)
            # An item of a spread map has dispatches of its own: the diary knows how many.
            if len(made) > max(dispatches, generations.get((record.id, path.rpartition("/")[0]), 0)):
                found.problems.append(f"{record.id} {path}: {len(made)} calls in {dispatches} dispatches")
            if len({call.key for call in made}) > 1:
                found.problems.append(f"{record.id} {path}: its idempotency key changed")
    found.zombies += _zombies(entries)
    return found


def _judge_results(record: RunRecord, results: list[StepResult], calm: Story, found: Findings) -> None:
    wanted = {one.path: (one.status, _plain(one)) for one in calm[1]}
    came = {one.path: (one.status, _plain(one)) for one in results}
    if record.status != calm[0].status or record.output != calm[0].output:
        found.lost += 1
        found.problems.append(f"{record.id}: {record.status}, waiting for {record.waiting_for}, {record.error}")
    elif came != wanted:
        found.lost += 1
        found.problems.append(f"{record.id}: results differ: {sorted(came.items() ^ wanted.items(), key=str)[:4]}")


def _plain(result: StepResult) -> str:
    output = result.output
    if isinstance(output, dict) and "decision" in output:
        output = {"decision": output["decision"]}
    return json.dumps(output, sort_keys=True)


def _judge_events(record: RunRecord, events: list[Event], calm: Story, found: Findings) -> None:
    if [event.seq for event in events] != list(range(1, len(events) + 1)):
        found.problems.append(f"{record.id}: event numbers are not contiguous from 1")
    missing = _work(calm[2]) - _work(events)
    if missing:
        found.problems.append(f"{record.id}: events are missing: {dict(missing)}")
    finished: set[str | None] = set()
    for event in events:
        if event.kind == "step.finished":
            if event.path in finished:
                found.problems.append(f"{record.id} {event.path}: finished twice")
            finished.add(event.path)
        elif event.kind in ("step.started", "step.restarted") and event.path in finished:
            found.rerun += 1


def _work(events: list[Event]) -> Counter[tuple[str | None, str]]:
    return Counter((event.path, event.kind) for event in events if event.kind not in MARKS)


def _zombies(entries: list[dict[str, Any]]) -> int:
    """Commits of a former generation behind the first of a later one."""
    began: dict[tuple[str, str], dict[int, int]] = {}
    for entry in entries:
        if entry["last"] >= entry["first"]:
            of = began.setdefault((entry["run"], entry["part"]), {})
            of[entry["generation"]] = min(entry["first"], of.get(entry["generation"], entry["first"]))
    late = 0
    for entry in entries:
        later = [
            first
            for generation, first in began.get((entry["run"], entry["part"]), {}).items()
            if generation > entry["generation"]
        ]
        late += bool(later) and entry["last"] >= min(later) and entry["last"] >= entry["first"]
    return late
