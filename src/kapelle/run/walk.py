"""Walk a plan: start what is ready, record what is done, until nothing is left."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from pydantic import JsonValue

from kapelle import clock
from kapelle.evidence.model import Document
from kapelle.plan.model import AgentStep, Plan, ToolStep
from kapelle.resilience.guarded import GaveUp
from kapelle.run.again.cone import UNDO, locate
from kapelle.run.approvals.approval import hash_of
from kapelle.run.bind import BindError
from kapelle.run.checkpoint import CancelledMeanwhile, Checkpoint, DecidedMeanwhile, Part, PartEnd, Past, RunChange
from kapelle.run.checkpoint import Spread as SpreadRequest
from kapelle.run.ending import CANCELLED, final_change
from kapelle.run.frontier import Action, Frontier, Instead, Settle, Spread, Start
from kapelle.run.gathered import Gathered, Running
from kapelle.run.inside.deltas import Speech
from kapelle.run.model import EventKind, NewEvent, RunStatus, StepFailure, StepResult, execution_metadata
from kapelle.run.outcome import Circumstances, Outcome, Performer, StepFact
from kapelle.run.telling import described, failure_of, found_nothing, result_of, settled_event, stretches_of, undo_of
from kapelle.task.model import Task
from kapelle.telemetry import trace
from kapelle.telemetry.logs import log
from kapelle.telemetry.redact import redact_text

POLL = 0.5
"""Seconds between two looks for a cancellation or a decision, where no bell was heard."""
_SOON = 0.05
"""Seconds within which what a step tells is recorded, while it goes on."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Guards of one walk."""

    width: int = 16
    """Steps at once."""
    max_steps: int = 10_000
    max_bytes: int = 256_000_000
    """Bytes that the results of a run may come to."""
    seconds: float | None = None
    """Wall-clock time this walk may take."""
    park_after: float = 0.0
    """Seconds a run that waits for somebody is held in memory."""
    spread: bool = False
    """There are workers that take items of a spread map."""


