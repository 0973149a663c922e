"""What the tests build with: steps and plans in one line, tools that count, and a stage on which a plan is walked."""

import asyncio
import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from kapelle import clock
from kapelle.evidence.index_sqlite import memory_index
from kapelle.evidence.model import Document
from kapelle.plan.catalog import Catalog, make_catalog
from kapelle.plan.model import MapStep, Plan, RepeatStep, Step, ToolStep
from kapelle.run.approvals.approval import ApprovalRecord, Decision, hash_of
from kapelle.run.checkpoint import Batch, Checkpoint
from kapelle.run.checkpoint_memory import MemoryCheckpoint, MemoryRun
from kapelle.run.model import NewEvent, RunRecord, RunStatus, StepFailure, StepResult
from kapelle.run.outcome import Circumstances, Performer, StepFact
from kapelle.run.perform import Capabilities, StepPerformer
from kapelle.run.walk import Limits as WalkLimits
from kapelle.run.walk import Walk
from kapelle.task.model import Task
from kapelle.tools.call import Limits
from kapelle.tools.decorator import tool
from kapelle.tools.model import Tool

OWNER = "acme/ann"


def ref(name: str, path: str = "") -> dict[str, JsonValue]:
    """A reference as plan data."""
    return {"$ref": name, "path": path} if path else {"$ref": name}


def when(name: str, path: str = "", op: str = "truthy", to: JsonValue = None) -> dict[str, JsonValue]:
    """A condition as plan data."""
    return {"value": ref(name, path), "op": op, "to": to}


def step(id: str, *needs: str, uses: str = "note", **fields: Any) -> Step:
    """A tool step that reads the outputs of `needs`."""
    inputs: dict[str, JsonValue] = {"name": id}
    if needs:
        inputs["given"] = [ref(name) for name in needs]
    return ToolStep.model_validate({"id": id, "tool": uses, "inputs": {**inputs, **fields.pop("inputs", {})}, **fields})


def each(id: str, over: JsonValue, *body: Step, output: str = "", **fields: Any) -> Step:
    """A map step; its output is the body's last step unless another is named."""
    chosen = {"id": id, "over": over, "body": body, "output": output or body[-1].id, **fields}
    return MapStep.model_validate(chosen)


def again(id: str, rounds: int, *body: Step, output: str = "", **fields: Any) -> Step:
    """A repeat step; its output is the body's last step unless another is named."""
    return RepeatStep.model_validate(
        {"id": id, "rounds": rounds, "body": body, "output": output or body[-1].id, **fields}
    )


def plan_of(*steps: Step, output: str = "") -> Plan:
    """A plan whose output is its last step unless another is named."""
    return Plan(steps=steps, output=output or steps[-1].id)


def done(path: str, output: JsonValue = None) -> StepResult:
    """A step that succeeded."""
    return StepResult(path=path, status="succeeded", output=output)


def lost(path: str, message: str = "it broke") -> StepResult:
    """A step that failed."""
    return StepResult(path=path, status="failed", error=StepFailure(cls="ToolFailed", message=message))


@dataclass
class Ledger:
    """Tools that note every call, and fail, wait or answer as they are told."""

    calls: list[str] = field(default_factory=list)
    """Names in the order in which they were performed."""
    answers: dict[str, Any] = field(default_factory=dict)
    """By name: what the tool gives, or the exception it raises; else the name itself."""
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    """By name: the tool waits for it."""

    @property
    def counted(self) -> Counter[str]:
        """How often each name was performed."""
        return Counter(self.calls)

    @property
    def tools(self) -> tuple[Tool, ...]:
        """`note` reads, `put` writes and `drop` takes back; all take a name and whatever is given."""

        @tool
        async def note(name: str, given: JsonValue = None) -> JsonValue:
            """Note that it was called."""
            return await self._called(name)

        @tool(effect="write")
        async def put(name: str, given: JsonValue = None) -> JsonValue:
            """Change something outside."""
            return await self._called(name)

        @tool
        async def drop(name: JsonValue) -> JsonValue:
            """Take something back."""
            return await self._called(f"drop {name}")

        return note, put, drop

    async def _called(self, name: str) -> Any:
        self.calls.append(name)
        if name in self.held:
            await self.held[name].wait()
        answer = self.answers.get(name, name)
        if isinstance(answer, BaseException):
            raise answer
        given = answer(self.counted[name]) if callable(answer) else answer
        return await given if inspect.isawaitable(given) else given


