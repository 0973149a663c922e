"""Orchestrator: the facade over plans and runs."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pydantic import JsonValue

from kapelle import clock
from kapelle.agents.spec import AgentSpec
from kapelle.answer.model import Candidate
from kapelle.assemble import (
    EngineName,
    Parts,
    assemble,
)
from kapelle.budget.model import Budget
from kapelle.corpora import Corpora
from kapelle.errors import BadInput, Conflict, KapelleError, PlanError, RunStuck, UnknownVersion
from kapelle.evidence.embedding.embedder import Embedder
from kapelle.handles import Approval, Approver, Run
from kapelle.ids import new_id
from kapelle.pack import Pack
from kapelle.plan.catalog import Catalog
from kapelle.plan.complete import complete
from kapelle.plan.model import AgentStep, Plan, walk_steps
from kapelle.plan.problem import Problem
from kapelle.plan.secrets import secret_problems
from kapelle.plan.strategies import Strategy
from kapelle.plan.validate import validate
from kapelle.run.approvals.approval import AuditEntry
from kapelle.run.dispatch import queue_of
from kapelle.run.engine import Work
from kapelle.run.kept.purge import archive_of
from kapelle.run.kept.retention import Kind, PurgeReport, cutoffs
from kapelle.run.kept.sessions import Sessions, check_session_id
from kapelle.run.leases import Holder
from kapelle.run.model import RunRecord
from kapelle.run.perform import Capabilities
from kapelle.run.recorded.recording import Recording
from kapelle.run.recorded.replay import Replay, replay
from kapelle.run.schedules import Schedule, check_schedule, no_schedule
from kapelle.settings import Settings, load_settings
from kapelle.task.intake import make_task
from kapelle.task.model import Checklist, StrategyCall, Task
from kapelle.telemetry.logs import log
from kapelle.telemetry.redact import redact, redact_text
from kapelle.telemetry.trace import span
from kapelle.tools.call import Limits
from kapelle.tools.model import Tool
from kapelle.verdict.score import weights_of

if TYPE_CHECKING:
    pass

T = TypeVar("T")


class Orchestrator(Corpora):
    """Plans tasks and runs plans. Use as `async with`, or call `close`.

    Everything is optional: without a model it plans by rules and answers with quotes.
    """

    def __init__(
        self,
        *,
        tools: Iterable[Tool] = (),
        agents: Iterable[AgentSpec] = (),
        corpora: Mapping[str, Path | str] | None = None,
        strategies: Sequence[Strategy] = (),
        model: str | None = None,
        budget: Budget | None = None,
        settings: Settings | None = None,
        packs: Sequence[Pack] | None = None,
        embedder: Embedder | None = None,
        engine: EngineName = "durable",
        app: str | None = None,
        foreground: bool = False,
    ) -> None:
        """Say what there is; nothing is opened before the first use.

        Args:
            corpora: folders of documents, by name; read at first use, again only what changed.
            packs: None: every installed one.
            embedder: what finds by meaning; None: the one that `KAPELLE_CORPUS__EMBEDDER` chooses.
            engine: `durable` keeps runs in the database; `inline` keeps them in memory.
            app: `module:name` of this orchestrator, stored with its runs so that another process can resume them.
            foreground: give up on a database that cannot be written after `run.commit_patience` seconds.
        """
        self.settings = settings or load_settings()
        self._given: dict[str, Any] = {  # Any: handed to `assemble`, which types them
            "tools": tuple(tools),
            "agents": tuple(agents),
            "corpora": dict(corpora or {}),
            "strategies": tuple(strategies),
            "packs": packs,
            "embedder": embedder,
            "engine": engine,
            "foreground": foreground,
        }
        self._model = model or self.settings.model or _executors_model(self.settings)
        self._budget = budget or Budget()
        self._app = app or self.settings.app
        self._closing = False
        self._parts: Parts | None = None
        self._ingesting: asyncio.Lock | None = None

    def adopt(
        self,
        settings: Settings,
        *,
        app: str | None,
        corpora: Mapping[str, Path | str],
        foreground: bool,
        serves: bool = False,
        engine: EngineName | None = None,
    ) -> None:
        """Take over what a command was told, before the first use: settings, the app's reference, further corpora.

        Args:
            serves: this process will take runs from the queue.
            engine: another than the one it was made with.
        """
        self._given["engine"] = engine or self._given["engine"]
        self.settings = settings
        self._app = app or self._app
        self._given["corpora"] = {**self._given["corpora"], **corpora}
        self._given["foreground"] = foreground
        self._given["serves"] = queue_of(self._app) if serves else None

    @property
    def parts(self) -> Parts:
        """What it is made of; opened at the first use.

        Raises:
            SettingsError, StoreUnavailable, DatabaseDamaged: the database cannot be used.
        """
        if self._parts is None:
            self._parts = assemble(self.settings, **self._given)
        return self._parts

    @property
    def catalog(self) -> Catalog:
        """What a plan may name."""
        return self.parts.catalog

    async def __aenter__(self) -> Self:
        await self.take_over()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop walking here; what is unfinished can be resumed by another process."""
        parts = self._parts
        if parts is None or self._closing:
            return
        # The parts stay until the engine is closed: a run that its queue hands out just now would else open others.
        self._closing = True
        try:
            await parts.engine.close()
        finally:
            self._parts, self._closing = None, False

    @property
    def queue(self) -> str:
        """The queue of this app's runs."""
        return queue_of(self._app)

    async def serve(self) -> None:
        """Take runs of this app from the queue and walk them, and those of dead processes, until cancelled.

        Several processes on any hosts may serve one database.

        Raises:
            SettingsError: it was used before without serving; serve with an orchestrator of its own.
        """
        if self._parts is None:
            self._given["serves"] = queue_of(self._app)
        await self.ingest_all()
        await self.parts.engine.serve(self._work_of, catalog=self.catalog.hash, tick=self._begin_scheduled)

    async def _work_of(self, record: RunRecord) -> Work:
        await self.know_agents(record)
        return self.parts.work

    async def take_over(self) -> list["Run"]:
        """Walk on the interrupted runs of this app that no living process walks."""
        if self._app is None:
            return []
        found = await self.parts.engine.interrupted(self.settings.owner)
        taken = [await self._take_over(one) for one in found if one.app == self._app]
        return [run for run in taken if run is not None]

    async def _take_over(self, record: RunRecord) -> "Run | None":
        try:
            return await self.get(record.id).resume()
        except (RunStuck, UnknownVersion) as error:
            # It is kept with its reason; the others go on.
            log.info("run.stuck", run=record.id, text=str(error))
            return None

    def task(self, task: Task | str | Mapping[str, JsonValue], **fields: Any) -> Task:
        """Make a Task of a prompt, of fields, or of a Task; this orchestrator's owner, model and budget filled in.

        Raises:
            TaskError: a field is wrong.
        """
        if isinstance(task, Task):
            given = {"id": task.id, **task.model_dump(exclude_unset=True)}
        else:
            given = {"prompt": task} if isinstance(task, str) else dict(task)
        strategy = fields.pop("strategy", None)
        if strategy is not None:
            fields["strategy"] = _strategy_call(strategy)
        checks = fields.pop("checks", None)
        if checks is not None:
            fields["checklist"] = Checklist(items=tuple(checks))
        merged = {"owner": self.settings.owner, "model": self._model, "budget": self._budget, **given, **fields}
        made = without_secrets(make_task(merged))
        if made.session is not None:
            check_session_id(made.session)
        weights_of(made)  # a name that is of no check shows before anything is done, not when the answer is judged
        return made

    async def plan(self, task: Task | str | Mapping[str, JsonValue], **fields: Any) -> Plan:
        """Plan a task: completed, validated, priced; nothing is performed.

        Raises:
            TaskError: the task is malformed.
            PlanError: no valid plan can be made; `problems` says why.
        """
        return await self._plan(self.task(task, **fields))

    async def _plan(self, task: Task) -> Plan:
        with span("plan", task=task.id):
            draft = await self.parts.planner.draft(task)
            for spec in draft.agents.values():
                self.parts.agents.add(spec)
            return self.check(draft.plan, task)

    def check(self, plan: Plan, task: Task) -> Plan:
        """Complete a plan and hold it against what is registered.

        Raises:
            PlanError: it has problems; all are in `problems`.
        """
        # Before it is completed, where a guarded step's arguments are still its own.
        _refuse(secret_problems(plan))
        finished = complete(plan, task, self.catalog)
        _refuse(validate(finished, self.catalog))
        return finished

    def check_draft(self, plan: Plan) -> Plan:
        """Hold a plan as it stands against what is registered; nothing is added.

        Raises:
            PlanError: it has problems; all are in `problems`.
        """
        _refuse(validate(plan, self.catalog))
        return plan

    async def start(
        self,
        task: Task | str | Mapping[str, JsonValue] | None = None,
        *,
        plan: Plan | None = None,
        key: str | None = None,
        here: bool = True,
        delay: float = 0.0,
        priority: int = 0,
        **fields: Any,
    ) -> "Run":
        """Begin a run; it goes on while this process lives, and can be resumed by another.

        Args:
            plan: walk exactly this one; None: plan the task.
            key: your own name for the run: a second start with it attaches to the first.
            here: walk it in this process; else it stands in the queue for a worker.
            delay: seconds before a worker may begin; only with `here=False`.
            priority: the lower, the sooner a worker takes it; from 0.

        Raises:
            TaskError, PlanError: nothing was started.
            QueueFull: too many runs wait for a worker; nothing was started.
            StoreUnavailable: the database cannot be written; nothing was started.
        """
        made = self.task(task if task is not None else (plan.why or "walk the plan") if plan else "", **fields)
        # Planning and the run have one parent, so that a request is one trace.
        with span("task", task=made.id, owner=made.owner):
            chosen = self.check(plan, made) if plan is not None else await self._plan(made)
            return await self.start_checked(made, chosen, key=key, here=here, delay=delay, priority=priority)

    async def start_checked(
        self,
        made: Task,
        chosen: Plan,
        *,
        key: str | None = None,
        here: bool = True,
        delay: float = 0.0,
        priority: int = 0,
    ) -> "Run":
        """Begin a run of a plan that `plan` or `check` returned for this task."""
        if delay and here:
            raise BadInput("`delay`: a run that is walked here begins at once; give it to the workers (`here=False`)")
        _check_place(key, delay, priority)
        await self.ingest_all(chosen, budget=made.budget)
        if made.session is not None:
            await self.parts.engine.sessions.touch(made.owner, made.session)
        record = RunRecord(
            id=new_id("run"),
            owner=made.owner,
            key=key,
            task=made,
            plan=chosen,
            app=self._app,
            priority=priority,
            created=clock.now(),
        )
        log.info("run.start", run=record.id, task_id=made.id, planner_mode=self.settings.planner.mode)
        log.info("plan.built", run=record.id, plan=chosen.id, planner=chosen.planner, steps=len(chosen.steps))
        started = await self.parts.engine.start(record, self.parts.work, here=here, delay=delay)
        if started.id != record.id and _asked(started.task) != _asked(made):
            raise Conflict(
                f"key `{key}` names run `{started.id}`, whose task is another; give this one a key of its own"
            )
        return Run(self, started)

    def get(self, run: str) -> "Run":
        """A handle on a run by its id; whether there is one shows at the first use."""
        return Run(self, None, run)

    async def runs(self, *, limit: int = 50) -> list[RunRecord]:
        """The newest runs first.

        Args:
            limit: at most so many, 1 to 100,000.

        Raises:
            BadInput: the limit is out of its bounds.
        """
        if not 1 <= limit <= MOST_RUNS:
            raise BadInput(f"`limit`: expected 1 to {MOST_RUNS}, not {limit}")
        return await self.parts.engine.runs(self.settings.owner, limit=limit)

    async def stranded(self) -> list[RunRecord]:
        """Runs that this version cannot read (`unreadable` says why), and those that cannot go on (`stuck` does)."""
        return await self.parts.engine.stranded(self.settings.owner)

    async def workers(self) -> list[Holder]:
        """The living processes that take runs from a queue."""
        return await self.parts.engine.workers()

    async def interrupted(self) -> list[RunRecord]:
        """Runs that no living process walks and that do not wait."""
        return await self.parts.engine.interrupted(self.settings.owner)

    async def approvals(
        self, *, run: str | None = None, id: str | None = None, pending: bool = True
    ) -> list["Approval"]:
        """Questions to people, oldest first; pending ones are undecided, and their run goes on."""
        found = await self.parts.engine.approvals(self.settings.owner, run=run, id=id, pending=pending)
        return [Approval(self, one) for one in found]

    async def history(self, *, approval: str | None = None, run: str | None = None) -> list[AuditEntry]:
        """What happened to approvals, oldest first; nothing of it changes, and it outlives their runs."""
        return await self.parts.engine.history(self.settings.owner, approval=approval, run=run)

    @property
    def sessions(self) -> Sessions:
        """State that outlives a run, and the history of the runs that named it (`Task.session`)."""
        return Sessions(self.parts.engine.sessions, self.settings.owner, days=self.settings.retention.sessions)

    async def schedule(
        self, name: str, cron: str, task: Task | str | Mapping[str, JsonValue], **fields: Any
    ) -> Schedule:
        """Let the workers of this app begin a task again and again; each time is one run, however many they are.

        A time at which no worker lives is left out. The same name again replaces it.

        Args:
            cron: when, in UTC: five fields from the minute on, or six from the second on.

        Raises:
            BadInput: the name or the expression cannot be used, or there are no workers.
            TaskError, PlanError: nothing was scheduled.
        """
        check_schedule(name, cron)
        made = self.task(task, **fields)
        await self._plan(made)
        asked = made.model_dump(mode="json", exclude={"id"}, exclude_unset=True)
        schedule = Schedule(name=name, owner=made.owner, cron=cron, task=asked, app=self._app)
        return await self.parts.engine.schedule(schedule)

    async def schedules(self) -> list[Schedule]:
        """What is scheduled, by name."""
        return await self.parts.engine.schedules(self.settings.owner)

    async def unschedule(self, name: str) -> None:
        """Begin it no more; what has begun goes on.

        Raises:
            NotFound: there is no such schedule.
        """
        if not await self.parts.engine.unschedule(self.settings.owner, name):
            raise no_schedule(name)

    async def _begin_scheduled(self, schedule: Schedule, at: datetime) -> None:
        await self.start(schedule.task, key=schedule.run_key(at), here=False)

    async def purge(
        self,
        kinds: Sequence[Kind] = (),
        *,
        older_than: float | None = None,
        archive: Path | str | None = None,
        dry_run: bool = False,
        every_owner: bool = False,
    ) -> PurgeReport:
        """Delete what is over and old enough, by the settings `retention`; unfinished runs are left alone.

        Args:
            kinds: these alone; empty: every one that is not kept for ever.
            older_than: days, instead of those of the settings.
            archive: a folder to write it to before; None: that of the settings.
            dry_run: only say what would go.
            every_owner: not only what belongs to this orchestrator's owner.

        Raises:
            BadInput: a kind that is named is none, or is kept for ever.
            StoreUnavailable: the archive or the database cannot be written; what was not archived is still there.
        """
        chosen = cutoffs(self.settings.retention, kinds, older_than=older_than)
        folder = archive_of(self.settings, Path(archive) if archive is not None else None)
        owner = None if every_owner else self.settings.owner
        return await self.parts.engine.purge(chosen, owner, archive=folder, dry_run=dry_run)

    async def run_async(
        self,
        task: Task | str | Mapping[str, JsonValue],
        *,
        key: str | None = None,
        approver: Approver | None = None,
        **fields: Any,
    ) -> Candidate:
        """Plan, run and answer.

        Raises:
            WaitingForApproval: a person must decide and no `approver` is given; the run is kept.
        """
        run = await self.start(task, key=key, **fields)
        return await run.result(approver=approver)

    def run_sync(self, task: Task | str | Mapping[str, JsonValue], **fields: Any) -> Candidate:
        """The same for code without an event loop; the orchestrator is closed afterwards.

        Raises:
            BadInput: called inside a running event loop.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self._run_and_close(task, fields))
        raise BadInput("`run_sync` was called inside a running event loop; use `await run_async(...)` there")

    async def _run_and_close(self, task: Task | str | Mapping[str, JsonValue], fields: dict[str, Any]) -> Candidate:
        try:
            return await self.run_async(task, **fields)
        finally:
            await self.close()

    async def record(self, run: str) -> Recording:
        """Everything of a run that is needed to replay it, elsewhere or later; `text()` is the document.

        Raises:
            NotFound: there is no such run, or a payload of it was purged.
        """
        return await self.parts.engine.recorded(run, self.settings.owner)

    async def replay(self, run: "Recording | str", *, everywhere: bool = False) -> Replay:
        """Walk a recording, or a run as it stands, against the present code: no key, no network, nothing is written.

        Args:
            everywhere: shut the outside off for the whole process, not for this task alone.

        Raises:
            NotFound: there is no such run.
        """
        recording = await self.record(run) if isinstance(run, str) else run
        with suppress(UnknownVersion):  # the replay tells it
            await self.know_agents(recording.record())
        limits = Limits(self.settings.tools.timeout, 0, 0.0)
        capabilities = Capabilities(self.catalog, self.parts.index, limits, self.parts.sources)
        return await replay(recording, capabilities, everywhere=everywhere)

    async def know_agents(self, record: RunRecord) -> None:
        """Register the functions that a stored plan calls as agents: the strategy that wrote it knows them."""
        plan = record.plan
        wanted = {step.agent for step in walk_steps(plan.steps) if isinstance(step, AgentStep)} if plan else set()
        if all(name in self.parts.agents for name in wanted):
            return
        try:
            draft = await self.parts.planner.draft(record.task)
        except KapelleError:
            # Its strategy is gone, or plans no more: whoever walks it is told which agents are missing.
            return
        for spec in draft.agents.values():
            self.parts.agents.add(spec)


def without_secrets(task: Task) -> Task:
    """A task as it may be stored; a run reads it back from its row, so that is what plan and steps see."""
    given = {"prompt": redact_text(task.prompt), "context": redact(task.context), "metadata": redact(task.metadata)}
    return task.model_copy(update=given)


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        listed = "; ".join(str(problem) for problem in problems[:5])
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise PlanError(f"the plan has {count}: {listed}{more}", problems)


def _asked(task: Task) -> tuple[object, ...]:
    """What makes two tasks the same question."""
    return task.prompt, task.context, task.strategy, task.owner


MOST_RUNS = 100_000
"""Runs that are listed at once, at most."""
LONGEST_DELAY = 10 * 365 * 86_400
LONGEST_KEY = 500


def _check_place(key: str | None, delay: float, priority: int) -> None:
    """Hold a run's place in the queue and its key against what can be used.

    Raises:
        BadInput: one of them cannot.
    """
    if isinstance(delay, bool) or not isinstance(delay, int | float) or not 0 <= delay <= LONGEST_DELAY:
        raise BadInput(f"`delay`: expected seconds from 0 to {LONGEST_DELAY} (ten years), not {delay!r}")
    if isinstance(priority, bool) or not isinstance(priority, int) or not 0 <= priority < 2**31 - 1:
        raise BadInput(f"`priority`: expected a whole number from 0 to {2**31 - 2}, not {priority!r}")
    if key is not None and (not key.strip() or len(key) > LONGEST_KEY or not key.isprintable()):
        raise BadInput(f"`key`: expected 1 to {LONGEST_KEY} printable characters")


def _strategy_call(strategy: object) -> StrategyCall:
    if isinstance(strategy, StrategyCall):
        return strategy
    if isinstance(strategy, Strategy):
        return StrategyCall(name=strategy.name, arguments=dict(strategy.arguments))
    if isinstance(strategy, str):
        return StrategyCall(name=strategy)
    raise BadInput("`strategy`: expected a name, a Strategy or a StrategyCall")


def ask(prompt: str, *folders: Path | str, **fields: Any) -> Candidate:
    """Answer a question from folders of documents: quotes, or that the sources do not say.

    Args:
        prompt: the question.
        folders: folders of documents: md, txt, html, json, yaml, csv, code, pdf, office files.

    Raises:
        UnreadableSource: a folder cannot be read.
    """
    corpora: dict[str, Path | str] = {}
    for folder in folders:
        name = Path(folder).expanduser().resolve().name or "folder"
        corpora[name if name not in corpora else f"{name}_{len(corpora)}"] = folder
    return Orchestrator(corpora=corpora, foreground=True).run_sync(prompt, **fields)


def _executors_model(settings: Settings) -> str | None:
    """The model that the executor's mode names: to set it is the permission to use it."""
    return f"{settings.llm.provider}:{settings.llm.model}" if settings.executor.mode == "llm" else None
