"""What happened to a step, as its result and its event."""

import time
from collections.abc import Sequence
from typing import Literal, TypeAlias

from pydantic import JsonValue

from kapelle.errors import KapelleError
from kapelle.evidence.model import Document
from kapelle.plan.model import AgentStep, ToolStep, Undo
from kapelle.run.approvals.approval import EXPIRY, ApprovalRecord
from kapelle.run.decide import softened
from kapelle.run.frontier import Start
from kapelle.run.model import EventKind, NewEvent, StepFailure, StepResult, StepStatus
from kapelle.run.outcome import Outcome, Stretch
from kapelle.telemetry import trace
from kapelle.telemetry.logs import log
from kapelle.telemetry.redact import redact, redact_text

Phase: TypeAlias = Literal["searching", "hits", "reading", "writing", "checking"]


def undo_of(step: ToolStep, undo: Undo) -> ToolStep:
    """The call that takes a step back, under the step's own id: it stands in the same place of the plan."""
    return ToolStep(id=step.id, title=f"Undo {step.title or step.id}", tool=undo.tool, inputs=undo.inputs)


def failure_of(error: BaseException) -> StepFailure:
    """An exception as data, without secrets."""
    message = redact_text(str(error)) or type(error).__name__
    retryable = error.retryable if isinstance(error, KapelleError) else False
    return StepFailure(cls=type(error).__name__, message=message, retryable=retryable)


def result_of(start: Start, execution: int, began: float, outcome: Outcome, revision: int = 0) -> StepResult:
    """What an outcome is as a result; `began` on the monotonic clock."""
    step = start.step
    status: StepStatus = "failed" if outcome.error else "suspended" if outcome.waits_for else "succeeded"
    result = StepResult.model_construct(
        path=start.path,
        kind=step.kind,
        revision=revision,
        execution=execution,
        status=status,
        output=redact(outcome.output),
        error=outcome.error,
        attempts=outcome.attempts,
        seconds=round(time.monotonic() - began, 6),
        usage=outcome.usage,
        route=outcome.route,
        missing=start.missing,
        waits_for=outcome.waits_for,
        inputs_hash=outcome.inputs_hash,
    )
    return softened(step, result)


def settled_event(result: StepResult) -> NewEvent:
    """The event of a result."""
    data: dict[str, JsonValue] = {"status": result.status}
    if result.error is not None:
        data["error"] = result.error.message
    if result.route:
        data["route"] = result.route
    if result.seconds:
        data["seconds"] = result.seconds
    if result.attempts > 1:
        data["attempts"] = result.attempts
    if result.waits_for:
        data["waits_for"] = result.waits_for
    kinds: dict[str, EventKind] = {"suspended": "step.suspended", "skipped": "step.skipped"}
    kind = kinds.get(result.status, "step.finished")
    return NewEvent(kind=kind, path=result.path, execution=result.execution, data=data)


def described(start: Start) -> dict[str, JsonValue]:
    """What the event of a start says of its step."""
    step = start.step
    about: dict[str, JsonValue] = {"kind": step.kind}
    if step.title:
        about["title"] = step.title
    if isinstance(step, ToolStep):
        about["uses"] = step.tool
    elif isinstance(step, AgentStep):
        about["uses"] = step.agent
    return about


def retrying_event(
    path: str, execution: int, attempt: int, error: BaseException, pause: float, *, call: str = ""
) -> NewEvent:
    """The event of an attempt that failed and is followed by another; `pause` in seconds.

    Args:
        call: the key of the call inside the step, where it was one of those.
    """
    data: dict[str, JsonValue] = {"attempt": attempt, "error": redact_text(str(error)), "seconds": round(pause, 3)}
    if call:
        data["call"] = call
    return NewEvent(kind="step.retrying", path=path, execution=execution, data=data)


def evidence_events(documents: Sequence[Document]) -> list[NewEvent]:
    """The event of what was read, if anything was."""
    if not documents:
        return []
    read: list[JsonValue] = [{"source": one.source, "sha256": one.sha256} for one in documents]
    return [NewEvent(kind="evidence", data={"read": read})]


def phase_event(phase: Phase, **data: JsonValue) -> NewEvent:
    """The event of a step that has come so far in finding or writing an answer."""
    return NewEvent(kind="phase", data={"phase": phase, **data})


def found_nothing(output: JsonValue) -> bool:
    """Whether an output is a list, or an object of which every list is empty."""
    if isinstance(output, list):
        return not output
    lists = [value for value in output.values() if isinstance(value, list)] if isinstance(output, dict) else []
    return bool(lists) and not any(lists)


def stretches_of(output: JsonValue) -> tuple[Stretch, ...]:
    """Where the passages of a search's output stand."""
    hits = output.get("hits") if isinstance(output, dict) else None
    found = []
    for hit in hits if isinstance(hits, list) else []:
        match hit:
            case {"source": str(source), "sha256": str(sha256), "start": int(start), "end": int(end)}:
                found.append(Stretch(source, sha256, start, end))
    return tuple(found)


def tell_decided(record: ApprovalRecord) -> None:
    """Log a decision and put the time it was waited for on a span; nothing while it is open."""
    if record.decision is None or record.at is None:
        return
    about = {"run": record.run, "step": record.path, "approval": record.id, "decision": record.decision}
    expired = record.by == EXPIRY
    trace.past_span("approval", record.created, record.at, **about, expired=expired, level=record.level)
    waited = round((record.at - record.created).total_seconds(), 3)
    log.info("approval.decided", **about, expired=expired, level=record.level, waited_seconds=waited)
