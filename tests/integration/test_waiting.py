"""Waiting, parking and going on: what the durable engines do beyond what memory can."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from tests.builders import Ledger, each, plan_of, step
from tests.contract.engines import opened, settings_of, until

from kapelle import clock
from kapelle.errors import AlreadyDecided, BadInput, Conflict, QueueFull, StoreUnavailable
from kapelle.orchestrator import Orchestrator
from kapelle.plan.model import ApprovalStep
from kapelle.run.checkpoint_database import DatabaseCheckpoint

House = tuple[Orchestrator, Ledger]
ASK = ApprovalStep(id="ok", action="Go?")
ASKED = plan_of(ASK, step("a", after=["ok"]))


@pytest.fixture(params=["sqlite", "postgres"])
async def fields(request: pytest.FixtureRequest) -> dict[str, Any]:
    return settings_of(request.param, request)


@pytest.fixture
async def held(fields: dict[str, Any], tmp_path: Path) -> AsyncIterator[House]:
    """A house that holds what waits in memory for long."""
    async with opened("durable", tmp_path / "home", run={"park_after": 60}, **fields) as made:
        yield made


@pytest.fixture
async def parking(fields: dict[str, Any], tmp_path: Path) -> AsyncIterator[House]:
    """A house that parks at once what waits."""
    async with opened("durable", tmp_path / "home", run={"park_after": 0}, **fields) as made:
        yield made


@pytest.fixture
async def served(fields: dict[str, Any], tmp_path: Path) -> AsyncIterator[House]:
    """A house that serves its own queue, and parks at once."""
    async with serving(tmp_path, run={"park_after": 0}, **fields) as made:
        yield made


def serving(home: Path, **fields: Any) -> Any:
    return opened("durable", home / "home", serves=True, **fields)


async def test_a_decision_is_heard_at_once_by_whoever_holds_the_run(held: House) -> None:
    house, ledger = held
    run = await house.start("do it", plan=ASKED, approve="never")
    record = await run.wait()
    assert (record.status, record.parked) == ("waiting", False)
    (asked,) = await house.approvals()
    await asked.approve()
    async with asyncio.timeout(2):
        assert (await run.wait()).status == "succeeded"
    assert (await run.status()).generation == 1
    kinds = [event.kind async for event in run.events()]
    assert kinds.count("run.waiting") == kinds.count("run.resumed") == 1
    assert ledger.calls == ["a"]


async def test_a_parked_run_holds_nothing_and_goes_on_in_a_next_generation(parking: House) -> None:
    house, _ = parking
    run = await house.start("do it", plan=ASKED, approve="never")
    record = await run.wait()
    assert (record.status, record.parked, record.executor) == ("waiting", True, None)
    async with asyncio.timeout(5):
        while house.parts.engine._walks:  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)
    (asked,) = await house.approvals()
    await asked.approve()
    assert (await run.wait()).status == "succeeded"
    assert (await run.status()).generation > 1


async def test_a_worker_takes_what_is_queued_and_goes_on_after_a_decision(served: House) -> None:
    house, ledger = served
    run = await house.start("do it", plan=ASKED, approve="never", here=False)
    assert await until(house, run.id, "waiting") == "waiting"
    (asked,) = await house.approvals()
    await asked.approve()
    assert await until(house, run.id, "succeeded") == "succeeded"
    assert ledger.calls == ["a"]


async def test_a_run_waits_for_a_date_without_being_held(served: House) -> None:
    house, _ = served
    when = clock.to_iso(clock.now() + timedelta(seconds=3))
    run = await house.start("do it", plan=plan_of(step("d", uses="nap", inputs={"given": when})), here=False)
    assert await until(house, run.id, "waiting", "failed") == "waiting", await run.steps()
    assert (await run.status()).parked
    assert await until(house, run.id, "succeeded") == "succeeded"
    assert clock.to_iso(clock.now()) >= when


async def test_the_same_key_is_one_run_in_the_queue_too(served: House) -> None:
    house, ledger = served
    runs = [await house.start("do it", plan=plan_of(step("a")), key="k", here=False) for _ in range(3)]
    assert len({run.id for run in runs}) == 1
    await until(house, runs[0].id, "succeeded")
    assert ledger.calls == ["a"]


async def test_a_queue_that_is_full_refuses_and_says_what_to_do(fields: dict[str, Any], tmp_path: Path) -> None:
    async with opened("durable", tmp_path / "home", worker={"queue_limit": 2}, **fields) as (house, _):
        for _ in range(2):
            await house.start("do it", plan=plan_of(step("a")), here=False)
        with pytest.raises(QueueFull, match="start more workers"):
            await house.start("do it", plan=plan_of(step("a")), here=False)
        assert len(await house.runs()) == 2


async def test_the_lower_priority_number_is_taken_first(fields: dict[str, Any], tmp_path: Path) -> None:
    async with opened("durable", tmp_path / "home", **fields) as (house, _):
        for number in (3, 1, 2):
            await house.start("do it", plan=plan_of(step(f"s{number}")), here=False, priority=number)
    async with serving(tmp_path, worker={"concurrency": 1}, **fields) as (house, ledger):
        async with asyncio.timeout(20):
            while len(ledger.calls) < 3:
                await asyncio.sleep(0.01)
        assert ledger.calls == ["s1", "s2", "s3"]


async def test_a_delayed_run_begins_when_its_time_has_come(served: House) -> None:
    house, _ = served
    run = await house.start("do it", plan=plan_of(step("a")), here=False, delay=1.0)
    await until(house, run.id, "succeeded")
    record = await run.status()
    assert record.started is not None
    assert (record.started - record.created).total_seconds() >= 1.0


async def test_no_owner_is_starved_by_another_owners_long_queue(fields: dict[str, Any], tmp_path: Path) -> None:
    async with opened("durable", tmp_path / "home", owner="acme/greedy", **fields) as (house, _):
        for _ in range(30):
            await house.start("do it", plan=plan_of(step("g")), here=False)
    async with opened("durable", tmp_path / "home", owner="acme/modest", **fields) as (house, _):
        await house.start("do it", plan=plan_of(step("m")), here=False)
    async with serving(tmp_path, worker={"concurrency": 2, "owner_concurrency": 1}, **fields) as (_, ledger):
        async with asyncio.timeout(30):
            while "m" not in ledger.calls:
                await asyncio.sleep(0.01)
        assert ledger.calls.count("g") < 15


async def test_a_spread_map_comes_out_as_any_other(served: House) -> None:
    house, ledger = served
    plan = plan_of(step("a"), each("m", [1, 2, 3, 4, 5], step("b", "item", "a"), spread=True, width=2))
    run = await house.start("do it", plan=plan, here=False)
    assert await until(house, run.id, "succeeded", "failed") == "succeeded"
    assert (await run.status()).output == ["b"] * 5
    assert ledger.counted == {"a": 1, "b": 5}
    events = [event async for event in run.events()]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert {one.path for one in await run.steps()} == {"a", "m", *(f"m/{n}/b" for n in range(5))}


async def test_a_spread_map_without_workers_is_walked_here(held: House) -> None:
    house, _ = held
    run = await house.start("do it", plan=plan_of(each("m", [1, 2, 3], step("b", "item"), spread=True)))
    record = await run.wait()
    assert (record.status, record.output) == ("succeeded", ["b"] * 3)


async def test_an_item_of_a_spread_map_may_ask_a_person(served: House) -> None:
    house, _ = served
    plan = plan_of(each("m", [1, 2], ASK, step("b", after=["ok"]), spread=True))
    run = await house.start("do it", plan=plan, approve="never", here=False)
    async with asyncio.timeout(20):
        while len(await house.approvals()) < 2:
            await asyncio.sleep(0.02)
    assert await until(house, run.id, "waiting") == "waiting"
    for asked in await house.approvals():
        await asked.approve()
    assert await until(house, run.id, "succeeded", "failed") == "succeeded"
    assert (await run.status()).output == ["b", "b"]


async def test_an_item_that_fails_fails_its_spread_map_and_begins_no_further_ones(served: House) -> None:
    house, ledger = served
    ledger.answers["b"] = ValueError("broken")
    run = await house.start(
        "do it", plan=plan_of(each("m", list(range(9)), step("b", "item"), spread=True, width=1)), here=False
    )
    assert await until(house, run.id, "failed", "succeeded") == "failed"
    assert ledger.calls == ["b"]
    record = await run.status()
    assert record.error is not None and "broken" in record.error.message


async def test_a_tolerant_spread_map_goes_on_after_a_failure(served: House) -> None:
    house, ledger = served
    ledger.answers["b"] = lambda count: (_ for _ in ()).throw(ValueError("broken")) if count == 2 else "b"
    plan = plan_of(each("m", [0, 1, 2], step("b", "item"), spread=True, width=1, on_error="skip"))
    run = await house.start("do it", plan=plan, here=False)
    assert await until(house, run.id, "partial", "failed", "succeeded") == "partial"
    assert (await run.status()).output == ["b", None, "b"]


async def test_cancelling_stops_the_items_of_a_spread_map(served: House) -> None:
    house, ledger = served
    ledger.held["b"] = asyncio.Event()
    plan = plan_of(each("m", list(range(10)), step("b", "item"), spread=True, width=3))
    run = await house.start("do it", plan=plan, here=False)
    async with asyncio.timeout(20):
        while len(ledger.calls) < 3:
            await asyncio.sleep(0.01)
    await run.cancel()
    assert await until(house, run.id, "cancelled") == "cancelled"
    ledger.held["b"].set()
    await asyncio.sleep(0.3)
    assert len(ledger.calls) == 3
    assert [one.path for one in await run.steps()] == []


async def test_parking_and_deciding_raced_many_times_lose_no_wake_up(served: House) -> None:
    house, ledger = served
    races = int(os.environ.get("RACES", "60"))
    runs = [await house.start("do it", plan=ASKED, approve="never", here=False) for _ in range(races)]
    open_runs = {run.id for run in runs}
    async with asyncio.timeout(60 + races / 4):
        while open_runs:
            for asked in await house.approvals():
                await asked.approve()
            for id in list(open_runs):
                if (await house.get(id).status()).status == "succeeded":
                    open_runs.discard(id)
    assert ledger.counted == {"a": races}


async def test_two_people_decide_at_once_and_one_learns_of_the_other(parking: House) -> None:
    house, _ = parking
    run = await house.start("do it", plan=ASKED, approve="never")
    await run.wait()
    (asked,) = await house.approvals()
    outcomes = await asyncio.gather(asked.approve(by="ann"), asked.reject(by="bo"), return_exceptions=True)
    lost = [one for one in outcomes if isinstance(one, AlreadyDecided)]
    assert len(lost) == 1
    assert "by ann" in str(lost[0]) or "by bo" in str(lost[0])


async def test_results_past_the_limit_on_bytes_stop_the_run(fields: dict[str, Any], tmp_path: Path) -> None:
    async with opened("durable", tmp_path / "home", run={"max_bytes": 5_000}, **fields) as (house, ledger):
        ledger.answers["a"] = "x" * 6_000
        run = await house.start("do it", plan=plan_of(step("a"), step("b", "a"), step("c", "b")))
        record = await run.wait()
        assert record.status == "failed"
        assert record.error is not None
        assert "KAPELLE_RUN__MAX_BYTES" in record.error.message
        assert ledger.calls == ["a", "b"]


async def test_a_process_that_ends_parks_what_only_waits(fields: dict[str, Any], tmp_path: Path) -> None:
    async with opened("durable", tmp_path / "home", run={"park_after": 60}, **fields) as (house, _):
        run = await house.start("do it", plan=ASKED, approve="never")
        assert (await run.wait()).status == "waiting"
    async with opened("durable", tmp_path / "home", **fields) as (house, _):
        record = await house.get(run.id).status()
        assert (record.status, record.parked) == ("waiting", True)
        assert await house.interrupted() == []


async def test_an_exclusive_step_waits_for_the_items_of_a_spread_map(served: House) -> None:
    house, ledger = served
    spread = each("m", list(range(4)), step("b", "item"), spread=True, width=2)
    plan = plan_of(spread, step("x", exclusive=True), step("z", "m", "x"))
    run = await house.start("do it", plan=plan, here=False)
    assert await until(house, run.id, "succeeded", "failed") == "succeeded"
    assert ledger.calls.index("x") in (0, 4)


async def test_a_run_waits_again_while_one_item_of_its_spread_map_still_asks(served: House) -> None:
    house, _ = served
    plan = plan_of(each("m", [1, 2], ASK, step("b", after=["ok"]), spread=True))
    run = await house.start("do it", plan=plan, approve="never", here=False)
    async with asyncio.timeout(20):
        while len(await house.approvals()) < 2:
            await asyncio.sleep(0.02)
    first, second = await house.approvals()
    await first.approve()
    async with asyncio.timeout(20):
        while not any(one.path.endswith("/b") for one in await run.steps()):
            await asyncio.sleep(0.02)
        assert (await run.wait()).status == "waiting"
    await second.approve()
    assert await until(house, run.id, "succeeded", "failed") == "succeeded"


async def test_a_key_is_not_given_to_another_task(parking: House) -> None:
    house, _ = parking
    await house.start("pay", plan=plan_of(step("a")), key="k")
    with pytest.raises(Conflict, match="key `k` names run"):
        await house.start("refund", plan=plan_of(step("a")), key="k")
    assert len(await house.runs()) == 1


@pytest.mark.parametrize(
    "given",
    [
        {"delay": float("nan")},
        {"delay": 1e300},
        {"delay": "5"},
        {"priority": 10**11},
        {"priority": 1.5},
        {"key": ""},
        {"key": "a\x00b"},
        {"key": "x" * 501},
    ],
)
async def test_a_place_in_the_queue_that_is_none_is_refused(parking: House, given: dict[str, Any]) -> None:
    house, _ = parking
    with pytest.raises(BadInput, match=f"`{next(iter(given))}`"):
        await house.start("do it", plan=plan_of(step("a")), here=False, **given)
    assert await house.runs() == []


async def test_an_empty_name_decides_nothing(parking: House) -> None:
    house, _ = parking
    run = await house.start("do it", plan=ASKED, approve="never")
    await run.wait()
    (asked,) = await house.approvals()
    with pytest.raises(BadInput, match="`by`"):
        await asked.approve(by=" ")


async def test_waiting_for_a_run_that_a_worker_of_this_process_is_just_claiming_takes_nothing_over(
    served: House,
) -> None:
    house, ledger = served
    for _ in range(15):
        run = await house.start("do it", plan=plan_of(step("a")), here=False)
        records = await asyncio.gather(*(run.wait() for _ in range(3)))
        assert [(one.status, one.generation) for one in records] == [("succeeded", 1)] * 3
    assert ledger.counted == {"a": 15}


async def test_a_walk_that_gave_up_on_the_database_can_be_resumed_in_its_own_process(
    fields: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened("durable", tmp_path / "home", **fields) as (house, ledger):
        ledger.held["a"] = asyncio.Event()
        run = await house.start("do it", plan=plan_of(step("a"), step("b", "a")))
        async with asyncio.timeout(10):
            while ledger.calls != ["a"]:
                await asyncio.sleep(0.01)
        fault = StoreUnavailable("gone for long")
        with monkeypatch.context() as gone:
            gone.setattr(DatabaseCheckpoint, "commit", AsyncMock(side_effect=fault))
            ledger.held.pop("a").set()
            with pytest.raises(StoreUnavailable):
                await run.wait()
        await run.resume()
        assert (await run.wait()).status == "succeeded"
        assert ledger.counted["b"] == 1
