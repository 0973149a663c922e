"""Recording: everything of one run that is needed to walk it again elsewhere, as one JSON document."""

import json
from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from kapelle._version import __version__
from kapelle.errors import BadInput
from kapelle.evidence.model import Document
from kapelle.run.inside.journal import Entry
from kapelle.run.lift import CURRENT, lifted, read_plan, read_result, read_task
from kapelle.run.memory import MemoryRun
from kapelle.run.model import Event, RunRecord, RunStatus, StepFailure, StepResult
from kapelle.telemetry.redact import redact


class Read(BaseModel):
    """A text that a step read."""

    model_config = ConfigDict(frozen=True)

    path: str
    source: str
    sha256: str


class Call(BaseModel):
    """A call that a step's own loop made."""

    model_config = ConfigDict(frozen=True)

    path: str
    revision: int
    entry: Entry


class Recording(BaseModel):
    """A run as it was recorded. Task, plan and results are as stored: they are lifted when they are read."""

    model_config = ConfigDict(frozen=True)

    schema_version: int = CURRENT["recording"]
    kapelle: str = __version__
    """The version that wrote it."""
    run: str
    owner: str
    app: str | None = None
    status: RunStatus
    created: datetime
    task: dict[str, JsonValue]
    plan: dict[str, JsonValue]
    results: tuple[dict[str, JsonValue], ...]
    """The newest of every path, in the order in which they were recorded."""
    events: tuple[Event, ...]
    approvals: tuple[dict[str, JsonValue], ...] = ()
    calls: tuple[Call, ...] = ()
    texts: tuple[Document, ...] = ()
    read: tuple[Read, ...] = ()
    output: JsonValue = None
    error: StepFailure | None = None

    def record(self) -> RunRecord:
        """The run's record.

        Raises:
            UnknownVersion: its task or plan cannot be read by this version.
        """
        return RunRecord(
            id=self.run,
            owner=self.owner,
            task=read_task(json.dumps(self.task)),
            plan=read_plan(json.dumps(self.plan)),
            status=self.status,
            app=self.app,
            created=self.created,
            output=self.output,
            error=self.error,
        )

    def known(self) -> dict[str, StepResult]:
        """Its results by path.

        Raises:
            UnknownVersion: one cannot be read by this version.
        """
        found = (read_result(one) for one in self.results)
        return {one.path: one for one in found}

    def text(self) -> str:
        """The document, without secrets; numbers and texts are as recorded otherwise."""
        return json.dumps(redact(self.model_dump(mode="json")), ensure_ascii=False)


def read_recording(text: str) -> Recording:
    """A recording from its document.

    Raises:
        BadInput: it is none.
        UnknownVersion: another version wrote it, and this one cannot read it.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        cut = "; it looks cut off" if error.pos >= len(text.rstrip()) - 1 else ""
        raise BadInput(
            f"the recording is not JSON: {error.msg} at line {error.lineno}, column {error.colno}{cut}"
        ) from None
    except RecursionError:
        raise BadInput("the recording is no recording: it is nested too deeply") from None
    except ValueError:
        raise BadInput("the recording is no recording: it holds a number of thousands of digits") from None
    if not isinstance(data, dict) or "results" not in data:
        raise BadInput("the recording is no object with results; make one with `kapelle record RUN > FILE`")
    try:
        return Recording.model_validate(lifted("recording", data))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in found["loc"])
        raise BadInput(f"the recording cannot be used: `{place}`: {found['msg']}") from None


def recording_of(run: MemoryRun) -> Recording:
    """The recording of a run in memory."""
    record = run.record
    assert record.plan is not None
    read = [
        Read(path=event.path or "", source=str(one["source"]), sha256=str(one["sha256"]))
        for event in run.events
        if event.kind == "evidence"
        for one in _objects(event.data.get("read"))
    ]
    return Recording(
        run=record.id,
        owner=record.owner,
        app=record.app,
        status=record.status,
        created=record.created,
        task=record.task.model_dump(mode="json"),
        plan=record.plan.model_dump(mode="json", by_alias=True),
        results=tuple(one.model_dump(mode="json") for one in run.results.values()),
        events=tuple(run.events),
        approvals=tuple(one.model_dump(mode="json") for one in run.approvals.values()),
        calls=tuple(
            Call(path=path, revision=revision, entry=entry) for (path, revision, _), entry in run.calls.items()
        ),
        texts=tuple(run.texts.values()),
        read=tuple(read),
        output=record.output,
        error=record.error,
    )


def _objects(value: JsonValue) -> list[Mapping[str, JsonValue]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
