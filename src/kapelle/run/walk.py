"""Walk a plan: start what is ready, record what is done, until nothing is left."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

from pydantic import JsonValue

from kapelle import clock
from kapelle.budget.model import Usage
from kapelle.evidence.model import Document
from kapelle.plan.model import AgentStep, Plan, ToolStep
from kapelle.resilience.guarded import GaveUp
from kapelle.run.bind import BindError
from kapelle.run.checkpoint import Batch, Checkpoint, DecidedMeanwhile, Past, RunChange
from kapelle.run.frontier import Action, Frontier, Instead, Settle, Start
from kapelle.run.model import (
    EventKind,
    NewEvent,
    RunStatus,
    StepFailure,
    StepResult,
    execution_metadata,
)
from kapelle.run.outcome import Circumstances, Outcome, Performer, StepFact
from kapelle.run.telling import described, failure_of, found_nothing, result_of, settled_event, undo_of
from kapelle.task.model import Task
from kapelle.telemetry import trace
from kapelle.telemetry.logs import log
from kapelle.telemetry.redact import redact_text

CANCELLED = "cancelled"
UNDO = "~undo"
"""Behind a step's path: the call that takes it back. No step's own path has it: `~` is escaped in ids."""
POLL = 0.2
"""Seconds between two looks for a cancellation or a decision."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Guards of one walk."""

    width: int = 16
    """Steps at once."""
    max_steps: int = 10_000
    seconds: float | None = None
    """Wall-clock time this walk may take."""


@dataclass(slots=True)
class _Running:
    start: Start
    execution: int
    began: float
    task: "asyncio.Task[None] | None" = None


@dataclass(slots=True)
class _Batch:
    """What is gathered for the next commit."""

    results: list[StepResult] = field(default_factory=list)
    events: list[NewEvent] = field(default_factory=list)
    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)
    admitted: list[tuple[Start, int]] = field(default_factory=list)

    def sealed(self, change: RunChange | None) -> Batch:
        """As it goes to the checkpoint."""
        return Batch.model_construct(
            results=tuple(self.results),
            events=tuple(self.events),
            texts=tuple((path, text) for path, outcome in self.outcomes for text in outcome.texts),
            approvals=tuple(request for _, outcome in self.outcomes for request in outcome.approvals),
            run=change,
        )


