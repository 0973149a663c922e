"""What tests of approvals need: a scripted approver, a clock that is set, deciders that race, waiting for a question.

Public: use it in the tests of your own tools and plans. Nothing here knows a test framework.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import JsonValue

from kapelle import clock
from kapelle.errors import KapelleError, Refused
from kapelle.handles import Approval, Run
from kapelle.orchestrator import Orchestrator
from kapelle.run.approvals.approval import ApprovalRecord


@dataclass(frozen=True, slots=True)
class Modify:
    """Approve with other arguments."""

    arguments: JsonValue
    reason: str = ""


Word: TypeAlias = Literal["approve", "reject"] | Modify
Script: TypeAlias = Sequence[Word] | Callable[[ApprovalRecord], Word]


class ScriptedApprover:
    """Decides as it is told; hand it to `run_async(approver=...)` or `Run.result(approver=...)`.

    `seen` holds every question it was asked, in order.
    """

    def __init__(self, script: Script, *, by: str = "tester", reason: str = "") -> None:
        """Args:
        script: a decision for each question in turn, or a function of the question.
        """
        self._script = script
        self._by = by
        self._reason = reason
        self.seen: list[ApprovalRecord] = []

    async def __call__(self, approval: Approval) -> None:
        """Decide one question.

        Raises:
            LookupError: the script has no decision left.
        """
        self.seen.append(approval.record)
        await decide(approval, self._next(approval.record), by=self._by, reason=self._reason)

    def _next(self, record: ApprovalRecord) -> Word:
        if callable(self._script):
            return self._script(record)
        if len(self.seen) > len(self._script):
            raise LookupError(
                f"the script has {len(self._script)} decisions; question {len(self.seen)} is: {record.action}"
            )
        return self._script[len(self.seen) - 1]


async def decide(approval: Approval, word: Word, *, by: str = "tester", reason: str = "") -> ApprovalRecord:
    """Decide a question in one word. Raises as `Approval.approve`."""
    match word:
        case "approve":
            return await approval.approve(by=by, reason=reason)
        case "reject":
            return await approval.reject(by=by, reason=reason)
        case Modify():
            return await approval.modify(word.arguments, by=by, reason=word.reason or reason)


class SetClock:
    """The time inside `set_clock`."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def advance(self, seconds: float) -> datetime:
        """Go forward; the time it is then."""
        self._stack.enter_context(clock.shifted(seconds))
        return clock.now()

    def go_to(self, moment: datetime) -> datetime:
        """Go to a time; it goes on from there."""
        return self.advance((moment - clock.now()).total_seconds())


@contextmanager
def set_clock() -> Iterator[SetClock]:
    """A clock of this process that can be set, for deadlines, dates and approvals that expire."""
    with ExitStack() as stack:
        yield SetClock(stack)


async def settle_due(house: Orchestrator) -> None:
    """Do now what a worker does all the time: warn of approvals that expire, escalate or reject those that have."""
    await house.parts.engine.attend()


async def asked(run: Run, *, count: int = 1, seconds: float = 10.0) -> list[Approval]:
    """Wait until a run asks at least `count` open questions; they, oldest first.

    Raises:
        AssertionError: it has ended before, or does not ask in time.
    """
    try:
        async with asyncio.timeout(seconds):
            while len(found := await run.approvals()) < count:
                record = await run.status()
                if record.ended_already:
                    raise AssertionError(f"run `{run.id}` is {record.status} and asks nothing")
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"run `{run.id}` does not ask {count} questions within {seconds:g} s") from None
    return found


@dataclass(frozen=True, slots=True)
class Race:
    """What became of deciders at the same moment."""

    winner: ApprovalRecord | None
    losers: tuple[Refused, ...]
    """What each of the others was told."""


async def race(*deciders: Callable[[], Awaitable[ApprovalRecord]]) -> Race:
    """Let several people decide at the same moment, such as `race(*(partial(one.approve, by=name) for name in names))`.

    Raises:
        AssertionError: more than one decision counted.
    """
    start = asyncio.Event()

    async def one(decider: Callable[[], Awaitable[ApprovalRecord]]) -> ApprovalRecord | KapelleError:
        await start.wait()
        try:
            return await decider()
        except Refused as error:
            return error

    tasks = [asyncio.ensure_future(one(decider)) for decider in deciders]
    await asyncio.sleep(0)
    start.set()
    results = await asyncio.gather(*tasks)
    won = [result for result in results if isinstance(result, ApprovalRecord)]
    if len(won) > 1:
        raise AssertionError(f"{len(won)} decisions counted: {', '.join(str(one.by) for one in won)}")
    losers = tuple(result for result in results if isinstance(result, Refused))
    return Race(won[0] if won else None, losers)
