"""The loop: what starts when, what is recorded, how a run ends or waits; real tools, the checkpoint in memory."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.builders import Stage, Wrapped, each, plan_of, ref, step, when

from kapelle import clock
from kapelle.budget.model import Budget
from kapelle.errors import OwnershipLost
from kapelle.plan.model import ApprovalStep
from kapelle.run.checkpoint import Batch
from kapelle.tools.decorator import tool
from kapelle.tools.model import Suspend

ASK = ApprovalStep(id="ok", action="Go?")


async def walked(*steps: Any, **limits: Any) -> Stage:
    stage = Stage()
    await stage.walk(plan_of(*steps), **limits)
    return stage


async def test_a_run_tells_its_story_in_order() -> None:
    stage = await walked(step("a"), step("b", "a"))
    assert stage.told() == [
        ("run.started", None),
        ("step.started", "a"),
        ("step.finished", "a"),
        ("step.started", "b"),
        ("step.finished", "b"),
        ("run.finished", None),
    ]
    assert stage.record.status == "succeeded"
    assert stage.record.output == "b"
    assert stage.record.started is not None and stage.record.ended is not None


async def test_steps_start_the_moment_their_own_needs_are_met() -> None:
    stage = Stage()
    stage.ledger.held["slow"] = asyncio.Event()
    stage.ledger.answers["after_quick"] = lambda _: stage.ledger.held["slow"].set()
    plan = plan_of(step("slow"), step("quick"), step("after_quick", "quick"), step("z", "slow", "after_quick"))
    assert await asyncio.wait_for(stage.walk(plan), 5) == "succeeded"
    finished = [path for _, path in stage.told("step.finished")]
    assert finished.index("after_quick") < finished.index("slow")


class Watched:
    """Performs as a stage does, and notes which steps run together."""

    def __init__(self, stage: Stage) -> None:
        self.together: list[set[str]] = []
        self._perform = stage.performer()
        self._busy: set[str] = set()

    async def __call__(self, start: Any, inputs: Any, about: Any) -> Any:
        self._busy.add(start.path)
        self.together.append(set(self._busy))
        await asyncio.sleep(0.002)
        outcome = await self._perform(start, inputs, about)
        self._busy.discard(start.path)
        return outcome


async def test_no_more_steps_run_at_once_than_the_width() -> None:
    stage = Stage()
    watched = Watched(stage)
    await stage.walk(plan_of(each("m", list(range(12)), step("a"), width=12)), perform=watched, width=3)
    assert max(map(len, watched.together)) == 3
    assert len(watched.together) == 12


async def test_an_exclusive_step_runs_alone() -> None:
    stage = Stage()
    watched = Watched(stage)
    plan = plan_of(step("a"), step("b", exclusive=True), step("c"), step("d"), step("e", "a", "b", "c", "d"))
    await stage.walk(plan, perform=watched)
    assert all(one == {"b"} for one in watched.together if "b" in one)
    assert {"c", "d"} in watched.together


async def test_a_run_that_passed_although_something_failed_is_partial() -> None:
    stage = Stage()
    stage.ledger.answers["a"] = ValueError("no")
    assert await stage.walk(plan_of(step("a"), step("b", "a"), step("c"))) == "partial"
    assert stage.results["b"].status == "skipped"
    assert stage.results["a"].error is not None
    assert stage.results["a"].error.cls == "ValueError"


async def test_a_run_whose_output_failed_is_failed_and_says_why() -> None:
    stage = Stage()
    stage.ledger.answers["a"] = ValueError("no such thing")
    assert await stage.walk(plan_of(step("a"), step("b", "a"))) == "failed"
    assert stage.record.error is not None
    assert "no such thing" in stage.record.error.message


async def test_a_run_whose_output_was_skipped_is_failed() -> None:
    assert (await walked(step("a"), step("b", when=when("a", "", "eq", 1)))).record.status == "failed"


async def test_a_failure_that_a_fallback_made_good_leaves_the_run_succeeded_and_is_told() -> None:
    stage = Stage()
    stage.ledger.answers["a"] = ValueError("no")
    plan = plan_of(step("a", on_error={"fallback": "b"}), step("b"), step("c", "a"))
    assert await stage.walk(plan) == "succeeded"
    assert stage.told("fallback") == [("fallback", "a")]
    assert stage.run is not None
    assert [one.data for one in stage.run.events if one.kind == "fallback"] == [{"by": "b"}]


async def test_what_failed_inside_a_map_that_a_fallback_made_good_does_not_count() -> None:
    stage = Stage()
    stage.ledger.answers["x"] = ValueError("no")
    plan = plan_of(each("m", [1], step("x"), on_error={"fallback": "b"}), step("b"), step("c", "m"))
    assert await stage.walk(plan) == "succeeded"


async def test_a_failure_that_was_skipped_over_leaves_the_run_partial() -> None:
    stage = Stage()
    stage.ledger.answers["a"] = ValueError("no")
    assert await stage.walk(plan_of(step("a", on_error="skip"), step("b", after=["a"]))) == "partial"
    assert stage.results["a"].status == "skipped"


async def test_retries_are_told_and_counted() -> None:
    stage = Stage()

    def flaky(count: int) -> str:
        if count < 3:
            raise ConnectionError(f"try {count}")
        return "there"

    stage.ledger.answers["a"] = flaky
    assert await stage.walk(plan_of(step("a", retry={"max_retries": 3, "backoff": 0}))) == "succeeded"
    assert stage.results["a"].attempts == 3
    assert stage.told("step.retrying") == [("step.retrying", "a")] * 2


async def test_a_reference_to_nothing_fails_the_step_without_a_call() -> None:
    stage = Stage()
    await stage.walk(plan_of(step("a"), step("b", inputs={"given": ref("a", "/x")})))
    error = stage.results["b"].error
    assert error is not None
    assert error.cls == "BindError"
    assert stage.ledger.calls == ["a"]


async def test_no_more_steps_are_performed_than_the_run_may() -> None:
    stage = await walked(*(step(f"s{n}") for n in range(9)), max_steps=4, width=2)
    assert len(stage.ledger.calls) == 4
    assert stage.record.status == "failed"
    assert stage.record.error is not None
    assert "KAPELLE_RUN__MAX_STEPS" in stage.record.error.message


async def test_the_guard_on_steps_counts_over_restarts() -> None:
    stage = Stage()
    plan = plan_of(step("a"), step("b", "a"), step("c", "b"))
    await crashed(stage, plan, 2, max_steps=2)
    assert await stage.walk(plan, max_steps=2) == "failed"
    assert stage.ledger.calls == ["a", "b", "b"]


async def crashed(stage: Stage, plan: Any, commit: int, **limits: Any) -> None:
    """Walk until the commit of a number is made, and die right after it."""

    class Dying(Wrapped):
        async def before(self, batch: Batch) -> None:
            if len(self.batches) > commit:
                raise SystemError

    with pytest.raises(SystemError):
        await stage.walk(plan, wrap=Dying, **limits)


async def test_a_deadline_that_passed_stops_the_run() -> None:
    stage = Stage(deadline=clock.now() + timedelta(seconds=0.05))
    stage.ledger.held["a"] = asyncio.Event()
    assert await asyncio.wait_for(stage.walk(plan_of(step("a"))), 5) == "failed"
    assert stage.record.error is not None
    assert "deadline" in stage.record.error.message


@pytest.mark.parametrize("how", ["limit", "budget"])
async def test_a_run_takes_no_longer_than_it_may(how: str) -> None:
    stage = Stage(budget=Budget(seconds=0.05)) if how == "budget" else Stage()
    stage.ledger.held["a"] = asyncio.Event()
    limits = {"seconds": 0.05} if how == "limit" else {}
    assert await asyncio.wait_for(stage.walk(plan_of(step("a")), **limits), 5) == "failed"
    assert stage.record.error is not None
    assert "longer than 0.05 s" in stage.record.error.message


async def test_what_came_before_the_end_of_time_is_kept_as_partial() -> None:
    stage = Stage(deadline=clock.now() + timedelta(seconds=0.1))
    stage.ledger.held["slow"] = asyncio.Event()
    plan = plan_of(step("slow"), step("out"), output="out")
    assert await asyncio.wait_for(stage.walk(plan), 5) == "partial"
    assert stage.record.output == "out"


def cancelling(stage: Stage, at: str) -> Any:
    """A held step that asks for the cancellation when it begins."""

    def begun(_: int) -> str:
        assert stage.run is not None
        stage.run.record = stage.run.record.model_copy(update={"cancel_requested": True})
        return at

    return begun


UNDO = {"tool": "drop", "inputs": {"name": "?"}}


def taken_back(id: str, *needs: str) -> Any:
    return step(id, *needs, uses="put", undo={"tool": "drop", "inputs": {"name": ref(id)}})


async def test_a_cancelled_run_takes_its_finished_steps_back_in_reverse() -> None:
    stage = Stage()
    stage.ledger.answers["c"] = cancelling(stage, "c")
    stage.ledger.held["d"] = asyncio.Event()
    plan = plan_of(taken_back("a"), taken_back("b", "a"), step("c", "b"), taken_back("d", "c"))
    assert await asyncio.wait_for(stage.walk(plan), 5) == "cancelled"
    assert stage.ledger.calls[-2:] == ["drop b", "drop a"]
    assert stage.told()[-1] == ("run.cancelled", None)
    assert stage.results["a~undo"].status == "succeeded"


@pytest.mark.parametrize("ticks", range(8))
async def test_what_returns_while_a_run_is_cancelled_is_recorded_and_taken_back(ticks: int) -> None:
    stage = Stage()
    returned: list[str] = []
    names = [f"p{number}" for number in range(6)]
    released = asyncio.Event()
    for name in names:
        stage.ledger.held[name] = released
        stage.ledger.answers[name] = lambda _, name=name: returned.append(name) or name

    async def begun() -> str:
        assert stage.run is not None
        released.set()
        for _ in range(ticks):
            await asyncio.sleep(0)
        stage.run.record = stage.run.record.model_copy(update={"cancel_requested": True})
        stage.run.ring()
        return "c"

    stage.ledger.answers["c"] = lambda _: begun()
    plan = plan_of(*(taken_back(name) for name in names), step("c"), step("z", "c", *names))
    assert await asyncio.wait_for(stage.walk(plan), 5) == "cancelled"
    dropped = {call.removeprefix("drop ") for call in stage.ledger.calls if call.startswith("drop")}
    error = stage.record.error.message if stage.record.error else ""
    told = {name for name in names if f"`{name}` was stopped under way" in error}
    assert (dropped | told, dropped & told) == (set(names), set())
    assert dropped <= set(returned)


async def test_a_write_that_is_stopped_under_way_is_told() -> None:
    stage = Stage()
    stage.ledger.answers["c"] = cancelling(stage, "c")
    for name in ("w", "r"):
        stage.ledger.held[name] = asyncio.Event()
    assert await asyncio.wait_for(stage.walk(plan_of(taken_back("w"), step("r"), step("c"))), 5) == "cancelled"
    assert stage.record.error is not None
    assert stage.record.error.message == "`w` was stopped under way: it may have taken place"
    assert stage.run is not None
    stopped = [event.path for event in stage.run.events if event.data.get("status") == "cancelled"]
    assert stopped == ["w", "r", None]


async def test_a_write_that_a_deadline_stops_is_told() -> None:
    stage = Stage(deadline=clock.now() + timedelta(seconds=1.0))
    stage.ledger.held["w"] = asyncio.Event()
    assert await asyncio.wait_for(stage.walk(plan_of(step("w", uses="put"))), 5) == "failed"
    assert "has passed; `w` was stopped under way: it may have taken place" in str(stage.record.error)


async def test_what_a_rerun_asks_for_and_has_not_begun_is_not_told() -> None:
    stage = Stage()
    plan = plan_of(taken_back("w"))
    await stage.walk(plan)
    run = stage.run
    assert run is not None
    del run.results["w"]
    run.again.add("w")
    run.record = run.record.model_copy(update={"cancel_requested": True, "status": "queued"})
    assert await stage.walk(plan) == "cancelled"
    assert stage.record.error is None


async def test_a_write_that_was_begun_before_a_crash_is_told() -> None:
    stage = Stage()
    plan = plan_of(taken_back("w"))
    await crashed(stage, plan, 1)
    assert stage.run is not None
    stage.run.record = stage.run.record.model_copy(update={"cancel_requested": True})
    assert await stage.walk(plan) == "cancelled"
    assert "`w` was begun before a crash" in str(stage.record.error)


async def test_an_undo_that_fails_does_not_keep_the_others_from_being_taken_back() -> None:
    stage = Stage()
    stage.ledger.answers["c"] = cancelling(stage, "c")
    stage.ledger.answers["drop b"] = ValueError("stuck")
    plan = plan_of(taken_back("a"), taken_back("b", "a"), step("c", "b"), step("d", "c"))
    assert await stage.walk(plan) == "cancelled"
    assert stage.ledger.calls[-1] == "drop a"
    assert stage.results["b~undo"].status == "failed"
    assert stage.record.error is not None
    assert stage.record.error.message == "`b` was not taken back: stuck"


async def test_what_was_taken_back_before_a_crash_is_not_taken_back_again() -> None:
    plan = plan_of(taken_back("a"), taken_back("b", "a"), step("c", "b"), step("d", "c"))
    for commit in range(1, 12):
        stage = Stage()
        stage.ledger.answers["c"] = cancelling(stage, "c")
        try:
            await crashed(stage, plan, commit)
        except BaseException:
            break
        assert await stage.walk(plan) == "cancelled"
        assert stage.ledger.counted["drop b"] + stage.ledger.counted["drop a"] <= 3, commit
        recorded = [path for kind, path in stage.told("step.finished") if path and path.endswith("~undo")]
        assert recorded == ["b~undo", "a~undo"], commit


async def test_the_newest_is_taken_back_first_even_after_a_restart() -> None:
    stage = Stage()
    stage.ledger.held["a"] = asyncio.Event()
    stage.ledger.answers["b"] = lambda _: stage.ledger.held["a"].set()
    plan = plan_of(taken_back("a"), taken_back("b"), step("c", "a", "b"), step("d", "c"))
    stage.ledger.answers["c"] = cancelling(stage, "c")
    await crashed(stage, plan, 3)
    assert await stage.walk(plan) == "cancelled"
    assert [call.split()[0] for call in stage.ledger.calls[-2:]] == ["drop", "drop"]
    assert [path for _, path in stage.told("step.finished") if path and path.endswith("~undo")] == [
        "a~undo",
        "b~undo",
    ]


async def test_a_run_waits_for_a_person_and_holds_nothing() -> None:
    stage = Stage()
    plan = plan_of(ASK, step("a", after=["ok"]))
    assert await stage.walk(plan) == "waiting"
    assert stage.record.waiting_for == f"approval:{stage.asked[0].id}"
    assert stage.results["ok"].status == "suspended"
    stage.decide("approved")
    assert await stage.walk(plan) == "succeeded"
    assert stage.results["ok"].output["decision"] == "approved"  # type: ignore[index,call-overload]
    assert stage.told("step.started", "step.restarted") == [*[("step.started", "ok")] * 2, ("step.started", "a")]
    assert stage.results["ok"].execution == 2


async def test_what_does_not_wait_goes_on_while_a_person_is_asked() -> None:
    stage = Stage()
    plan = plan_of(ASK, step("a"), step("b", "a"), step("c", "b", after=["ok"]))
    assert await stage.walk(plan) == "waiting"
    assert stage.ledger.calls == ["a", "b"]
    stage.decide("approved")
    await stage.walk(plan)
    assert stage.ledger.calls == ["a", "b", "c"]


async def test_a_rejection_ends_what_depends_on_it() -> None:
    stage = Stage()
    plan = plan_of(ASK, step("a", after=["ok"]))
    await stage.walk(plan)
    stage.decide("rejected")
    assert await stage.walk(plan) == "failed"
    assert stage.ledger.calls == []
    assert stage.record.error is not None
    assert "rejected by bo: so" in stage.record.error.message


async def test_a_map_may_wait_for_several_people_and_each_decision_counts_for_its_item() -> None:
    stage = Stage()
    body = (ApprovalStep(id="ok", action="Go?"), step("a", after=["ok"]))
    plan = plan_of(each("m", [1, 2], *body, join="any"))
    assert await stage.walk(plan) == "waiting"
    stage.decide("approved", path="m/1/ok")
    assert await stage.walk(plan) == "waiting"
    assert stage.ledger.calls == ["a"]
    stage.decide("rejected", path="m/0/ok")
    assert await stage.walk(plan) == "partial"
    assert stage.record.output == [None, "a"]


def racing(stage: Stage) -> Any:
    """A person who decides in the moment in which the run is left waiting."""

    class Racing(Wrapped):
        async def before(self, batch: Batch) -> None:
            if batch.run is not None and batch.run.status == "waiting":
                stage.decide("approved")

    return Racing


async def test_a_decision_that_comes_while_the_run_is_being_left_waiting_is_not_lost() -> None:
    stage = Stage()
    stage.ledger.answers["slow"] = lambda _: asyncio.sleep(0.01, "slow")
    plan = plan_of(ASK, step("slow"), step("a", "slow", after=["ok"]))
    assert await stage.walk(plan, wrap=racing(stage)) == "succeeded"
    assert ("run.waiting", None) not in stage.told()


async def test_what_a_step_told_is_kept_when_a_decision_came_in_between() -> None:
    stage = Stage()

    def slow(count: int) -> Any:
        if count == 1:
            raise ConnectionError
        return asyncio.sleep(0.01, "slow")

    stage.ledger.answers["slow"] = slow
    plan = plan_of(ASK, step("slow", retry={"max_retries": 1, "backoff": 0}), step("a", "slow", after=["ok"]))
    assert await stage.walk(plan, wrap=racing(stage)) == "succeeded"
    assert stage.told("step.retrying") == [("step.retrying", "slow")]


async def test_a_tool_may_wait_for_a_date() -> None:
    due = clock.now() + timedelta(hours=1)
    calls = []

    @tool
    async def later(name: str) -> str | Suspend:
        """Wait for a date."""
        calls.append(name)
        return "done" if clock.now() >= due else Suspend("date", clock.to_iso(due))

    stage = Stage([later])
    plan = plan_of(step("a", uses="later"))
    assert await stage.walk(plan) == "waiting"
    assert await stage.walk(plan) == "waiting"
    with clock.shifted(3_700):
        assert await stage.walk(plan) == "succeeded"
    assert len(calls) == 2


async def test_a_date_that_is_none_fails_the_step_and_not_the_walk() -> None:
    @tool
    async def later(name: str) -> str | Suspend:
        """Wait for a date."""
        return Suspend("date", "next Tuesday")

    stage = Stage([later])
    assert await stage.walk(plan_of(step("a", uses="later"))) == "failed"
    assert stage.record.error is not None
    assert "next Tuesday" in stage.record.error.message


async def test_who_lost_the_run_stops_its_steps_and_records_nothing_more() -> None:
    stage = Stage()
    stopped = asyncio.Event()

    @tool
    async def long(name: str) -> str:
        """Run for long."""
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()
        return name

    class Losing(Wrapped):
        async def before(self, batch: Batch) -> None:
            if batch.results:
                raise OwnershipLost("taken over")

    stage.tools = (*stage.tools, long)
    plan = plan_of(step("a"), step("b", uses="long"), step("c", "a", "b"))
    with pytest.raises(OwnershipLost):
        await asyncio.wait_for(stage.walk(plan, wrap=Losing), 5)
    await asyncio.wait_for(stopped.wait(), 5)
    assert not stage.results
    assert stage.told("step.finished") == []


async def test_nothing_is_performed_before_its_start_is_recorded() -> None:
    stage = Stage()
    perform = stage.performer()

    async def checking(start: Any, inputs: Any, about: Any) -> Any:
        assert ("step.started", start.path) in stage.told()
        return await perform(start, inputs, about)

    plan = plan_of(step("a"), each("m", [1, 2], step("b", "a")), step("c", "m"))
    assert await stage.walk(plan, perform=checking) == "succeeded"


async def test_a_step_that_was_running_at_a_crash_says_it_was_restarted() -> None:
    stage = Stage()
    plan = plan_of(step("a"), step("b", "a"))
    await crashed(stage, plan, 1)
    assert stage.told("step.started") == [("step.started", "a")]
    assert await stage.walk(plan) == "succeeded"
    assert stage.told("run.resumed", "step.restarted") == [("run.resumed", None), ("step.restarted", "a")]
    assert stage.results["a"].execution == 2


async def test_an_answer_that_did_not_pass_fails_the_run() -> None:
    stage = Stage()
    stage.ledger.answers["a"] = {"text": "so", "verdict": {"passed": False, "reasons": ["no source"]}}
    assert await stage.walk(plan_of(step("a"))) == "failed"
    assert stage.record.output is not None
    assert stage.record.error is not None
    assert "no source" in stage.record.error.message


async def test_a_secret_in_an_output_is_not_recorded() -> None:
    stage = Stage()
    stage.ledger.answers["a"] = {"log": "used sk-proj-abcdefghijklmnop1234", "password": "hunter22"}
    await stage.walk(plan_of(step("a")))
    assert stage.results["a"].output == {"log": "used [redacted]", "password": "[redacted]"}


async def test_the_seconds_of_a_run_count_over_its_walks_without_the_waiting() -> None:
    stage = Stage(budget=Budget(seconds=0.5))
    slow = asyncio.Event()
    stage.ledger.held["b"] = slow

    async def quick(_: int) -> str:
        await asyncio.sleep(0.3)
        return "a"

    stage.ledger.answers["a"] = quick
    plan = plan_of(step("a"), ASK.model_copy(update={"after": ("a",)}), step("b", after=["ok"]))
    assert await stage.walk(plan) == "waiting"
    await asyncio.sleep(0.4)
    stage.decide("approved")
    began = asyncio.get_running_loop().time()
    assert await asyncio.wait_for(stage.walk(plan), 5) == "failed"
    assert asyncio.get_running_loop().time() - began < 0.45
    assert stage.record.error is not None
    assert "longer than 0.5 s" in stage.record.error.message
