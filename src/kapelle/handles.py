"""Handles on one run and one approval: what a user holds."""

import asyncio
import getpass
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol, TypeAlias

from pydantic import JsonValue

from kapelle import clock
from kapelle.answer.model import Candidate
from kapelle.assemble import Parts
from kapelle.errors import BadInput, RunStuck, ToolInputError, WaitingForApproval
from kapelle.plan.catalog import Catalog
from kapelle.run.again.rerun import Rerun, fork_of, look_ahead
from kapelle.run.approvals.approval import ApprovalRecord, AuditEntry, Decision, Verdict, no_such
from kapelle.run.engine import Engine
from kapelle.run.inside.deltas import Delta, Piece, Seen, news
from kapelle.run.model import Event, EventKind, RunRecord, StepResult
from kapelle.settings import Settings
from kapelle.tools.call import check_arguments

Approver: TypeAlias = Callable[["Approval"], Awaitable[None]]
"""Decides an approval by calling its `approve`, `reject` or `modify`."""
ENDS: tuple[EventKind, ...] = ("run.finished", "run.cancelled")
"""Events after which a run may have ended."""
LAST_EVENT = 2**31 - 1
LOOK = 0.5
"""Seconds between two looks for new events, where no bell was heard."""


class House(Protocol):
    """What the handles need of the Orchestrator they came from."""

    settings: Settings

    @property
    def parts(self) -> Parts:
        """What it is made of."""

    @property
    def catalog(self) -> Catalog:
        """What a plan may name."""

    async def approvals(self, *, run: str | None = None, pending: bool = True) -> "list[Approval]":
        """Questions to people."""

    async def know_agents(self, record: RunRecord) -> None:
        """Register the functions that a stored plan calls as agents."""