class Walk:
    """One walk of one run, from its stored results to its end or to where it must wait."""

    def __init__(
        self, run_id: str, task: Task, plan: Plan, checkpoint: Checkpoint, perform: Performer, limits: Limits
    ) -> None:
        self._run_id = run_id
        self._task = task
        self._plan = plan
        self._checkpoint = checkpoint
        self._perform = perform
        self._limits = limits
        self._frontier = Frontier(plan, task.model_dump(mode="json"))
        self._ready: deque[Start] = deque()
        self._running: dict[str, _Running] = {}
        self._suspended: dict[str, tuple[Start, str]] = {}
        self._decided: dict[str, JsonValue] = {}
        self._woken: set[str] = set()
        self._done: asyncio.Queue[tuple[_Running, Outcome]] = asyncio.Queue()
        self._told: list[NewEvent] = []
        self._results: dict[str, StepResult] = {}
        self._started: dict[str, Start] = {}
        self._facts: dict[str, StepFact] = {}
        self._texts: dict[tuple[str, str], Document] = {}
        self._executions: dict[str, int] = {}
        self._entered = 0
        self._made_good: set[str] = set()
        """Failed steps that come to what their fallback came to."""
        self._undone: set[str] = set()
        given = [one for one in (limits.seconds, task.budget.seconds) if one is not None]
        self._seconds = min(given, default=None)
        self._halt: str | None = None
        """Why nothing new starts: a cancellation, a deadline, a guard."""
        self._began = time.monotonic()
        self._looked = float("-inf")
        self._announced = False

    async def __call__(self) -> RunStatus:
        """Walk; the run's status when the walk is over.

        Raises:
            OwnershipLost: another process took the run over; its steps were stopped and nothing more was recorded.
            StoreUnavailable: the database could not be written for longer than the patience allowed.
        """
        with trace.span("run", run=self._run_id, task=self._task.id, plan=self._plan.id) as span:
            try:
                status = await self._walk()
            finally:
                await self._stop_all()
            trace.describe(span, status=status)
            return status

    async def _walk(self) -> RunStatus:
        batch = self._take_up(await self._checkpoint.past())
        while True:
            await self._look_outside()
            self._admit(batch)
            if not self._running and not batch.admitted:
                status = await self._end(batch)
                if status is not None:
                    return status
            else:
                await self._commit(batch, None)
            batch = _Batch()
            await self._collect(batch)

    # The stored results are fed to a fresh frontier: what it then wants started is where the run stands.
    def _take_up(self, past: Past) -> _Batch:
        self._executions = dict(past.executions)
        self._entered = len(past.executions)
        self._undone = {path for path, result in past.results.items() if path.endswith(UNDO) and result.final}
        self._texts = dict(past.texts)
        batch = _Batch()
        reused = sum(result.final for result in past.results.values())
        if past.executions:
            batch.events.append(NewEvent(kind="run.resumed", data={"reused": reused}))
        else:
            batch.events.append(NewEvent(kind="run.started"))
        actions: deque[Action] = deque(self._frontier.begin())
        while actions:
            action = actions.popleft()
            if isinstance(action, Settle):
                self._note_settled(action, past, batch)
                continue
            if isinstance(action, Instead):
                self._made_good.add(action.path)
                continue
            stored = past.results.get(action.path)
            if stored is not None and stored.final:
                self._learn(action, stored)
                actions.extend(self._frontier.settle(stored))
            elif stored is not None:
                self._suspended[action.path] = (action, stored.waits_for)
            else:
                self._ready.append(action)
        # What is taken back is taken back in the order in which it was recorded.
        self._facts = {path: self._facts[path] for path in past.results if path in self._facts}
        return batch

    def _note_settled(self, action: Settle, past: Past | None, batch: _Batch) -> None:
        result = action.result
        self._results[result.path] = result
        if past is not None and result.path in past.results:
            return
        batch.results.append(result)
        batch.events.append(settled_event(result))

    def _learn(self, start: Start, result: StepResult) -> None:
        self._results[result.path] = result
        self._started[result.path] = start
        step = start.step
        uses = step.tool if isinstance(step, ToolStep) else step.agent if isinstance(step, AgentStep) else ""
        self._facts[result.path] = StepFact(
            result.path,
            step.kind,
            uses,
            result.status,
            error=result.error.message if result.error else "",
            empty=found_nothing(result.output),
        )

    def _admit(self, batch: _Batch) -> None:
        """Move ready steps to the next commit while there is room; an exclusive one waits until it is alone."""
        if self._halt is not None:
            return
        while self._ready and len(self._running) + len(batch.admitted) < self._limits.width:
            alone = not self._running and not batch.admitted
            taken = [*(one.start for one in self._running.values()), *(start for start, _ in batch.admitted)]
            if any(start.step.exclusive for start in taken) or (self._ready[0].step.exclusive and not alone):
                return
            if self._entered >= self._limits.max_steps and self._ready[0].path not in self._executions:
                self._halt = f"the run performed {self._limits.max_steps} steps, its limit (`KAPELLE_RUN__MAX_STEPS`)"
                return
            start = self._ready.popleft()
            execution, begun = self._enter_again(start)
            self._entered += execution == 1
            batch.events.append(begun)
            batch.admitted.append((start, execution))

    def _enter_again(self, start: Start) -> tuple[int, NewEvent]:
        execution = self._executions.get(start.path, 0) + 1
        self._executions[start.path] = execution
        # Entered again because what it waited for is settled, it goes on; after a crash it begins anew.
        woken = start.path in self._woken
        kind: EventKind = "step.started" if execution == 1 or woken else "step.restarted"
        return execution, NewEvent(kind=kind, path=start.path, execution=execution, data=described(start))

    async def _commit(self, batch: _Batch, change: RunChange | None) -> None:
        self._hear(batch)
        if change is None and not self._announced:
            change = RunChange(status="running")
        if batch.events or batch.results or change is not None:
            await self._checkpoint.commit(batch.sealed(change))
        self._announced = True
        for start, execution in batch.admitted:
            self._begin(start, execution)

    # A method: `_told` is another list after every commit, and steps go on telling.
    def _tell(self, event: NewEvent) -> None:
        self._told.append(event)

    def _hear(self, batch: _Batch) -> None:
        """Put what running steps told since the last commit before everything else."""
        told, self._told = self._told, []
        batch.events[:0] = told

    def _begin(self, start: Start, execution: int) -> None:
        running = _Running(start, execution, time.monotonic())
        running.task = asyncio.create_task(self._enter(running), name=f"step {start.path}")
        self._running[start.path] = running

    async def _enter(self, running: _Running) -> None:
        start = running.start
        about = Circumstances(
            run_id=self._run_id,
            task=self._task,
            execution=running.execution,
            texts=self._texts,
            steps=self._facts,
            decided=self._decided.get(start.path),
            tell=self._tell,
        )
        with trace.span(f"step {start.path}", run=self._run_id, step=start.path, kind=start.step.kind) as span:
            try:
                outcome = await self._perform(start, start.inputs(), about)
            except GaveUp as gave_up:
                outcome = Outcome(error=failure_of(gave_up.error), attempts=gave_up.attempts)
            except BindError as error:
                outcome = Outcome(error=StepFailure(cls="BindError", message=redact_text(str(error))), attempts=0)
            except Exception as error:  # the one place where any failure of a step becomes data
                outcome = Outcome(error=failure_of(error))
            if outcome.error is not None:
                trace.note_error(span, outcome.error.cls, outcome.error.message)
        self._done.put_nowait((running, outcome))

    async def _collect(self, batch: _Batch) -> None:
        """Wait for a step to end, at most until the next look outside; take everything that is there."""
        if not self._running and self._done.empty():
            return
        try:
            async with asyncio.timeout(POLL):
                self._take(*await self._done.get(), batch)
        except TimeoutError:
            return
        while not self._done.empty():
            self._take(*self._done.get_nowait(), batch)

    async def _look_outside(self) -> None:
        """See whether somebody cancelled, decided, or time is up; at most once per POLL while steps run."""
        now = time.monotonic()
        # With nothing left to do the look is due at once: the run is about to end or to wait.
        if (self._running or self._ready) and now - self._looked < POLL:
            return
        self._looked = now
        if self._halt is None:
            self._halt = await self._reason_to_halt()
        if self._halt is not None:
            await self._stop_all()
        elif self._suspended:
            await self._wake()

    async def _reason_to_halt(self) -> str | None:
        if await self._checkpoint.cancel_requested():
            return CANCELLED
        seconds = self._seconds
        if seconds is not None and time.monotonic() - self._began > seconds:
            return f"the run took longer than {seconds:g} s, its limit"
        deadline = self._task.deadline
        if deadline is not None and clock.now() > deadline:
            return f"the deadline {clock.to_iso(deadline)} has passed"
        return None

    async def _wake(self) -> None:
        """Take up suspended steps whose question is settled."""
        refs = [ref.removeprefix("approval:") for _, ref in self._suspended.values() if ref.startswith("approval:")]
        settled = await self._checkpoint.settled(refs) if refs else {}
        now = clock.now()
        for path, (start, ref) in list(self._suspended.items()):
            kind, _, what = ref.partition(":")
            if what in settled:
                self._decided[path] = settled[what]
            elif not (kind == "date" and clock.parse_time(what) <= now):
                continue
            del self._suspended[path]
            self._woken.add(path)
            self._ready.append(start)

    def _take(self, running: _Running, outcome: Outcome, batch: _Batch) -> None:
        start = running.start
        del self._running[start.path]
        for text in outcome.texts:
            self._texts[(text.source, text.sha256)] = text
        result = result_of(start, running.execution, running.began, outcome)
        batch.outcomes.append((start.path, outcome))
        place = {"path": start.path, "execution": running.execution}
        batch.events.extend(note.model_copy(update=place) for note in outcome.notes)
        batch.results.append(result)
        batch.events.append(settled_event(result))
        if not result.final:
            self._suspended[start.path] = (start, result.waits_for)
            return
        self._learn(start, result)
        for action in self._frontier.settle(result):
            if isinstance(action, Settle):
                self._note_settled(action, None, batch)
            elif isinstance(action, Instead):
                self._made_good.add(action.path)
                batch.events.append(NewEvent(kind="fallback", path=action.path, data={"by": action.by}))
            else:
                self._ready.append(action)

    async def _end(self, batch: _Batch) -> RunStatus | None:
        """End the run, or leave it waiting; None when a decision came in between and the walk goes on."""
        if self._halt is None and self._suspended:
            return await self._park(batch)
        if self._halt == CANCELLED:
            await self._undo(batch)
        change = self._final()
        data: dict[str, JsonValue] = {"status": change.status}
        if change.error is not None:
            data["error"] = change.error.message
        kind = "run.cancelled" if change.status == "cancelled" else "run.finished"
        batch.events.append(NewEvent(kind=kind, data=data))
        await self._commit(batch, change)
        metadata = execution_metadata(self._results.values())
        log.info("run.completed", run=self._run_id, task_id=self._task.id, status=change.status, **metadata)
        return change.status

    async def _park(self, batch: _Batch) -> RunStatus | None:
        refs = sorted(ref for _, ref in self._suspended.values())
        waiting = NewEvent(kind="run.waiting", data={"for": list(refs)})
        self._hear(batch)
        try:
            parked = _Batch(batch.results, [*batch.events, waiting], batch.outcomes, [])
            await self._commit(parked, RunChange(status="waiting", waiting_for=", ".join(refs)))
        except DecidedMeanwhile:
            await self._commit(batch, None)
            return None
        return "waiting"

    def _final(self) -> RunChange:
        spent = sum((one.usage for one in self._results.values() if one.usage), Usage())
        if self._halt == CANCELLED:
            return RunChange(status="cancelled", spent=spent)
        output = self._frontier.output
        value = output.output if output is not None and output.status == "succeeded" else None
        error = self._why_not(output)
        if error is not None:
            return RunChange(status="failed", output=value, error=error, spent=spent)
        troubled = self._halt is not None or any(self._troubled(one) for one in self._results.values())
        halted = StepFailure(cls="Halted", message=self._halt) if self._halt else None
        return RunChange(status="partial" if troubled else "succeeded", output=value, error=halted, spent=spent)

    def _why_not(self, output: StepResult | None) -> StepFailure | None:
        """Why the run has not succeeded, or None when its output came and passed."""
        if output is None:
            return StepFailure(cls="Halted", message=self._halt or "the run ended before its output")
        if output.status != "succeeded":
            reason = output.error.message if output.error else output.route or output.status
            return output.error or StepFailure(cls="NoOutput", message=f"`{output.path}`: {reason}")
        verdict = output.output.get("verdict") if isinstance(output.output, dict) else None
        if isinstance(verdict, dict) and verdict.get("passed") is False:
            reasons = verdict.get("reasons")
            listed = "; ".join(str(reason) for reason in reasons) if isinstance(reasons, list) else ""
            return StepFailure(cls="NotPassed", message=f"the answer did not pass: {listed or 'no reason given'}")
        return None

    async def _undo(self, batch: _Batch) -> None:
        """Take back finished steps that say how, newest first."""
        done = [path for path, fact in self._facts.items() if fact.status == "succeeded" and fact.kind == "tool"]
        for path in reversed(done):
            start = self._started.get(path)
            if start is None or not isinstance(start.step, ToolStep) or start.step.undo is None:
                continue
            back = Start(path + UNDO, undo_of(start.step, start.step.undo), start.scope)
            if back.path in self._undone:
                continue
            execution, begun = self._enter_again(back)
            batch.events.append(begun)
            await self._commit(batch, None)
            batch.results, batch.events, batch.outcomes = [], [], []
            running = _Running(back, execution, time.monotonic())
            await self._enter(running)
            _, outcome = self._done.get_nowait()
            result = result_of(back, running.execution, running.began, outcome)
            batch.outcomes.append((back.path, outcome))
            batch.results.append(result)
            batch.events.append(settled_event(result))

    def _troubled(self, result: StepResult) -> bool:
        """Whether something went wrong in a step that no fallback, of it or of what it is a part of, made good."""
        if result.error is None:
            return False
        parts = result.path.split("/")
        return self._made_good.isdisjoint("/".join(parts[:number]) for number in range(1, len(parts) + 1))

    async def _stop_all(self) -> None:
        tasks = [running.task for running in self._running.values() if running.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._running.clear()
        while not self._done.empty():
            self._done.get_nowait()
