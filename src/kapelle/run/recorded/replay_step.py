"""Perform one step of a replay: let the recorded output stand in, or compute it again and compare."""

from collections.abc import Mapping
from dataclasses import replace

from pydantic import JsonValue

from kapelle.errors import ToolInputError
from kapelle.evidence.model import Document
from kapelle.plan.model import AgentStep, AnswerStep, ToolStep, UnknownStep, VerdictStep
from kapelle.resilience.guarded import GaveUp
from kapelle.run.approvals.approval import ApprovalRecord
from kapelle.run.frontier import Start
from kapelle.run.inside.journal import Entry
from kapelle.run.model import StepResult
from kapelle.run.outcome import Circumstances, Outcome, Performer
from kapelle.run.perform import Capabilities
from kapelle.run.recorded.divergence import Divergence, What, differing, misfit, short, told
from kapelle.run.recorded.recorded_order import Story, Turns
from kapelle.run.recorded.recording import Recording
from kapelle.run.recorded.shut import Refusals
from kapelle.run.telling import failure_of
from kapelle.telemetry.redact import redact
from kapelle.tools.call import check_arguments
from kapelle.tools.model import Tool

_AHEAD = "recording:end"
"""What a step waits for that is not recorded: nothing settles it, and what depends on it is not begun."""


class NotRecorded(Exception):
    """A step's loop makes a call that the recording does not have."""


class RecordedCalls:
    """The calls and questions of the steps of a recording; no other can be made."""

    def __init__(self, recording: Recording) -> None:
        self.calls_of: dict[tuple[str, int], dict[str, Entry]] = {}
        for one in recording.calls:
            self.calls_of.setdefault((one.path, one.revision), {})[one.entry.call] = one.entry
        self.asked_of: dict[str, list[ApprovalRecord]] = {}
        for data in recording.approvals:
            asked = ApprovalRecord.model_validate(data)
            self.asked_of.setdefault(asked.path, []).append(asked)

    async def calls(self, path: str, revision: int) -> dict[str, Entry]:
        """The calls a step has made, by key."""
        return dict(self.calls_of.get((path, revision), {}))

    async def record_call(self, path: str, revision: int, entry: Entry) -> None:
        """Refuse.

        Raises:
            NotRecorded: always.
        """
        raise NotRecorded(f"it calls `{entry.what}` as `{entry.call}`, which is not recorded so")

    async def asked(self, path: str) -> list[ApprovalRecord]:
        """What a step has asked people."""
        return list(self.asked_of.get(path, []))

    async def withdraw(self, path: str, approvals: list[str]) -> None:
        """Leave the recording as it is."""