class Run:
    """A handle on one run."""

    def __init__(self, house: House, record: RunRecord | None, id: str = "") -> None:
        self._house = house
        self.id = record.id if record is not None else id

    @property
    def _engine(self) -> Engine:
        return self._house.parts.engine

    @property
    def _owner(self) -> str:
        return self._house.settings.owner

    async def status(self) -> RunRecord:
        """The run as it stands.

        Raises:
            NotFound: there is no such run.
        """
        return await self._engine.read(self.id, self._owner)

    async def steps(self) -> list[StepResult]:
        """What came of its steps so far."""
        return await self._engine.results(self.id, self._owner)

    async def events(self, *, after: int = 0, follow: bool = True) -> AsyncIterator[Event]:
        """Its events in order, from any number on; following ends when the run ended.

        Args:
            after: the number of an event, from 0; those behind it are given.
            follow: wait for what is to come; a run that waits keeps the stream open.

        Raises:
            BadInput: `after` is no number that an event may have.
        """
        async for one in self.stream(after=after, follow=follow, text=False):
            assert isinstance(one, Event)
            yield one

    async def stream(self, *, after: int = 0, follow: bool = True, text: bool = True) -> AsyncIterator[Event | Delta]:
        """Its events, and between them the text that its steps are writing.

        The reader pulls: one that is slow gets more text at a time, and never holds up the run. The text of a step goes
        when the step ends: `step.finished` is then the whole of it.

        Raises:
            BadInput: `after` is no number that an event may have.
        """
        if not 0 <= after <= LAST_EVENT:
            raise BadInput(f"`after`: expected the number of an event, 0 to {LAST_EVENT}, not {after}")
        seen: Seen = {}
        last: str = ENDS[0]
        quiet = False
        rung = asyncio.Event()
        loop = asyncio.get_running_loop()
        leave = self._engine.listen(self.id, lambda: loop.call_soon_threadsafe(rung.set))
        try:
            while True:
                rung.clear()
                found = await self._engine.events(self.id, self._owner, after=after)
                for event in found:
                    after, last = event.seq, event.kind
                    yield event
                # The engine hands out a long story in parts: only an empty part is the end of what there is.
                if found:
                    continue
                for delta in news(self.id, await self._pieces(text), seen, after):
                    yield delta
                # The row, which is large, is read only where the story may have ended.
                if not follow or ((last in ENDS or quiet) and (await self.status()).ended_already):
                    return
                quiet = not await _until(rung, LOOK)
        finally:
            leave()

    async def _pieces(self, wanted: bool) -> list[Piece]:
        return await self._engine.pieces(self.id, self._owner) if wanted else []

    async def wait(self) -> RunRecord:
        """Wait until it ended or waits for somebody."""
        return await self._engine.settled(self.id, self._owner, self._house.parts.work)

    async def result(self, *, approver: Approver | None = None) -> Candidate:
        """Wait for the answer; a run that failed gives a Candidate that says why.

        Raises:
            WaitingForApproval: a person must decide and no `approver` is given; the run is kept.
        """
        while True:
            record = await self.wait()
            if record.status != "waiting":
                return candidate_of(record)
            asked = await self._house.approvals(run=self.id)
            if approver is None or not asked:
                raise WaitingForApproval(self.id, [one.id for one in asked])
            for one in asked:
                await approver(one)
            await self.resume()

    async def resume(self) -> "Run":
        """Walk it on here, unless it ended, waits, or is walked by a living process.

        Raises:
            RunStuck: with the code as it is the run would fail although nothing is wrong with it; it is kept.
        """
        record = await self.status()
        await self._house.know_agents(record)
        if record.unreadable and not record.ended_already:
            raise RunStuck(self.id, record.unreadable)
        await self._engine.resume(self.id, self._owner, self._house.parts.work)
        return self

    async def look_ahead(
        self, *, from_: str, set: Mapping[str, JsonValue] | None = None, by: str | None = None
    ) -> Rerun:
        """Say what a rerun or a fork from a step on would do; nothing is changed.

        Raises:
            BadInput: the plan has no such step.
            PlanError: with these inputs the plan would not be valid; `problems` says everything.
        """
        record = await self.status()
        await self._house.know_agents(record)
        begun = [one.path async for one in self.events(follow=False) if one.kind.startswith("step.") and one.path]
        changes = await self._engine.changes(self.id, self._owner)
        catalog, who = self._house.catalog, _who(by)
        steps = await self.steps()
        return look_ahead(record, steps, from_, catalog, edits=set, entered=begun, changes=changes, by=who)

    async def rerun(self, *, from_: str, set: Mapping[str, JsonValue] | None = None, by: str | None = None) -> "Run":
        """Do a step and everything that depends on it again, and walk the run on here; what else is finished is kept.

        Effects of steps that wrote something before are repeated; `look_ahead` lists them.

        Args:
            from_: the step's path, such as `drafts/2/note`.
            set: new values for its inputs, by JSON Pointer such as `/inputs/query`.
            by: who asks for it; empty: the user of this process.

        Raises:
            BadInput, PlanError: as `look_ahead`; nothing was changed.
            RunStuck: with the code as it is the steps cannot be done; nothing was changed.
            Refused: a living process walks it, or it has moved on meanwhile; nothing was changed.
        """
        again = await self._possible(await self.look_ahead(from_=from_, set=set, by=by))
        await self._engine.rerun(again)
        return await self.resume()

    async def _possible(self, again: Rerun) -> Rerun:
        reason = again.stuck(self._house.catalog)
        if reason is not None:
            raise RunStuck(self.id, reason)
        return again

    async def fork(self, *, from_: str, set: Mapping[str, JsonValue] | None = None, by: str | None = None) -> "Run":
        """Make another run with what is finished of this one outside a step's reach, and walk it on from there.

        This run is left as it is. Arguments and errors as `rerun`, but it may be walked meanwhile.
        """
        again = await self._possible(await self.look_ahead(from_=from_, set=set, by=by))
        forked = await self._engine.fork(again, fork_of(again))
        return await Run(self._house, forked).resume()

    async def approvals(self, *, pending: bool = True) -> "list[Approval]":
        """What it asks people, oldest first."""
        return await self._house.approvals(run=self.id, pending=pending)

    async def cancel(self) -> RunRecord:
        """Ask for it to be cancelled: nothing new starts, finished steps that say how are taken back."""
        record = await self.status()
        await self._house.know_agents(record)
        return await self._engine.cancel(self.id, self._owner, self._house.parts.work)


