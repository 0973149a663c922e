"""What every engine must do: in memory, and on DBOS over SQLite and Postgres."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue
from tests.builders import OWNER, Ledger, each, plan_of, step
from tests.contract.engines import ENGINES, opened, settings_of, until

from kapelle import clock
from kapelle.errors import AlreadyDecided, BadInput, NotFound, Refused
from kapelle.handles import Run
from kapelle.orchestrator import Orchestrator
from kapelle.plan.model import ApprovalStep, Plan, ToolStep
from kapelle.run.approvals.approval import Verdict
from kapelle.run.engine import Engine
from kapelle.run.inside.deltas import Delta
from kapelle.tools.decorator import make_tool, tool
from kapelle.tools.model import Retry, ToolContext

OTHER = "acme/eve"
House = tuple[Orchestrator, Ledger]
ASK = ApprovalStep(id="ok", action="Go?", guards="put", inputs={"arguments": {"name": "w"}})
ASKED = plan_of(ASK, step("a", after=["ok"]))


@pytest.fixture(params=ENGINES)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    async with opened(request.param, tmp_path / "home", **settings_of(request.param, request)) as made:
        yield made


def engine_of(house: Orchestrator) -> Engine:
    return house.parts.engine


async def started(house: Orchestrator, plan: Plan, **fields: Any) -> Run:
    return await house.start("do it", plan=plan, approve="never", **fields)


async def test_a_run_ends_with_its_output_results_and_events(house: House) -> None:
    run = await started(house[0], plan_of(step("a"), each("m", [1, 2], step("b", "a"))))
    record = await run.wait()
    assert (record.status, record.output) == ("succeeded", ["b", "b"])
    assert {one.path for one in await run.steps()} == {"a", "m/0/b", "m/1/b", "m"}
    events = [event async for event in run.events()]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[0].kind == "run.created"
    assert events[-1].kind == "run.finished"
    assert record.seq == len(events)
    assert record.created <= record.started <= record.ended  # type: ignore[operator]


async def test_events_are_read_from_any_number_on(house: House) -> None:
    run = await started(house[0], plan_of(step("a"), step("b", "a")))
    await run.wait()
    every = [event async for event in run.events()]
    assert [event.seq async for event in run.events(after=3)] == [event.seq for event in every[3:]]
    assert [event async for event in run.events(after=len(every))] == []


async def test_the_same_key_attaches_to_the_same_run(house: House) -> None:
    plan = plan_of(step("a"))
    first = await started(house[0], plan, key="mine")
    await first.wait()
    second = await started(house[0], plan, key="mine")
    assert second.id == first.id
    assert house[1].calls == ["a"]


async def test_the_same_key_at_the_same_time_makes_one_run(house: House) -> None:
    plan = plan_of(step("a"))
    runs = await asyncio.gather(*(started(house[0], plan, key="mine") for _ in range(4)))
    assert len({run.id for run in runs}) == 1
    await runs[0].wait()
    assert house[1].calls == ["a"]


@pytest.mark.parametrize("number", [-1, 2**31, 10**20])
async def test_a_number_that_no_database_holds_is_refused(house: House, number: int) -> None:
    run = await started(house[0], plan_of(step("a")))
    await run.wait()
    with pytest.raises(BadInput, match=r"`limit`: expected 1 to 100000"):
        await house[0].runs(limit=number)
    with pytest.raises(BadInput, match=r"`after`: expected the number of an event, 0 to 2147483647"):
        await anext(run.events(after=number, follow=False))
    with pytest.raises(BadInput, match=r"`k`: expected 1 to 10000"):
        await house[0].search("invoices", k=number)
    await house[0].sessions.create("s")
    with pytest.raises(BadInput, match=r"`before`: expected the number of a turn"):
        await house[0].sessions.history("s", before=number)


async def test_runs_without_a_key_are_runs_of_their_own(house: House) -> None:
    plan = plan_of(step("a"))
    assert (await started(house[0], plan)).id != (await started(house[0], plan)).id
    assert len(await house[0].runs()) == 2


async def test_a_person_decides_and_the_run_goes_on(house: House) -> None:
    run = await started(house[0], ASKED)
    record = await run.wait()
    assert record.status == "waiting"
    (asked,) = await house[0].approvals(run=run.id)
    assert record.waiting_for == f"approval:{asked.id}"
    assert asked.record.arguments == {"name": "w"}
    await asked.approve(by="bo", reason="fine")
    await run.resume()
    assert (await run.wait()).status == "succeeded"
    output = next(one.output for one in await run.steps() if one.path == "ok")
    assert isinstance(output, dict)
    assert (output["decision"], output["by"], output["reason"]) == ("approved", "bo", "fine")
    assert await house[0].approvals(run=run.id) == []
    kinds = [event.kind async for event in run.events()]
    assert kinds.index("approval.requested") < kinds.index("run.waiting") < kinds.index("approval.decided")


async def test_a_rejection_fails_what_depends_on_it(house: House) -> None:
    run = await started(house[0], ASKED)
    await run.wait()
    (asked,) = await house[0].approvals(run=run.id)
    await asked.reject(by="bo", reason="not today")
    await run.resume()
    record = await run.wait()
    assert record.status == "failed"
    assert record.error is not None
    assert "not today" in record.error.message
    assert house[1].calls == []


async def test_edited_arguments_are_the_ones_that_are_used(house: House) -> None:
    write = step("w", uses="put")
    run = await house[0].start("do it", plan=plan_of(write))
    await run.wait()
    (asked,) = await house[0].approvals(run=run.id)
    await asked.modify({"name": "other"}, by="bo")
    await run.resume()
    assert (await run.wait()).status == "succeeded"
    assert house[1].calls == ["other"]


async def test_a_decision_is_made_once_and_the_loser_learns_who_made_it(house: House) -> None:
    run = await started(house[0], ASKED)
    await run.wait()
    (asked,) = await house[0].approvals(run=run.id)
    outcomes = await asyncio.gather(
        *(asked.approve(by=f"p{n}") if n % 2 else asked.reject(by=f"p{n}") for n in range(4)), return_exceptions=True
    )
    lost = [one for one in outcomes if isinstance(one, AlreadyDecided)]
    assert len(lost) == 3
    (decided,) = await house[0].approvals(run=run.id, pending=False)
    assert decided.record.by is not None
    assert all(f"by {decided.record.by}" in str(one) for one in lost)
    assert sum([event.kind == "approval.decided" async for event in run.events(follow=False)]) == 1


async def test_a_run_that_waits_is_not_walked_on_without_a_decision(house: House) -> None:
    run = await started(house[0], ASKED)
    await run.wait()
    before = (await run.status()).seq
    await run.resume()
    assert (await run.status()).status == "waiting"
    assert (await run.status()).seq == before


async def test_resuming_a_run_that_ended_does_nothing(house: House) -> None:
    run = await started(house[0], plan_of(step("a")))
    ended = await run.wait()
    await run.resume()
    assert await run.wait() == ended
    assert house[1].calls == ["a"]


async def test_a_cancelled_run_stops_and_takes_back_what_it_did(house: House) -> None:
    kept, ledger = house
    ledger.held["b"] = asyncio.Event()
    undone = step("a", uses="put", undo={"tool": "drop", "inputs": {"name": "a"}})
    run = await started(kept, plan_of(undone, step("b", "a"), step("c", "b")))
    async with asyncio.timeout(10):
        while ledger.calls != ["a", "b"]:
            await asyncio.sleep(0.01)
    await run.cancel()
    assert (await run.wait()).status == "cancelled"
    assert ledger.calls == ["a", "b", "drop a"]
    assert [event.kind async for event in run.events()][-1] == "run.cancelled"


async def test_a_run_that_waits_can_be_cancelled(house: House) -> None:
    run = await started(house[0], ASKED)
    await run.wait()
    await run.cancel()
    assert await until(house[0], run.id, "cancelled") == "cancelled"


async def test_cancelling_a_run_that_ended_changes_nothing(house: House) -> None:
    run = await started(house[0], plan_of(step("a")))
    ended = await run.wait()
    assert (await run.cancel()).status == "succeeded"
    assert await run.status() == ended


@pytest.mark.parametrize("what", ["status", "steps", "resume", "cancel", "wait"])
async def test_an_unknown_run_is_told_as_not_found(house: House, what: str) -> None:
    with pytest.raises(NotFound, match="`run_none`"):
        await getattr(house[0].get("run_none"), what)()


async def test_an_unknown_approval_is_told_as_not_found(house: House) -> None:
    with pytest.raises(NotFound, match="`apr_none`"):
        await engine_of(house[0]).decide(Verdict("apr_none", OWNER, "approved", "bo", clock.now()))


async def test_another_owner_sees_and_changes_nothing(house: House) -> None:
    kept = house[0]
    run = await started(kept, ASKED, key="mine")
    await run.wait()
    (asked,) = await kept.approvals(run=run.id)
    engine, work = engine_of(kept), kept.parts.work
    assert await engine.runs(OTHER) == []
    assert await engine.interrupted(OTHER) == []
    assert await engine.approvals(OTHER) == []
    assert await engine.approvals(OTHER, run=run.id) == []
    for call in (
        engine.read(run.id, OTHER),
        engine.events(run.id, OTHER),
        engine.results(run.id, OTHER),
        engine.resume(run.id, OTHER, work),
        engine.cancel(run.id, OTHER, work),
        engine.settled(run.id, OTHER, work),
        engine.decide(Verdict(asked.id, OTHER, "approved", "eve", clock.now())),
    ):
        with pytest.raises(NotFound):
            await call
    assert (await run.status()).status == "waiting"
    assert not (await run.status()).cancel_requested


async def test_two_owners_may_use_the_same_key(house: House) -> None:
    mine = await started(house[0], plan_of(step("a")), key="same")
    theirs = await started(house[0], plan_of(step("a")), key="same", owner=OTHER)
    assert mine.id != theirs.id


@pytest.mark.parametrize("letter", ["x", "ü", "\U0001f3bb"])
async def test_a_large_output_is_read_back_as_it_was(house: House, letter: str) -> None:
    kept, ledger = house
    large = {"text": letter * 40_000, "n": [1, None]}
    ledger.answers["a"] = large
    run = await started(kept, plan_of(step("a"), step("b", "a")))
    assert (await run.wait()).status == "succeeded"
    assert next(one.output for one in await run.steps() if one.path == "a") == large


async def test_the_newest_runs_come_first(house: House) -> None:
    ids = []
    for _ in range(3):
        run = await started(house[0], plan_of(step("a")))
        await run.wait()
        ids.append(run.id)
        await asyncio.sleep(0.002)
    assert [one.id for one in await house[0].runs()] == ids[::-1]
    assert [one.id for one in await house[0].runs(limit=1)] == ids[2:]


async def test_a_long_story_is_told_to_its_end(house: House) -> None:
    run = await started(house[0], plan_of(each("m", list(range(900)), step("a"), width=900)))
    record = await run.wait()
    assert [event.seq async for event in run.events()] == list(range(1, record.seq + 1))


async def test_an_approval_of_a_run_that_ended_is_not_decided_any_more(house: House) -> None:
    run = await started(house[0], ASKED)
    await run.wait()
    (asked,) = await house[0].approvals(run=run.id)
    await run.cancel()
    assert (await run.wait()).status == "cancelled"
    before = [event async for event in run.events(follow=False)]
    with pytest.raises(Refused, match="has ended"):
        await asked.approve(by="ada")
    assert [event async for event in run.events(follow=False)] == before


CUT = "cut \ud83d"
"""A text that no UTF-8 holds, such as JSON with half of an emoji gives."""


async def _returns(context: ToolContext) -> JsonValue:
    return {"title": CUT}


async def _raises(context: ToolContext) -> JsonValue:
    raise ValueError(CUT)


async def _raises_and_is_tried_again(context: ToolContext) -> JsonValue:
    raise ConnectionError(CUT)


async def _calls(context: ToolContext) -> JsonValue:
    async def read() -> JsonValue:
        """Give half of a text."""
        return CUT

    return await context.call("read", read)


async def _calls_by_half_a_name(context: ToolContext) -> JsonValue:
    async def read() -> str:
        """Give a text."""
        return "text"

    return await context.call(CUT, read)


async def _asks_of_half_a_value(context: ToolContext) -> JsonValue:
    return (await context.ask("Go?", evidence=[CUT])).approved


async def _asks_by_half_a_word(context: ToolContext) -> JsonValue:
    return (await context.ask("Go?", why=CUT)).approved


async def _keeps(context: ToolContext) -> JsonValue:
    return context.keep("note.md", "text", title=CUT)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "function",
    [
        _returns,
        _raises,
        _raises_and_is_tried_again,
        _calls,
        _calls_by_half_a_name,
        _asks_of_half_a_value,
        _asks_by_half_a_word,
        _keeps,
    ],
)
async def test_text_that_no_utf8_holds_fails_its_step_and_not_the_run(
    engine: str, function: Callable[..., Any], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    speaks = make_tool(function, name="speaks", effect="write")
    async with opened(engine, tmp_path / "home", speaks, **settings_of(engine, request)) as (house, _):
        plan = plan_of(ToolStep(id="a", tool="speaks", retry=Retry(max_retries=1)))
        run = await started(house, plan)
        async with asyncio.timeout(10):
            assert (await run.wait()).status == "failed"
        (result,) = await run.steps()
        events = [event async for event in run.events()]
    assert result.error is not None
    assert "\\ud83d" in result.error.message
    assert "\\ud83d" in str(events[-2].data["error"])


@pytest.mark.parametrize("engine", ENGINES)
async def test_half_of_a_character_may_be_said(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    @tool
    async def talk(context: ToolContext) -> str:
        """Say half of an emoji."""
        context.say(CUT)
        await asyncio.sleep(0.2)
        return "done"

    async with opened(engine, tmp_path / "home", talk, **settings_of(engine, request)) as (house, _):
        run = await started(house, plan_of(ToolStep(id="a", tool="talk")))
        said = [one.text async for one in run.stream() if isinstance(one, Delta)]
        assert (await run.wait()).status == "succeeded"
    assert said == ["cut \\ud83d"]


@pytest.mark.parametrize("engine", ENGINES)
async def test_text_is_followed_while_it_is_written_and_goes_with_its_step(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    go_on = asyncio.Event()

    @tool
    async def talk(name: str, context: ToolContext) -> str:
        """Say something, and wait."""
        for word in ("one ", "two ", "three"):
            context.say(word)
        await go_on.wait()
        return "one two three"

    async with opened(engine, tmp_path / "home", talk, **settings_of(engine, request)) as (house, _):
        run = await house.start("do it", plan=plan_of(step("a", uses="talk")))
        said: list[Delta] = []
        kinds = []
        async with asyncio.timeout(10):
            async for one in run.stream():
                if isinstance(one, Delta):
                    said.append(one)
                    go_on.set()
                else:
                    kinds.append(one.kind)
        assert "".join(one.text for one in said) == "one two three"
        assert said[0].snapshot
        assert said[0].path == "a"
        assert said[0].id == f"{said[0].after}.{said[0].n}"
        assert kinds[-1] == "run.finished"
        assert [one async for one in run.stream(after=len(kinds))] == []