class Replayer:
    """Performs the steps of a replay in the order in which they ended, and gathers what differs."""

    def __init__(
        self,
        recording: Recording,
        results: Mapping[str, StepResult],
        capabilities: Capabilities,
        perform: Performer,
        story: Story,
        turns: Turns,
    ) -> None:
        self._results = results
        self._catalog = capabilities.catalog
        self._perform = perform
        self._story = story
        self._turns = turns
        self._calls = RecordedCalls(recording)
        texts = {(one.source, one.sha256): one for one in recording.texts}
        self._texts: dict[str, list[Document]] = {}
        for read in recording.read:
            if (read.source, read.sha256) in texts:
                self._texts.setdefault(read.path, []).append(texts[(read.source, read.sha256)])
        self.refusals = Refusals()
        self.divergences: list[Divergence] = []
        self.replayed: set[str] = set()
        self.ahead: set[str] = set()
        self.notes: list[str] = []

    async def __call__(self, start: Start, inputs: dict[str, JsonValue], about: Circumstances) -> Outcome:
        """Perform a step as recorded; where it differs, it and what depends on it come to a halt."""
        async with self._turns.turn(start.path):
            known = self._results.get(start.path)
            if known is None or not known.final:
                self.ahead.add(start.path)
                found = self._uncallable(start, inputs)
                outcome = Outcome(waits_for=_AHEAD)
            else:
                self.replayed.add(start.path)
                found = self._differs_before(start, inputs, about, known)
                outcome = self._stand_in(start.path, known)
                if found is None and self._computed_again(start):
                    found = await self._differs(start, inputs, about, known)
        if found is None:
            return outcome
        self.divergences.append(found)
        return Outcome(waits_for=_AHEAD)

    def _stand_in(self, path: str, known: StepResult) -> Outcome:
        return Outcome(
            output=known.output,
            error=known.error,
            attempts=known.attempts,
            usage=known.usage,
            route=known.route,
            texts=list(self._texts.get(path, [])),
        )

    def _called(self, start: Start) -> Tool | None:
        step = start.step
        if isinstance(step, ToolStep):
            return self._catalog.tools.get(step.tool)
        return self._catalog.agents.get(step.agent) if isinstance(step, AgentStep) else None

    def _uncallable(self, start: Start, inputs: dict[str, JsonValue]) -> Divergence | None:
        """Why a step could not be called with its inputs; None when it could, or calls nothing."""
        step, path = start.step, start.path
        if isinstance(step, UnknownStep):
            return Divergence(path, "registered", f"this version knows no kind of step `{step.of}`")
        if not isinstance(step, ToolStep | AgentStep):
            return None
        called = self._called(start)
        if called is None:
            name = step.tool if isinstance(step, ToolStep) else step.agent
            return Divergence(path, "registered", f"the {step.kind} `{name}` is not registered any more")
        try:
            check_arguments(called, inputs)
        except ToolInputError as error:
            return Divergence(path, "inputs", told(error))
        return None

    def _differs_before(
        self, start: Start, inputs: dict[str, JsonValue], about: Circumstances, known: StepResult
    ) -> Divergence | None:
        """What shows without performing a finished step: its inputs, and whether it could be called at all."""
        if known.inputs_hash and known.inputs_hash != about.inputs_hash:
            why = f"the step is given other inputs than it was: {short(inputs)}"
            return Divergence(start.path, "inputs", why, recorded=known.inputs_hash, present=about.inputs_hash)
        if isinstance(start.step, UnknownStep):
            return None
        found = self._uncallable(start, inputs)
        if found is not None and found.what == "inputs" and known.error is not None:
            found = None
        called = self._called(start)
        if found is None and called is not None and known.status == "succeeded":
            reason = misfit(called, known.output)
            return Divergence(start.path, "output", reason) if reason else None
        return found

    def _computed_again(self, start: Start) -> bool:
        """Whether nothing but what is recorded is needed to perform a step."""
        revision = self._results[start.path].revision
        if (start.path, revision) in self._calls.calls_of:
            return True
        return isinstance(start.step, AnswerStep | VerdictStep | AgentStep)

    async def _differs(
        self, start: Start, inputs: dict[str, JsonValue], about: Circumstances, known: StepResult
    ) -> Divergence | None:
        refused = len(self.refusals)
        outcome = await self._compute(start, inputs, self._as_it_was(start.path, about, known))
        if len(self.refusals) > refused:
            reached = ", ".join(dict.fromkeys(self.refusals[refused:]))
            self.notes.append(f"`{start.path}` reaches outside ({reached}): its recorded output stands in")
            return None
        path, why = start.path, f"the present code of the {start.step.kind} gives something else"
        if outcome.waits_for:
            return Divergence(path, "calls", f"it waits for `{outcome.waits_for}` now")
        if (outcome.error is None) != (known.error is None):
            before = known.error.message if known.error else known.status
            now = outcome.error.message if outcome.error else "succeeded"
            what: What = "calls" if outcome.error is not None and outcome.error.cls == "NotRecorded" else "error"
            return Divergence(path, what, why, recorded=before, present=now)
        return None if known.error else differing(path, "output", known.output, redact(outcome.output), why)

    def _as_it_was(self, path: str, about: Circumstances, known: StepResult) -> Circumstances:
        """What a step could know when it was begun: in the walk, others may have ended since."""
        hidden = {
            (one.source, one.sha256)
            for other, texts in self._texts.items()
            if not self._story.knew(path, other)
            for one in texts
        }
        seen = {
            (one.source, one.sha256)
            for other, texts in self._texts.items()
            if self._story.knew(path, other)
            for one in texts
        }
        return replace(
            about,
            # Entered once more, so that what its former entry has called is read.
            execution=known.execution + 1,
            revision=known.revision,
            texts={key: text for key, text in about.texts.items() if key in seen or key not in hidden},
            steps=self._story.facts(path, about.steps),
            journal=self._calls,
        )

    async def _compute(self, start: Start, inputs: dict[str, JsonValue], about: Circumstances) -> Outcome:
        try:
            return await self._perform(start, inputs, about)
        except GaveUp as gave_up:
            cause = gave_up.error
            return Outcome(error=failure_of(cause.__cause__ if isinstance(cause.__cause__, NotRecorded) else cause))
        except Exception as error:  # as in the walk: any failure of a step is data
            return Outcome(error=failure_of(error))
