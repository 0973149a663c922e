"""Perform one step: one match from a step's kind to the capability that does it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias, assert_never

from pydantic import JsonValue

from kapelle import clock
from kapelle.errors import ToolFailed, ToolInputError
from kapelle.evidence.index import Index
from kapelle.ids import new_id
from kapelle.plan.catalog import Catalog
from kapelle.plan.model import (
    AgentStep,
    AnswerStep,
    ApprovalStep,
    MapStep,
    RepeatStep,
    SearchStep,
    ToolStep,
    UnknownStep,
    VerdictStep,
)
from kapelle.resilience.guarded import GaveUp, Guarded
from kapelle.run.answering import ModelAnswer, answer
from kapelle.run.approvals.approval import ApprovalRequest, Asking
from kapelle.run.approvals.questions import asked_event
from kapelle.run.finding import ModelSearch, find
from kapelle.run.frontier import Start
from kapelle.run.inside.calls import Means, StepCalls, enter
from kapelle.run.judge import judge
from kapelle.run.model import REJECTED, NewEvent, StepFailure
from kapelle.run.outcome import Circumstances, Outcome
from kapelle.run.telling import evidence_events, retrying_event
from kapelle.telemetry import trace
from kapelle.tools.call import Limits, call_tool, check_arguments
from kapelle.tools.model import Retry, Suspend, Tool, ToolContext, Waiting

Made: TypeAlias = Guarded[JsonValue | Suspend]
"""What came of calling a tool."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Everything a step may be performed with."""

    catalog: Catalog
    index: Index
    limits: Limits
    """Of a call, unless the tool or the step says otherwise."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Names by which a task may require a citation, such as `policy_v2`, and the sources they stand for."""
    asking: Asking = field(default_factory=Asking)
    by_model: ModelAnswer | None = None
    """Answers by the task's model; None: what was found is quoted."""
    searching: ModelSearch | None = None
    """Searches with the help of the task's model; None: searches ask none."""


