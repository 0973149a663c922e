"""What a step's own loop may do: calls that are made once, and questions to people."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from pydantic import JsonValue

from kapelle.errors import BadInput, Refused, Rejected, ToolFailed, ToolInputError
from kapelle.evidence.load import document_of
from kapelle.evidence.model import Document
from kapelle.resilience.guarded import GaveUp
from kapelle.run.approvals.approval import Asking, hash_of
from kapelle.run.approvals.questions import Questions, as_json, check_text, question_after, question_before
from kapelle.run.inside.bridge import from_thread
from kapelle.run.inside.journal import Diverged, Entry, Journal
from kapelle.run.outcome import Circumstances
from kapelle.run.telling import retrying_event
from kapelle.telemetry.redact import redact, redact_text
from kapelle.tools.call import Limits, call_tool, check_arguments
from kapelle.tools.decorator import make_tool
from kapelle.tools.model import Answer, Callee, Question, Suspend, Tool, ToolContext, Waiting

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Means:
    """What the calls of a step are made with."""

    tools: Mapping[str, Tool]
    limits: Callable[[Tool], Limits]
    """Of a call of a tool."""
    asking: Asking


@dataclass(slots=True)
class Entered:
    """What one entry into a step shares with the calls that its calls make."""

    means: Means
    about: Circumstances
    path: str
    journal: Journal
    questions: Questions
    loop: asyncio.AbstractEventLoop
    documents: list[Document] = field(default_factory=list)
    flying: dict[str, "asyncio.Task[Entry]"] = field(default_factory=dict)
    """Calls under way, by key."""
    recording: int = 0
    """Calls that were made and are not recorded yet."""
    left: bool = False
    """The step is over, or waits: a try that was given up and goes on all the same makes no further call."""
    used: dict[tuple[int, str], str] = field(default_factory=dict)
    """Hashes by attempt and key: within one attempt a key stands for one call."""


async def enter(means: Means, about: Circumstances, path: str) -> "StepCalls":
    """The calls and questions of a step that is entered now; what former entries did is read."""
    fresh = about.execution == 1
    journal = await Journal.of(about.journal, path, about.revision, fresh=fresh)
    known = [] if fresh else await about.journal.asked(path)
    questions = Questions(about, path, means.asking, known)
    return StepCalls(Entered(means, about, path, journal, questions, asyncio.get_running_loop()))


class StepCalls:
    """The calls and questions of a step, or of a call inside it."""

    def __init__(self, entered: Entered, prefix: str = "") -> None:
        self._entered = entered
        self._prefix = prefix
        self.waiting: Suspend | None = None
        """What it waits for, once it does."""

    def say(self, text: str) -> None:
        """Show text as it is being written; from any thread."""
        self._entered.loop.call_soon_threadsafe(self._entered.about.say, redact_text(text))

    def keep(self, source: str, text: str, *, title: str = "", converted: bool = False) -> str:
        """Keep a text that was read; its sha256."""
        for name, given in (("source", source), ("text", text), ("title", title)):
            check_text(given, f"`{name}` of a text to keep")
        made = document_of(source or f"run:{self._entered.path}", text)
        update: dict[str, object] = {"converted": converted}
        if title:
            update["title"] = title
        made = made.model_copy(update=update)
        self._keep((made,))
        return made.sha256

    def _keep(self, texts: tuple[Document, ...]) -> None:
        known = {(one.source, one.sha256) for one in self._entered.documents}
        self._entered.documents.extend(one for one in texts if (one.source, one.sha256) not in known)

    async def call(self, key: str, what: Callee, arguments: Mapping[str, JsonValue], *, attempt: int) -> JsonValue:
        """Make a call once; where it is recorded, its result is given."""
        self._still_here(key)
        check_text(key, "the key of a call")
        tool = self._tool(what)
        call = f"{self._prefix}{key.replace('~', '~0').replace('/', '~1')}"
        given = as_json(dict(arguments), f"call `{key}`")
        assert isinstance(given, dict)
        check_arguments(tool, given)
        request: JsonValue = {"tool": tool.name, "arguments": given}
        self._claim(attempt, call, hash_of(request))
        try:
            known = self._entered.journal.recorded(call, request, effect=tool.effect)
        except Diverged as diverged:
            return await self._settle(diverged)
        if known is None:
            known = await self._fly(call, tool, given, request)
        self._keep(known.texts)
        return known.result

    async def _fly(self, call: str, tool: Tool, given: dict[str, JsonValue], request: JsonValue) -> Entry:
        """Make a call, or join the one that is under way with the same key; it ends even if the loop is left."""
        flying = self._entered.flying
        if call not in flying:
            used = await self._approved(call, tool, given)
            flying[call] = asyncio.create_task(self._make(call, tool, used, request))
            flying[call].add_done_callback(lambda task: _landed(flying, call, task))
        try:
            return await asyncio.shield(flying[call])
        except Waiting as waiting:
            self._wait(waiting.suspend)
            raise

    async def _make(self, call: str, tool: Tool, used: dict[str, JsonValue], request: JsonValue) -> Entry:
        about = self._entered.about
        key = f"{about.run_id}:{self._entered.path}:{call}:{hash_of(used)[:12]}:{about.revision}"
        inner = StepCalls(self._entered, f"{call}/")
        context = ToolContext(about.run_id, self._entered.path, key, None, inner)
        if tool.effect == "write":
            await about.clearance()
        before = len(self._entered.documents)
        try:
            limits = self._entered.means.limits(tool)
            made = await call_tool(tool, used, context, limits=limits, on_retry=partial(self._retrying, call))
        except GaveUp as gave_up:
            raise gave_up.error from gave_up
        if isinstance(made.value, Suspend):
            raise Waiting(made.value)
        entry = Entry(
            call=call,
            what=tool.name,
            effect=tool.effect,
            request=request,
            request_hash=hash_of(request),
            # As it is recorded: a re-entry must not see another result than this one.
            result=redact(made.value),
            texts=tuple(self._entered.documents[before:]),
        )
        self._entered.recording += 1
        try:
            await self._entered.journal.record(entry)
        finally:
            self._entered.recording -= 1
        return entry

    def _retrying(self, call: str, attempt: int, error: BaseException, pause: float) -> None:
        about = self._entered.about
        about.tell(retrying_event(self._entered.path, about.execution, attempt, error, pause, call=call))

    def _tool(self, what: Callee) -> Tool:
        if isinstance(what, Tool):
            return what
        if not isinstance(what, str):
            return make_tool(what)
        known = self._entered.means.tools.get(what)
        if known is None:
            raise ToolInputError(f"`{what}` is no tool of this process; `kapelle tools` lists them")
        return known

    async def _approved(self, call: str, tool: Tool, given: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """The arguments that a person let pass, edited or not; as given where nobody is to be asked."""
        question = question_before(call, tool, given, self._entered.about.task.approve)
        if question is None:
            return given
        answer = await self.ask(question)
        if not answer.approved:
            reason = f": {answer.reason}" if answer.reason else ""
            raise Rejected(f"calling `{tool.name}` was rejected by {answer.by}{reason}")
        if not isinstance(answer.arguments, dict):
            raise ToolInputError(f"`{tool.name}`: the approved arguments are no object")
        check_arguments(tool, answer.arguments)
        return answer.arguments

    async def _settle(self, diverged: Diverged) -> JsonValue:
        """A write has happened, and the step now wants another call in its place: a person says what holds."""
        done = diverged.recorded
        arguments: JsonValue = {"done": done.request, "result": done.result, "wanted now": diverged.request}
        await self._accepted(done, "wants another call in its place", arguments)
        self._keep(done.texts)
        return done.result

    async def finish(self) -> None:
        """Hold the end of a step against what it has written before.

        Raises:
            Waiting: a write that happened was passed over; a person says whether that is right.
            ToolFailed: it is not.
        """
        for done in self._entered.journal.dropped():
            arguments: JsonValue = {"done": done.request, "result": done.result}
            await self._accepted(done, "has ended without it", arguments)

    async def _accepted(self, done: Entry, what: str, arguments: JsonValue) -> None:
        question = question_after(done, what, arguments)
        answer = await self.ask(question)
        if not answer.approved:
            raise ToolFailed(f"call `{done.call}` had written; entered again the step {what}: {answer.by} said no")

    async def ask(self, question: Question) -> Answer:
        """Ask a person, or give the answer that has come."""
        if self._entered.left:
            raise Refused(f"`{question.action}`: the step was left, nobody is asked")
        answer = self._entered.questions.ask(question)
        if isinstance(answer, str):
            self._wait(Suspend("approval", answer))
            raise Waiting(Suspend("approval", answer))
        return answer

    def _still_here(self, key: str) -> None:
        if self._entered.left:
            raise Refused(f"call `{key}`: the step was left, it calls nothing any more")
        if self.waiting is not None:
            raise Waiting(self.waiting)

    def _wait(self, suspend: Suspend) -> None:
        # Several may ask at once: the step waits for the first, and comes upon the others again afterwards.
        if self.waiting is None:
            self.waiting = suspend

    def _claim(self, attempt: int, key: str, hash: str) -> None:
        if self._entered.used.setdefault((attempt, key), hash) != hash:
            raise BadInput(f"`{key}` stands for two different calls of one step; give each a key of its own")

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:  # Any: a coroutine's send and yield types
        """Do `work` on the run's loop, from a tool's own thread."""
        return from_thread(work, self._entered.loop)

    @property
    def documents(self) -> list[Document]:
        """What was read and kept."""
        return self._entered.documents

    @property
    def questions(self) -> Questions:
        """What was asked."""
        return self._entered.questions

    async def leave(self) -> None:
        """Let calls under way end, and close the questions of former entries that this one did not come upon."""
        while self._entered.flying:
            await asyncio.wait(list(self._entered.flying.values()))
        self._entered.left = True
        unasked = self._entered.questions.unasked
        if unasked:
            await self._entered.about.journal.withdraw(self._entered.path, unasked)

    async def held_up(self) -> bool:
        """Whether a try was given up while the database kept a call waiting; true when it is recorded since.

        That is no failure of the step: entered again it goes on behind that call.
        """
        if not self._entered.recording:
            return False
        results = await asyncio.gather(*self._entered.flying.values(), return_exceptions=True)
        self._entered.used.clear()
        return not any(isinstance(result, BaseException) for result in results)

    def abandon(self) -> None:
        """Give up calls under way: the step failed, or its run stops."""
        self._entered.left = True
        for task in self._entered.flying.values():
            task.cancel()


def _landed(flying: "dict[str, asyncio.Task[Entry]]", call: str, task: "asyncio.Task[Entry]") -> None:
    del flying[call]
    if not task.cancelled():
        task.exception()  # taken, so that asyncio does not report it as never read where nobody waits any more