def circumstances(
    task: Task,
    *,
    inputs: JsonValue = None,
    execution: int = 1,
    texts: Mapping[tuple[str, str], Document] | None = None,
    steps: Mapping[str, StepFact] | None = None,
    decided: JsonValue = None,
    tell: Callable[[NewEvent], None] = lambda _: None,
) -> Circumstances:
    """What a step of a run in memory may know."""
    plan = plan_of(step("a"))
    checkpoint = MemoryCheckpoint(
        MemoryRun(RunRecord(id="run_1", owner=OWNER, task=task, plan=plan, created=clock.now()))
    )
    return Circumstances(
        run_id="run_1",
        task=task,
        execution=execution,
        revision=0,
        inputs_hash=hash_of(inputs)[:12],
        texts=texts or {},
        steps=steps or {},
        decided=decided,
        tell=tell,
        say=lambda _: None,
        journal=checkpoint,
        clearance=checkpoint.clearance,
    )


class Wrapped:
    """A checkpoint around another: what a test does not say otherwise goes through."""

    def __init__(self, inner: Checkpoint) -> None:
        self.inner = inner
        self.batches: list[Batch] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def before(self, batch: Batch) -> None:
        """What a test does before a commit."""

    async def after(self, batch: Batch) -> None:
        """What a test does after one."""

    async def commit(self, batch: Batch) -> int:
        """Commit, with what the test does around it."""
        self.batches.append(batch)
        await self.before(batch)
        written = await self.inner.commit(batch)
        await self.after(batch)
        return written


class Stage:
    """A run in memory that can be walked again and again with real tools."""

    def __init__(self, tools: Iterable[Tool] = (), **task: Any) -> None:
        self.ledger = Ledger()
        self.tools = (*self.ledger.tools, *tools)
        self.task = Task(**{"prompt": "do it", "owner": OWNER, "approve": "never", **task})
        self.run: MemoryRun | None = None

    @property
    def catalog(self) -> Catalog:
        """The tools of this stage."""
        return make_catalog(self.tools, (), ())

    def performer(self, **limits: Any) -> Performer:
        """Performs steps with the tools of this stage, at once and without retries."""
        chosen = Limits(**{"timeout": 5.0, "max_retries": 0, "backoff": 0.0, **limits})
        return StepPerformer(Capabilities(self.catalog, memory_index(), chosen))

    def begin(self, plan: Plan) -> MemoryRun:
        """A fresh run of a plan."""
        record = RunRecord(id="run_1", owner=OWNER, task=self.task, plan=plan, created=clock.now())
        self.run = MemoryRun(record)
        return self.run

    async def walk(
        self,
        plan: Plan,
        *,
        perform: Performer | None = None,
        wrap: Callable[[Checkpoint], Any] = lambda checkpoint: checkpoint,
        **limits: Any,
    ) -> RunStatus:
        """Walk a plan from where its run stands; another plan begins another run."""
        run = self.run if self.run is not None and self.run.record.plan is plan else self.begin(plan)
        checkpoint = wrap(MemoryCheckpoint(run))
        walk = Walk("run_1", self.task, plan, checkpoint, perform or self.performer(), WalkLimits(**limits))
        return await walk()

    @property
    def results(self) -> Mapping[str, StepResult]:
        """What came of the steps, by path."""
        assert self.run is not None
        return self.run.results

    @property
    def record(self) -> RunRecord:
        """The run as it stands."""
        assert self.run is not None
        return self.run.record

    def told(self, *kinds: str) -> list[tuple[str, str | None]]:
        """Kind and path of the events of these kinds (of all, without one), in order."""
        assert self.run is not None
        return [(event.kind, event.path) for event in self.run.events if not kinds or event.kind in kinds]

    @property
    def asked(self) -> list[ApprovalRecord]:
        """The questions that nobody has decided."""
        assert self.run is not None
        return [one for one in self.run.approvals.values() if one.decision is None]

    def decide(self, decision: Decision, *, edited: JsonValue = None, path: str | None = None) -> None:
        """Decide every open question, or the one of a path."""
        assert self.run is not None
        for one in self.asked:
            if path is None or one.path == path:
                update = {"decision": decision, "by": "bo", "at": clock.now(), "reason": "so", "edited": edited}
                self.run.approvals[one.id] = one.model_copy(update=update)