class StepPerformer:
    """Performs steps with the capabilities of one orchestrator."""

    def __init__(self, capabilities: Capabilities) -> None:
        self._with = capabilities
        tools, limits = capabilities.catalog.tools, capabilities.limits
        self._means = Means(tools, lambda tool: _limits(limits, tool, None, None), capabilities.asking)

    async def __call__(self, start: Start, inputs: dict[str, JsonValue], about: Circumstances) -> Outcome:
        """Perform a step; what it raises is the step's failure."""
        step = start.step
        match step:
            case ToolStep():
                return await self._call(self._with.catalog.tools, step.tool, start, inputs, about)
            case AgentStep():
                return await self._call(self._with.catalog.agents, step.agent, start, inputs, about)
            case SearchStep():
                return await find(step, start.path, inputs, about, self._with.index, self._with.searching)
            case AnswerStep():
                index, by_model = self._with.index, self._with.by_model
                return await answer(
                    inputs, about, path=start.path, missing=start.missing, index=index, by_model=by_model
                )
            case VerdictStep():
                return judge(step, inputs, about, self._with.catalog, self._with.sources)
            case ApprovalStep():
                return self._ask(step, start, inputs, about)
            case MapStep() | RepeatStep():
                raise AssertionError(f"`{start.path}`: a container is walked, not performed")
            case UnknownStep():
                raise ToolInputError(f"this version knows no kind of step `{step.of}`; upgrade Kapelle")
            case _:
                assert_never(step)

    async def _call(
        self, known: Mapping[str, Tool], name: str, start: Start, inputs: dict[str, JsonValue], about: Circumstances
    ) -> Outcome:
        tool = known.get(name)
        if tool is None:
            raise ToolInputError(
                f"`{name}` is not registered in this process; name the app that has it with `--app module:name`"
            )
        calls = await enter(self._means, about, start.path) if tool.context_argument is not None else None
        context = ToolContext(about.run_id, start.path, _idempotency_key(about, start))
        if calls is not None:
            context = replace(context, calls=calls)

        def retrying(attempt: int, error: BaseException, pause: float) -> None:
            about.tell(retrying_event(start.path, about.execution, attempt, error, pause))

        def overran(seconds: float) -> None:
            text = f"`{name}` ended {seconds:.1f} s after its call was given up; its result was dropped"
            about.tell(NewEvent(kind="note", path=start.path, execution=about.execution, data={"text": text}))

        limits = _limits(self._with.limits, tool, start.step.timeout, start.step.retry)
        call = partial(call_tool, tool, inputs, context, limits=limits, on_retry=retrying, on_overrun=overran)
        with trace.span(f"tool {name}", run=about.run_id, step=start.path, tool=name):
            if tool.effect == "write":
                await about.clearance()
            made = await call() if calls is None else await _looped(calls, call)
        outcome = Outcome(attempts=made.attempts, lasting=tool.effect == "write")
        if isinstance(made.value, Suspend):
            outcome.waits_for = _waiting_for(name, made.value)
        else:
            outcome.output = made.value
        if calls is not None:
            outcome.texts = calls.documents
            outcome.approvals = calls.questions.requests
            outcome.notes = [*evidence_events(calls.documents), *calls.questions.notes]
        return outcome

    def _ask(self, step: ApprovalStep, start: Start, inputs: dict[str, JsonValue], about: Circumstances) -> Outcome:
        if isinstance(about.decided, dict):
            return self._decided(step, about.decided)
        created = clock.now()
        asked = ApprovalRequest(
            id=new_id("apr"),
            run=about.run_id,
            path=start.path,
            action=step.action,
            why=step.why,
            risk=step.risk,
            evidence=inputs.get("evidence"),
            suggestion=inputs.get("suggestion"),
            arguments=inputs.get("arguments"),
            tool=step.guards,
            created=created,
            expires_at=created,
        )
        request = self._with.asking.request(
            asked,
            expires_in=step.expires_in,
            levels=step.levels,
            on_expiry=step.on_expiry,
            until=about.task.deadline,
        )
        waits_for = f"approval:{request.id}"
        return Outcome(waits_for=waits_for, approvals=[request], notes=[asked_event(request)])

    def _decided(self, step: ApprovalStep, decided: dict[str, JsonValue]) -> Outcome:
        if decided.get("decision") != "approved":
            by, reason = decided.get("by"), decided.get("reason")
            message = f"rejected by {by}" + (f": {reason}" if reason else "")
            return Outcome(output=decided, error=StepFailure(cls=REJECTED, message=message))
        arguments = decided.get("arguments")
        tool = self._with.catalog.tools.get(step.guards or "")
        if tool is not None and isinstance(arguments, dict):
            check_arguments(tool, arguments)
        return Outcome(output=decided)


async def _looped(calls: StepCalls, call: Callable[[], Awaitable[Made]]) -> Made:
    """Make a call that may work in a loop of its own; a write that it passed over is asked about before it is over."""
    try:
        made = await _recorded(calls, call)
        if not isinstance(made.value, Suspend):
            try:
                await calls.finish()
            except Waiting as waiting:
                made = replace(made, value=waiting.suspend)
        await calls.leave()
    except BaseException:
        calls.abandon()
        raise
    return made


async def _recorded(calls: StepCalls, call: Callable[[], Awaitable[Made]]) -> Made:
    """Make a call, again when it was given up while the database kept it waiting."""
    while True:
        try:
            return await call()
        except GaveUp:
            if not await calls.held_up():
                raise


def _waiting_for(name: str, suspend: Suspend) -> str:
    if suspend.on == "date":
        try:
            clock.parse_time(suspend.ref)
        except ValueError:
            raise ToolFailed(f"`{name}` waits for `{suspend.ref}`, which is no ISO 8601 date") from None
    return f"{suspend.on}:{suspend.ref}"


def _idempotency_key(about: Circumstances, start: Start) -> str:
    """`run:path:call:sha256(arguments)[:12]:revision`; a plain tool step makes call 0."""
    return f"{about.run_id}:{start.path}:0:{about.inputs_hash}:{about.revision}"


def _limits(default: Limits, tool: Tool, timeout: float | None, retry: Retry | None) -> Limits:
    """The step's word counts before the tool's, the tool's before the settings."""
    chosen = retry or tool.retry or Retry()
    return Limits(
        timeout=timeout or tool.timeout or default.timeout,
        max_retries=default.max_retries if chosen.max_retries is None else chosen.max_retries,
        backoff=default.backoff if chosen.backoff is None else chosen.backoff,
    )
