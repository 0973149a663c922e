"""Approvals on every engine: who may decide, what counts, what time does, and what is remembered."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.builders import Ledger, again, each, plan_of, ref, step, when
from tests.contract.engines import ENGINES, opened, settings_of

from kapelle import clock
from kapelle.errors import AlreadyDecided, ApprovalChanged, ApprovalExpired, Refused, ToolInputError
from kapelle.handles import Approval, Run
from kapelle.orchestrator import Orchestrator
from kapelle.plan.model import ApprovalStep, Plan
from kapelle.testing import Modify, ScriptedApprover, asked, decide, race, set_clock, settle_due

DAY = 86_400
House = tuple[Orchestrator, Ledger]


Open = Callable[..., AbstractAsyncContextManager[House]]


@pytest.fixture(params=ENGINES)
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    return partial(opened, request.param, tmp_path / "home", **settings_of(request.param, request))


@pytest.fixture
async def house(opening: Open) -> AsyncIterator[House]:
    async with opening() as made:
        yield made


def ask(id: str = "ok", **fields: Any) -> ApprovalStep:
    inputs = {"arguments": {"name": id}, "evidence": ["e"], "suggestion": "yes", **fields.pop("inputs", {})}
    return ApprovalStep(id=id, action=f"Do {id}?", why="because", risk="low", inputs=inputs, **fields)


async def started(house: Orchestrator, plan: Plan, **fields: Any) -> Run:
    return await house.start("do it", plan=plan, **{"approve": "never", **fields})


async def one(run: Run) -> Approval:
    (found,) = await asked(run)
    return found


async def kinds(run: Run) -> list[str]:
    return [event.kind async for event in run.events(follow=False)]


async def whats(run: Run, house: Orchestrator) -> list[str]:
    return [entry.what for entry in await house.history(run=run.id)]


async def test_a_question_shows_all_a_person_needs(house: House) -> None:
    run = await started(house[0], plan_of(ask(guards="put"), step("a", after=["ok"])))
    record = (await one(run)).record
    shown = (record.action, record.why, record.risk, record.evidence, record.suggestion, record.arguments, record.tool)
    assert shown == ("Do ok?", "because", "low", ["e"], "yes", {"name": "ok"}, "put")
    assert (record.expires_at - record.created).total_seconds() == DAY
    assert (record.role, record.level, record.decision) == ("approver", 0, None)


async def test_of_several_questions_each_is_decided_by_itself_while_the_others_wait(house: House) -> None:
    plan = plan_of(
        ask("x"), step("after_x", after=["x"]), ask("y"), step("after_y", after=["y"]), step("free"), output="after_y"
    )
    run = await started(house[0], plan)
    found = {approval.record.path: approval for approval in await asked(run, count=2)}
    assert house[1].calls == ["free"]
    await found["y"].approve(by="bo")
    await run.resume()
    await run.wait()
    assert house[1].calls == ["free", "after_y"]
    await found["x"].approve(by="bo")
    await run.resume()
    assert (await run.wait()).status == "succeeded"
    assert house[1].counted == {"free": 1, "after_x": 1, "after_y": 1}


async def test_questions_that_follow_one_another_are_asked_one_at_a_time(house: House) -> None:
    run = await started(house[0], plan_of(ask("x"), ask("y", after=["x"]), step("a", after=["y"])))
    approver = ScriptedApprover(["approve", "approve"])
    await run.result(approver=approver)
    assert [record.path for record in approver.seen] == ["x", "y"]
    assert (await run.status()).status == "succeeded"


async def test_questions_in_a_map_and_in_a_repeat_have_places_of_their_own(house: House) -> None:
    body = each("m", [1, 2], ask("ok", inputs={"arguments": ref("item")}), step("a", after=["ok"]))
    rounds = again("r", 2, ask("go"), step("b", after=["go"]), after=["m"])
    run = await started(house[0], plan_of(body, rounds))
    approver = ScriptedApprover(lambda record: "approve")
    await run.result(approver=approver)
    assert (await run.status()).status == "succeeded"
    paths = [record.path for record in approver.seen]
    assert sorted(paths[:2]) == ["m/0/ok", "m/1/ok"]
    assert paths[2:] == ["r/0/go", "r/1/go"]
    assert sorted(record.arguments for record in approver.seen[:2]) == [1, 2]  # type: ignore[type-var]


async def test_a_rejection_goes_where_the_plan_says(house: House) -> None:
    other = step("instead", when=when("ok", "/decision", "eq", "rejected"))
    run = await started(house[0], plan_of(ask(), step("a", after=["ok"]), other))
    await (await one(run)).reject(by="bo", reason="no")
    await run.resume()
    record = await run.wait()
    assert house[1].calls == ["instead"]
    assert record.output == "instead"


async def test_edited_arguments_are_used_and_wrong_ones_decide_nothing(house: House) -> None:
    run = await house[0].start("do it", plan=plan_of(step("w", uses="put")))
    approval = await one(run)
    with pytest.raises(ToolInputError, match="`put`"):
        await approval.modify({"nonsense": 1}, by="bo")
    with pytest.raises(ToolInputError, match="an object"):
        await approval.modify("w2", by="bo")
    with pytest.raises(ToolInputError, match="edited"):
        await approval.modify(None, by="bo")
    assert (await approval.refresh()).record.decision is None
    await decide(approval, Modify({"name": "w2"}), by="bo")
    await run.resume()
    assert (await run.wait()).status == "succeeded"
    assert house[1].calls == ["w2"]


async def test_the_second_to_decide_learns_who_was_first_and_when(house: House) -> None:
    run = await started(house[0], plan_of(ask(), step("a", after=["ok"])))
    first, second = await one(run), await one(run)
    won = await first.approve(by="ann")
    assert won.at is not None
    with pytest.raises(AlreadyDecided, match="approved by ann already at 20"):
        await second.reject(by="bo")
    history = await house[0].history(approval=first.id)
    assert [(entry.what, entry.by) for entry in history] == [("requested", None), ("decided", "ann"), ("lost", "bo")]
    assert (await kinds(run)).count("approval.decided") == 1


async def test_of_many_at_the_same_moment_one_decides(house: House) -> None:
    run = await started(house[0], plan_of(ask(), step("a", after=["ok"])))
    handles = [await one(run) for _ in range(8)]
    result = await race(*(partial(handle.approve, by=f"p{n}") for n, handle in enumerate(handles)))
    assert result.winner is not None
    assert len(result.losers) == 7
    assert all(f"approved by {result.winner.by} already" in str(error) for error in result.losers)
    await run.resume()
    assert (await run.wait()).status == "succeeded"
    assert house[1].calls == ["a"]


async def test_a_decision_counts_for_what_was_seen_and_for_nothing_else(house: House) -> None:
    run = await started(house[0], plan_of(ask(), step("a", after=["ok"])))
    approval = await one(run)
    approval.record = approval.record.model_copy(update={"arguments": {"name": "other"}})
    with pytest.raises(ApprovalChanged, match=f"kapelle approvals {approval.id}"):
        await approval.approve(by="bo")
    assert (await one(run)).record.decision is None
    assert await whats(run, house[0]) == ["requested", "refused"]


async def test_what_nobody_decides_is_warned_of_and_then_rejected(house: House) -> None:
    run = await started(house[0], plan_of(ask(), step("a", after=["ok"])))
    approval = await one(run)
    with set_clock() as time:
        time.advance(0.75 * DAY - 60)
        await settle_due(house[0])
        assert await whats(run, house[0]) == ["requested"]
        time.advance(120)
        await settle_due(house[0])
        await settle_due(house[0])
        assert await whats(run, house[0]) == ["requested", "warned"]
        time.advance(DAY / 4)
        await settle_due(house[0])
        await run.resume()
        assert (await run.wait()).status == "failed"
        with pytest.raises(ApprovalExpired, match="expired"):
            await approval.approve(by="bo")
    assert await whats(run, house[0]) == ["requested", "warned", "decided", "refused"]
    told = await kinds(run)
    assert told.index("approval.requested") < told.index("approval.expiring") < told.index("approval.decided")
    decided = (await approval.refresh()).record
    assert (decided.decision, decided.by) == ("rejected", "expiry")
    assert house[1].calls == []


async def test_an_expired_one_cannot_be_approved_though_nobody_has_swept_it(house: House) -> None:
    run = await started(house[0], plan_of(ask(expires_in=60), step("a", after=["ok"])))
    approval = await one(run)
    with set_clock() as time:
        time.advance(61)
        with pytest.raises(ApprovalExpired):
            await approval.approve(by="bo")
        await run.resume()
        assert (await run.wait()).status == "failed"
    assert house[1].calls == []


async def test_an_expired_one_goes_to_the_next_level_with_a_new_clock(opening: Open) -> None:
    roles = {"ann": ["lead"], "bo": ["chief"], "cy": ["admin"]}
    async with opening(approvals={"roles": roles}) as (house, ledger):
        run = await started(house, plan_of(ask(levels=("lead", "chief"), expires_in=100), step("a", after=["ok"])))
        approval = await one(run)
        with set_clock() as time:
            time.advance(101)
            await settle_due(house)
            record = (await approval.refresh()).record
            assert (record.level, record.role, record.decision) == (1, "chief", None)
            with pytest.raises(Refused, match="needs the role `chief`; `ann` has `lead`"):
                await approval.approve(by="ann")
            time.advance(76)
            await settle_due(house)
            assert await whats(run, house) == ["requested", "escalated", "refused", "warned"]
            await approval.approve(by="bo")
        await run.resume()
        assert (await run.wait()).status == "succeeded"
        assert ledger.calls == ["a"]


async def test_after_the_last_level_it_is_rejected(house: House) -> None:
    run = await started(house[0], plan_of(ask(on_expiry="escalate", expires_in=100), step("a", after=["ok"])))
    approval = await one(run)
    with set_clock() as time:
        for _ in range(2):
            time.advance(101)
            await settle_due(house[0])
    record = (await approval.refresh()).record
    assert (record.levels, record.level, record.decision) == (("approver", "admin"), 1, "rejected")
    assert (await whats(run, house[0]))[-2:] == ["escalated", "decided"]


async def test_who_lacks_the_role_decides_nothing_and_is_told_which(opening: Open) -> None:
    roles = {"ann": ["approver"], "bo": ["viewer"], "cy": ["admin"]}
    async with opening(approvals={"roles": roles}) as (house, _):
        run = await started(house, plan_of(ask("x"), ask("y"), step("a", after=["x", "y"])))
        x, y = await asked(run, count=2)
        with pytest.raises(Refused, match="needs the role `approver`; `bo` has `viewer`"):
            await x.approve(by="bo")
        with pytest.raises(Refused, match="needs the role `approver`; `dee` has no role"):
            await x.reject(by="dee")
        await x.approve(by="ann")
        await y.approve(by="cy")
        history = await x.history()
        assert [(entry.what, entry.by) for entry in history if entry.by] == [
            ("refused", "bo"),
            ("refused", "dee"),
            ("decided", "ann"),
        ]


async def test_the_history_keeps_what_was_shown_and_what_was_changed(house: House) -> None:
    run = await house[0].start("do it", plan=plan_of(step("w", uses="put")))
    await (await one(run)).modify({"name": "w2"}, by="bo", reason="better")
    requested, decided = await house[0].history(run=run.id)
    assert requested.data["arguments"] == {"name": "w"}
    assert requested.data["why"] == "it changes something outside"
    assert (decided.data["edited"], decided.data["reason"], decided.by) == ({"name": "w2"}, "better", "bo")
    assert decided.data["hash"] == requested.data["hash"]


async def test_questions_of_a_run_that_ended_are_pending_no_longer(house: House) -> None:
    run = await started(house[0], plan_of(ask(), step("a", after=["ok"])))
    approval = await one(run)
    await run.cancel()
    assert (await run.wait()).status == "cancelled"
    assert await house[0].approvals() == []
    assert [one.id for one in await house[0].approvals(pending=False)] == [approval.id]
    with pytest.raises(Refused, match="its run has ended"):
        await approval.approve(by="bo")
    with set_clock() as time:
        time.advance(2 * DAY)
        await settle_due(house[0])
        await settle_due(house[0])
    assert (await kinds(run))[-1] == "run.cancelled"


async def test_the_numbers_of_events_have_no_gaps_whoever_loses(house: House) -> None:
    run = await started(house[0], plan_of(ask(), step("a", after=["ok"])))
    handles = [await one(run) for _ in range(4)]
    await race(*(handle.approve for handle in handles))
    await run.resume()
    await run.wait()
    seqs = [event.seq async for event in run.events()]
    assert seqs == list(range(1, len(seqs) + 1))


async def test_deciding_wakes_a_run_that_is_walked_here_by_itself(house: House) -> None:
    run = await started(house[0], plan_of(ask("x"), step("a", after=["x"]), step("slow"), output="a"))
    house[1].held["slow"] = asyncio.Event()
    await (await one(run)).approve(by="bo")
    async with asyncio.timeout(5):
        while "a" not in house[1].calls:
            await asyncio.sleep(0.01)
    house[1].held["slow"].set()
    assert (await run.wait()).status == "succeeded"


PUT = {"name": ref("ok", "/arguments/name")}
NO = [
    (ask(guards="put", on_error="skip"), step("p", uses="put", after=["ok"]), "reject"),
    (ask(guards="put", on_error={"fallback": "f"}), step("p", uses="put", after=["ok"], inputs=PUT), "reject"),
    (ask(guards="put"), step("p", uses="put", after=["ok"], inputs=PUT, when=when("ok", "/decision", "eq", "rejected")),
     "reject"),
    (ask(guards="put", when=when("first", "", "eq", "no")), step("p", uses="put", after=["ok"]), "nobody asked"),
    (ask(guards="put", inputs={"evidence": ref("gone")}), step("p", uses="put", after=["ok"]), "nobody asked"),
]  # fmt: skip


@pytest.mark.parametrize(("approval", "guarded", "how"), NO)
async def test_what_is_guarded_is_not_performed_without_a_yes_whatever_the_plan_makes_of_a_no(
    house: House, approval: ApprovalStep, guarded: Any, how: str
) -> None:
    house[1].answers["f"] = {"decision": "approved", "arguments": {"name": "other"}}
    first, gone = step("first"), step("gone", when=when("first", op="eq", to="no"))
    run = await started(house[0], plan_of(first, step("f"), gone, approval, guarded, output="first"))
    if how == "reject":
        await (await one(run)).reject(by="bo")
        await run.resume()
    await run.wait()
    assert {one.path: one.status for one in await run.steps()}["p"] == "skipped"
    assert not {"p", "other", "ok"} & set(house[1].calls)


async def test_one_yes_is_for_one_call(house: House) -> None:
    inputs = {"name": ref("ok", "/arguments/name")}
    both = [step(id, uses="put", after=["ok"], inputs=inputs) for id in ("p", "q")]
    run = await started(house[0], plan_of(ask(guards="put"), *both), approve="writes")
    await (await one(run)).approve(by="bo")
    await run.resume()
    second = await one(run)
    assert (second.record.path, second.record.arguments) == ("approve_q", {"name": "ok"})
    assert house[1].calls == ["ok"]
    await second.reject(by="bo")
    await run.resume()
    await run.wait()
    assert house[1].calls == ["ok"]


async def test_what_takes_a_step_back_is_asked_about_with_it(house: House) -> None:
    taken_back = {"tool": "put", "inputs": {"name": "back"}}
    run = await started(house[0], plan_of(step("a", undo=taken_back), ask(after=["a"])), approve="writes")
    record = (await one(run)).record
    assert (record.path, record.tool, house[1].calls) == ("approve_a", "note", [])
    assert 'when the run is cancelled later, `put` is called with {"name": "back"}' in record.risk


async def test_a_question_ends_with_its_runs_deadline_and_so_does_the_run(house: House) -> None:
    soon = clock.now() + timedelta(seconds=0.6)
    run = await started(house[0], plan_of(ask(guards="put"), step("a", after=["ok"])), deadline=soon)
    approval = await one(run)
    assert abs((approval.record.expires_at - soon).total_seconds()) < 0.01
    await asyncio.sleep(0.7)
    with pytest.raises(Refused):
        await approval.approve(by="bo")
    await run.resume()
    record = await run.wait()
    assert record.status == "failed"
    assert record.error is not None
    assert "deadline" in record.error.message or "expired" in record.error.message
    assert house[1].calls == []