class Walk:
    """One walk of one run, or of one part of it, from its stored results to its end or to where it must wait."""

    def __init__(
        self,
        run_id: str,
        task: Task,
        plan: Plan,
        checkpoint: Checkpoint,
        perform: Performer,
        limits: Limits,
        part: Part | None = None,
    ) -> None:
        self._run_id = run_id
        self._task = task
        self._plan = plan
        self._checkpoint = checkpoint
        self._perform = perform
        self._limits = limits
        self._part = part
        within = part.prefix.removesuffix("/") if part else ""
        self._frontier = Frontier(plan, task.model_dump(mode="json"), within=within)
        self._ready: deque[Start] = deque()
        self._running: dict[str, Running] = {}
        self._suspended: dict[str, tuple[Start, str]] = {}
        self._spread_out: dict[str, str] = {}
        """Paths of spread maps whose items are walked elsewhere, and what to wait for."""
        self._decided: dict[str, JsonValue] = {}
        self._woken: set[str] = set()
        self._done: asyncio.Queue[tuple[Running, Outcome] | None] = asyncio.Queue()
        """Steps that ended; None: look outside."""
        self._speech = Speech(checkpoint.say)
        self._told: list[NewEvent] = []
        self._news: asyncio.TimerHandle | None = None
        """Rings when it is time to record what was told; what ends before takes it along."""
        self._results: dict[str, StepResult] = {}
        self._started: dict[str, Start] = {}
        self._facts: dict[str, StepFact] = {}
        self._texts: dict[tuple[str, str], Document] = {}
        self._past = Past()
        """What was recorded when the walk began."""
        self._executions: dict[str, int] = {}
        self._revisions: dict[str, int] = {}
        """Of paths that a rerun asks for again."""
        self._again: frozenset[str] = frozenset()
        """Those of them that were not entered since."""
        self._entered = 0
        self._bytes = 0
        self._made_good: set[str] = set()
        """Failed steps that come to what their fallback came to."""
        self._undone: dict[str, StepResult] = {}
        """What came of the calls that take steps back, by their paths."""
        self._changing: set[str] = set()
        """Steps that were cleared to change something outside."""
        self._stopped: list[str] = []
        """Those of them that were stopped under way."""
        given = [one for one in (limits.seconds, task.budget.seconds) if one is not None]
        self._seconds = min(given, default=None)
        self._halt: str | None = None
        """Why nothing new starts: a cancellation, a deadline, a guard."""
        self._began = time.monotonic()
        self._looked = float("-inf")
        self._alarm: asyncio.TimerHandle | None = None
        """Rings when it is time to look outside; one serves all steps that end before."""
        self._announced: RunStatus | None = None
        """The status that the run's row shows, as far as this walk has written it."""
        self._idle_since: float | None = None
        self._leaving = False
        self._waited = 0.0
        """Seconds for which this walk only waited for somebody."""

    async def __call__(self) -> RunStatus:
        """Walk; the run's status when the walk is over.

        Raises:
            OwnershipLost: another process took the run over; its steps were stopped and nothing more was recorded.
            StoreUnavailable: the database could not be written for longer than the patience allowed.
        """
        place = f"{self._part.map}/{self._part.number}" if self._part else ""
        loop = asyncio.get_running_loop()
        leave = self._checkpoint.listen(lambda: loop.call_soon_threadsafe(self._done.put_nowait, None))
        with trace.span("run", run=self._run_id, task=self._task.id, plan=self._plan.id, part=place) as span:
            try:
                status = await self._walk()
            finally:
                leave()
                for timer in (self._alarm, self._news):
                    if timer is not None:
                        timer.cancel()
                await self._speech.end()
                await self._stop_all()
            trace.describe(span, status=status)
            return status

    @property
    def idle(self) -> bool:
        """Nothing is performed: the run waits for somebody."""
        return self._idle_since is not None and not self._running

    def leave(self) -> None:
        """Park the run as soon as it waits, instead of holding it."""
        self._leaving = True
        self._done.put_nowait(None)

    async def _walk(self) -> RunStatus:
        batch = self._take_up(await self._checkpoint.past())
        if self._seconds is not None:
            self._began -= await self._checkpoint.walked()
        while True:
            await self._look_outside(batch)
            self._admit(batch)
            if not self._running and not batch.admitted:
                status = await self._end(batch)
                if status is not None:
                    return status
            else:
                await self._commit(batch)
            batch = Gathered()
            await self._collect(batch)

    # The stored results are fed to a fresh frontier: what it then wants started is where the run stands.
    def _take_up(self, past: Past) -> Gathered:
        self._past = past
        self._executions = dict(past.executions)
        self._revisions, self._again = dict(past.revisions), past.again
        self._entered = len(past.executions)
        self._bytes = past.bytes
        if past.just_made:
            self._looked = time.monotonic()
        self._undone = {path: one for path, one in past.results.items() if path.endswith(UNDO) and one.final}
        self._texts = dict(past.texts)
        batch = Gathered()
        reused = sum(result.final for result in past.results.values())
        if self._part is None and past.executions:
            batch.events.append(NewEvent(kind="run.resumed", data={"reused": reused}))
        elif self._part is None:
            batch.events.append(NewEvent(kind="run.started"))
        self._follow(self._frontier.begin(), batch)
        # What is taken back is taken back in the order in which it was recorded.
        self._facts = {path: self._facts[path] for path in past.results if path in self._facts}
        return batch

    def _follow(self, actions: Iterable[Action], batch: Gathered) -> None:
        """Do what the frontier says; what the past has recorded is taken as it is, also behind what is done again."""
        todo = deque(actions)
        while todo:
            action = todo.popleft()
            match action:
                case Settle(result=result):
                    self._note_settled(result, batch)
                case Instead(path=path, by=by):
                    self._made_good.add(path)
                    if not self._recorded(by):
                        batch.events.append(NewEvent(kind="fallback", path=path, data={"by": by}))
                case Spread():
                    todo.extend(self._spread(action, batch))
                case Start():
                    todo.extend(self._take_start(action))

    def _recorded(self, path: str) -> bool:
        known = self._past.results.get(path)
        return known is not None and known.final

    def _take_start(self, start: Start) -> list[Action]:
        stored = self._past.results.get(start.path)
        if stored is not None and stored.final:
            self._learn(start, stored)
            return self._frontier.settle(stored)
        if not self._mine(start.path):
            return []
        if stored is not None:
            self._suspended[start.path] = (start, stored.waits_for)
        else:
            self._ready.append(start)
        return []

    def _mine(self, path: str) -> bool:
        return self._part is None or path.startswith(self._part.prefix)

    def _spread(self, action: Spread, batch: Gathered) -> list[Action]:
        """Hand a map's items out, or go on with them when they are settled; without workers they are begun here."""
        if self._part is not None and action.path == self._part.map:
            return self._frontier.open_item(action.path, self._part.number)
        handed_out = self._past.parts.get(action.path)
        if handed_out:
            return self._frontier.open_items(action.path)
        if self._part is not None:
            return []
        if handed_out is None and not self._limits.spread:
            return self._frontier.open_items(action.path)
        if handed_out is None:
            batch.spreads.append(SpreadRequest(path=action.path, items=action.items, width=action.width))
            text = f"{action.items} items are spread over the workers"
            batch.events.append(NewEvent(kind="note", path=action.path, data={"text": text}))
        self._spread_out[action.path] = f"parts:{action.path}"
        return []

    def _note_settled(self, result: StepResult, batch: Gathered) -> None:
        revision = self._revision(result.path)
        result = result.model_copy(update={"revision": revision}) if revision else result
        self._results[result.path] = result
        if not self._mine(result.path) or result.path in self._past.results:
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
            retrieved=stretches_of(result.output) if step.kind == "search" else (),
        )

    def _admit(self, batch: Gathered) -> None:
        """Move ready steps to the next commit while there is room; an exclusive one waits until it is alone."""
        if self._halt is not None:
            return
        busy = len(self._running) + len(batch.admitted)
        exclusive = any(running.start.step.exclusive for running in self._running.values())
        while self._ready and busy < self._limits.width and not exclusive:
            alone = not busy and not self._spread_out
            if self._ready[0].step.exclusive and not alone:
                return
            self._halt = self._over_a_guard(self._ready[0].path)
            if self._halt is not None:
                return
            start = self._ready.popleft()
            execution, begun = self._enter_again(start)
            self._entered += execution == 1
            batch.events.append(begun)
            batch.admitted.append((start, execution))
            busy, exclusive = busy + 1, start.step.exclusive

    def _over_a_guard(self, path: str) -> str | None:
        if self._entered >= self._limits.max_steps and path not in self._executions:
            return f"the run performed {self._limits.max_steps} steps, its limit (`KAPELLE_RUN__MAX_STEPS`)"
        if self._bytes > self._limits.max_bytes:
            return f"the run's results come to {self._bytes} bytes; the limit (`KAPELLE_RUN__MAX_BYTES`) is passed"
        return None

    def _enter_again(self, start: Start) -> tuple[int, NewEvent]:
        execution = self._executions.get(start.path, 0) + 1
        self._executions[start.path] = execution
        # Entered again because what it waited for is settled, it goes on; after a crash it begins anew.
        woken = start.path in self._woken or start.path in self._again
        self._woken.discard(start.path)
        self._again -= {start.path}
        kind: EventKind = "step.started" if execution == 1 or woken else "step.restarted"
        return execution, NewEvent(kind=kind, path=start.path, execution=execution, data=described(start))

    async def _commit(
        self, batch: Gathered, change: RunChange | None = None, *, unless_cancelled: bool = False
    ) -> None:
        self._hear(batch)
        if change is None and self._part is None and self._announced != "running":
            if self._announced == "waiting":
                batch.events.insert(0, NewEvent(kind="run.resumed"))
            change = RunChange(status="running")
        if change is not None or not batch.empty:
            self._bytes += await self._checkpoint.commit(batch.sealed(change, unless_cancelled=unless_cancelled))
        self._announced = change.status if change is not None else self._announced
        for start, execution in batch.admitted:
            self._begin(start, execution)

    # A method: `_told` is another list after every commit, and steps go on telling.
    def _tell(self, event: NewEvent) -> None:
        self._told.append(event)
        if self._news is None:
            self._news = asyncio.get_running_loop().call_later(_SOON, self._done.put_nowait, None)

    def _hear(self, batch: Gathered) -> None:
        """Put what running steps told since the last commit before everything else."""
        if self._news is not None:
            self._news.cancel()
            self._news = None
        told, self._told = self._told, []
        batch.events[:0] = told

    def _begin(self, start: Start, execution: int) -> None:
        if self._idle_since is not None:
            self._waited += time.monotonic() - self._idle_since
            self._idle_since = None
        running = Running(start, execution, time.monotonic())
        running.task = asyncio.create_task(self._enter(running), name=f"step {start.path}")
        self._running[start.path] = running

    def _revision(self, path: str) -> int:
        return self._revisions.get(path, 0)

    def _about(self, running: Running, inputs_hash: str) -> Circumstances:
        start = running.start
        return Circumstances(
            run_id=self._run_id,
            task=self._task,
            execution=running.execution,
            revision=self._revision(start.path),
            inputs_hash=inputs_hash,
            texts=self._texts,
            steps=self._facts,
            decided=self._decided.get(start.path),
            tell=self._tell,
            say=partial(self._speech.say, start.path, running.execution),
            journal=self._checkpoint,
            clearance=partial(self._clear, start.path),
        )

    async def _clear(self, path: str) -> None:
        await self._checkpoint.clearance()
        self._changing.add(path)

    async def _enter(self, running: Running) -> None:
        start, digest = running.start, ""
        with trace.span(f"step {start.path}", run=self._run_id, step=start.path, kind=start.step.kind) as span:
            try:
                inputs = start.inputs()
                digest = hash_of(inputs)[:12]
                outcome = await self._perform(start, inputs, self._about(running, digest))
            except GaveUp as gave_up:
                outcome = Outcome(error=failure_of(gave_up.error), attempts=gave_up.attempts)
            except BindError as error:
                outcome = Outcome(error=StepFailure(cls="BindError", message=redact_text(str(error))), attempts=0)
            except Exception as error:  # the one place where any failure of a step becomes data
                outcome = Outcome(error=failure_of(error))
            if outcome.error is not None:
                trace.note_error(span, outcome.error.cls, outcome.error.message)
        outcome.inputs_hash = digest
        self._done.put_nowait((running, outcome))

    async def _collect(self, batch: Gathered) -> None:
        """Wait for a step to end, at most until the next look outside; take everything that is there."""
        if not self._running and self._done.empty():
            return
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(self._until_look(), self._ring)
        self._take(await self._done.get(), batch)
        self._take_ended(batch)

    def _take_ended(self, batch: Gathered) -> None:
        while not self._done.empty():
            self._take(self._done.get_nowait(), batch)

    def _ring(self) -> None:
        self._alarm = None
        self._done.put_nowait(None)

    async def _look_outside(self, batch: Gathered) -> None:
        """See whether somebody cancelled, decided, or time is up; at once when a bell rang or nothing is left to do."""
        now = time.monotonic()
        waits = self._suspended or self._spread_out
        # A run with nothing left to do need not ask whether it was cancelled: its last commit refuses then.
        over = not (self._running or self._ready or waits)
        if (self._running or self._ready) and now - self._looked < POLL:
            return
        self._looked = now
        if self._halt is None:
            self._halt = self._reason_of_time() if over else await self._reason_to_halt()
        if self._halt is not None:
            await self._stop(batch)
        elif waits:
            await self._wake(batch)

    def _until_look(self) -> float:
        """Seconds until it is time to look outside: POLL, or less where the run's time is up sooner."""
        left = [POLL]
        if self._seconds is not None:
            left.append(self._seconds - (time.monotonic() - self._began - self._waited))
        if self._task.deadline is not None:
            left.append((self._task.deadline - clock.now()).total_seconds())
        return max(0.0, min(left)) + 0.001

    async def _reason_to_halt(self) -> str | None:
        if await self._checkpoint.cancel_requested():
            return CANCELLED
        return self._reason_of_time()

    def _reason_of_time(self) -> str | None:
        seconds = self._seconds
        if seconds is not None and time.monotonic() - self._began - self._waited > seconds:
            return f"the run took longer than {seconds:g} s, its limit"
        deadline = self._task.deadline
        if deadline is not None and clock.now() > deadline:
            return f"the deadline {clock.to_iso(deadline)} has passed"
        return None

    async def _wake(self, batch: Gathered) -> None:
        """Take up suspended steps whose question is settled, and spread maps whose items are."""
        refs = [*(ref for _, ref in self._suspended.values()), *self._spread_out.values()]
        settled = await self._checkpoint.settled(refs)
        for path, (start, ref) in list(self._suspended.items()):
            if ref in settled:
                self._decided[path] = settled[ref]
                del self._suspended[path]
                self._woken.add(path)
                self._ready.append(start)
        done = [path for path, ref in self._spread_out.items() if ref in settled]
        if done:
            # The items were walked elsewhere: what they came to is the past of what follows.
            self._past = await self._checkpoint.past()
            self._texts.update(self._past.texts)
            for path in done:
                del self._spread_out[path]
                self._follow(self._frontier.open_items(path), batch)

    def _take(self, ended: tuple[Running, Outcome] | None, batch: Gathered) -> None:
        if ended is None:
            self._looked = float("-inf")
            return
        running, outcome = ended
        start = running.start
        del self._running[start.path]
        for text in outcome.texts:
            self._texts[(text.source, text.sha256)] = text
        result = result_of(start, running.execution, running.began, outcome, self._revision(start.path))
        batch.outcomes.append((start.path, outcome))
        if self._speech.silence(start.path):
            batch.silenced.append(start.path)
        place = {"path": start.path, "execution": running.execution}
        batch.events.extend(note.model_copy(update=place) for note in outcome.notes)
        batch.results.append(result)
        batch.events.append(settled_event(result))
        if not result.final:
            self._suspended[start.path] = (start, result.waits_for)
            return
        self._learn(start, result)
        self._follow(self._frontier.settle(result), batch)

    async def _end(self, batch: Gathered) -> RunStatus | None:
        """End the walk, or leave the run waiting; None when it goes on."""
        if self._halt is None and (self._suspended or self._spread_out):
            return await self._wait(batch)
        if self._part is not None:
            return await self._end_part(self._part, batch)
        if self._halt == CANCELLED:
            await self._undo(batch)
        left = self._not_taken_back() if self._halt == CANCELLED else self._under_way()
        change = final_change(self._halt, self._frontier.output, self._results, self._made_good, left)
        data: dict[str, JsonValue] = {"status": change.status}
        if change.error is not None:
            data["error"] = change.error.message
        kind: EventKind = "run.cancelled" if change.status == "cancelled" else "run.finished"
        batch.events.append(NewEvent(kind=kind, data=data))
        try:
            await self._commit(batch, change, unless_cancelled=self._halt is None)
        except CancelledMeanwhile:
            batch.events.pop()
            self._halt = CANCELLED
            return await self._end(batch)
        metadata = execution_metadata(self._results.values())
        log.info("run.completed", run=self._run_id, task_id=self._task.id, status=change.status, **metadata)
        return change.status

    async def _end_part(self, part: Part, batch: Gathered) -> RunStatus:
        result = self._frontier.item_result(part.map, part.number)
        failed = result is None or self._frontier.fails_map(part.map, result)
        self._hear(batch)
        await self._checkpoint.commit(batch.sealed(part=PartEnd(failed=failed)))
        return "running"

    async def _wait(self, batch: Gathered) -> RunStatus | None:
        """Hold the run for a while in case somebody decides soon, then park it."""
        refs = sorted({*(ref for _, ref in self._suspended.values()), *self._spread_out.values()})
        asked = [ref for ref in refs if not ref.startswith("parts:")]
        if asked and self._part is None and self._announced != "waiting":
            batch.events.append(NewEvent(kind="run.waiting", data={"for": list(refs)}))
        now = time.monotonic()
        self._idle_since = self._idle_since or now
        held = asked and self._part is None and not self._leaving
        left = self._idle_since + self._limits.park_after - now if held else 0.0
        if left <= 0:
            return await self._park(batch, tuple(refs), "waiting" if asked else "running")
        if self._announced != "waiting" or not batch.empty:
            await self._commit(batch, RunChange(status="waiting", waiting_for=", ".join(refs)))
        await self._listen(min(left, POLL))
        return None

    async def _listen(self, seconds: float) -> None:
        """Wait for a bell."""
        try:
            async with asyncio.timeout(seconds):
                await self._done.get()
        except TimeoutError:
            pass

    async def _park(self, batch: Gathered, refs: tuple[str, ...], status: RunStatus) -> RunStatus | None:
        self._hear(batch)
        dates = [clock.parse_time(ref.removeprefix("date:")) for ref in refs if ref.startswith("date:")]
        if self._task.deadline is not None:
            dates.append(self._task.deadline)
        change = RunChange(status=status, waiting_for=", ".join(refs), parked=True, wake_at=min(dates, default=None))
        try:
            if self._part is not None:
                sealed = batch.sealed(part=PartEnd(waits=True), waits_for=refs)
            else:
                sealed = batch.sealed(change, waits_for=refs)
            await self._checkpoint.commit(sealed)
        except DecidedMeanwhile:
            batch.events = [event for event in batch.events if event.kind != "run.waiting"]
            await self._commit(batch)
            return None
        return status

    async def _undo(self, batch: Gathered) -> None:
        """Take back finished steps that say how, newest first; what a fork has kept of another run is that one's."""
        done = [
            path
            for path, fact in self._facts.items()
            if fact.status == "succeeded" and fact.kind == "tool" and path in self._executions
        ]
        for path in reversed(done):
            start = self._started.get(path)
            undo = _undo_at(start) if start is not None else None
            if start is None or undo is None:
                continue
            back = Start(path + UNDO, undo, start.scope)
            if back.path in self._undone:
                continue
            execution, begun = self._enter_again(back)
            batch.events.append(begun)
            await self._commit(batch)
            batch.results, batch.events, batch.outcomes = [], [], []
            running = Running(back, execution, time.monotonic())
            await self._enter(running)
            outcome = self._outcome_of(running)
            result = result_of(back, running.execution, running.began, outcome, self._revision(back.path))
            batch.outcomes.append((back.path, outcome))
            batch.results.append(result)
            batch.events.append(settled_event(result))
            self._undone[back.path] = result

    def _under_way(self) -> list[str]:
        """Writes that were stopped."""
        return [f"`{path}` was stopped under way: it may have taken place" for path in self._stopped]

    def _not_taken_back(self) -> list[str]:
        """What a cancelled run leaves changed outside, or may."""
        left = self._under_way()
        begun = (one.path for one in self._ready if one.path not in self._again and _undo_at(one) is not None)
        left += [
            f"`{path}` was begun before a crash: it may have taken place"
            for path in begun
            if path in self._past.executions
        ]
        done = self._past.done_before
        before = (path for path in done if self._is_undoable(path) and done[path] > done.get(path + UNDO, 0))
        left += [f"`{path}` was done before a rerun: that is not taken back" for path in before]
        for path, result in self._undone.items():
            if result.status != "succeeded":
                reason = result.error.message if result.error else f"it waits for {result.waits_for}"
                left.append(f"`{path.removesuffix(UNDO)}` was not taken back: {reason}")
        return left

    def _is_undoable(self, path: str) -> bool:
        step = None if path.endswith(UNDO) else locate(self._plan, path)[-1].step
        return isinstance(step, ToolStep) and step.undo is not None

    def _outcome_of(self, running: Running) -> Outcome:
        while True:
            ended = self._done.get_nowait()
            if ended is not None and ended[0] is running:
                return ended[1]

    async def _stop(self, batch: Gathered) -> None:
        """Stop what is performed. What has ended by then is kept; of the rest it is told that it was under way."""
        self._take_ended(batch)
        await self._cancel_all()
        self._take_ended(batch)
        for path, running in self._running.items():
            error = StepFailure(cls="Stopped", message="it was stopped under way")
            batch.events.append(
                settled_event(StepResult(path=path, execution=running.execution, status="cancelled", error=error))
            )
        self._stopped += [path for path in self._running if path in self._changing]
        self._running.clear()

    async def _stop_all(self) -> None:
        await self._cancel_all()
        self._running.clear()
        while not self._done.empty():
            self._done.get_nowait()

    async def _cancel_all(self) -> None:
        tasks = [running.task for running in self._running.values() if running.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _undo_at(start: Start) -> ToolStep | None:
    step = start.step
    return undo_of(step, step.undo) if isinstance(step, ToolStep) and step.undo is not None else None