class Approval:
    """A handle on one question to a person. What it decides counts for what `record` shows, and for nothing else."""

    def __init__(self, house: House, record: ApprovalRecord) -> None:
        self._house = house
        self.record = record

    @property
    def id(self) -> str:
        """Its id."""
        return self.record.id

    async def approve(self, *, by: str | None = None, reason: str = "") -> ApprovalRecord:
        """Let it happen.

        Args:
            by: who decides; else the user of this process.

        Raises:
            AlreadyDecided: somebody else was first; the message says who, what and when.
            ApprovalExpired: nobody decided in time.
            ApprovalChanged: it asks something else by now than what `record` shows.
            Refused: `by` lacks the role, or the run has ended.
        """
        return await self._decide("approved", by, reason, None)

    async def reject(self, *, by: str | None = None, reason: str = "") -> ApprovalRecord:
        """Do not let it happen. Raises as `approve`."""
        return await self._decide("rejected", by, reason, None)

    async def modify(self, arguments: JsonValue, *, by: str | None = None, reason: str = "") -> ApprovalRecord:
        """Let it happen with other arguments. Raises as `approve`.

        Raises:
            ToolInputError: they do not fit the tool's schema; nothing was decided.
        """
        tool = self.record.tool
        if arguments is None:
            raise ToolInputError(f"approval `{self.id}`: expected the edited arguments; `approve` takes them as asked")
        if tool is not None:
            if not isinstance(arguments, dict):
                raise ToolInputError(f"`{tool}`: edited arguments must be an object of all its arguments")
            check_edited(self._house.catalog, tool, arguments)
        return await self._decide("approved", by, reason, arguments)

    async def history(self) -> list[AuditEntry]:
        """What happened to it, oldest first."""
        return await self._house.parts.engine.history(self._house.settings.owner, approval=self.id)

    async def refresh(self) -> "Approval":
        """Look at it again.

        Raises:
            NotFound: it was purged.
        """
        found = await self._house.parts.engine.approvals(self._house.settings.owner, id=self.id)
        if not found:
            raise no_such(self.id)
        self.record = found[0]
        return self

    async def _decide(self, decision: Decision, by: str | None, reason: str, arguments: JsonValue) -> ApprovalRecord:
        settings, who = self._house.settings, _who(by)
        verdict = Verdict(
            approval=self.id,
            owner=settings.owner,
            decision=decision,
            by=who,
            at=clock.now(),
            reason=reason,
            arguments=arguments,
            roles=settings.approvals.roles_of(who),
            expect_hash=self.record.arguments_hash,
        )
        self.record = await self._house.parts.engine.decide(verdict)
        return self.record


def check_edited(catalog: Catalog, tool: str, arguments: Mapping[str, JsonValue]) -> None:
    """Hold edited arguments against the schema of the tool they are for.

    Raises:
        ToolInputError: they do not fit.
    """
    known = catalog.tools.get(tool)
    if known is not None:
        check_arguments(known, arguments)


def candidate_of(record: RunRecord) -> Candidate:
    """What a run that ended comes to: its Candidate, or one that says why there is none."""
    output = record.output
    status = {"status": record.status, "run_id": record.id, "usage": record.spent}
    if isinstance(output, dict) and "citations" in output and "text" in output:
        candidate = Candidate.model_validate(output)
    elif output is not None:
        candidate = Candidate(text=output if isinstance(output, str) else "", value=output)
    else:
        candidate = Candidate(text="", found=False)
    reasons = (record.error.message,) if record.error and candidate.verdict is None else ()
    return candidate.model_copy(update={**status, "missing": (*candidate.missing, *reasons)})


def _who(by: str | None) -> str:
    """Who decides or edits: as given, else the user of this terminal.

    Raises:
        BadInput: an empty name was given, as by a variable that is not set.
    """
    if by is not None and not by.strip():
        raise BadInput("`by`: expected a name; leave it out for the user of this terminal")
    return by or getpass.getuser()


async def _until(rung: asyncio.Event, seconds: float) -> bool:
    """Whether it was rung in time."""
    try:
        async with asyncio.timeout(seconds):
            return await rung.wait()
    except TimeoutError:
        return False
