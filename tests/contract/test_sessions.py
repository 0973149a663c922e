"""Sessions, on every engine: state with versions, turns by runs, expiry."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.builders import plan_of, step
from tests.contract.engines import ENGINES, opened, settings_of

from kapelle import clock
from kapelle.errors import BadInput, Conflict, NotFound

DAY = 86_400.0
DATABASES = ("sqlite", "postgres")


@pytest.fixture(params=ENGINES)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    def make(**fields: Any) -> Any:
        return opened(request.param, tmp_path, **settings_of(request.param, request), **fields)

    return make


async def test_a_session_is_made_read_saved_listed_and_deleted(house: Any) -> None:
    async with house() as (home, _):
        made = await home.sessions.create("chat-1", state={"status": "open"})
        assert (made.id, made.version, made.state) == ("chat-1", 1, {"status": "open"})
        saved = await home.sessions.save("chat-1", {"status": "done", "nul": "a\0b"}, expect=1)
        found = await home.sessions.get("chat-1")
        assert found is not None
        assert found.state == {"status": "done", "nul": "a\0b"}
        assert found.version == saved.version == 2
        assert found.created == saved.created <= saved.updated < saved.expires_at
        other = await home.sessions.create()
        assert [one.id for one in await home.sessions.list()] == [other.id, "chat-1"]
        assert await home.sessions.delete("chat-1") is True
        assert await home.sessions.delete("chat-1") is False
        assert await home.sessions.get("chat-1") is None
        with pytest.raises(NotFound):
            await home.sessions.save("chat-1", {}, expect=2)


async def test_a_save_from_an_older_version_is_refused_and_changes_nothing(house: Any) -> None:
    async with house() as (home, _):
        await home.sessions.create("s")
        await home.sessions.save("s", {"by": "ann"}, expect=1)
        with pytest.raises(Conflict, match="version 2"):
            await home.sessions.save("s", {"by": "bo"}, expect=1)
        with pytest.raises(Conflict, match="version 2"):
            await home.sessions.save("s", {"by": "bo"}, expect=3)
        with pytest.raises(Conflict):
            await home.sessions.create("s")
        found = await home.sessions.get("s")
        assert found is not None and found.state == {"by": "ann"}


async def test_of_savers_at_once_one_wins(house: Any) -> None:
    async with house() as (home, _):
        await home.sessions.create("s")
        saves = [home.sessions.save("s", {"by": number}, expect=1) for number in range(8)]
        ended = await asyncio.gather(*saves, return_exceptions=True)
        (won,) = [one for one in ended if not isinstance(one, BaseException)]
        assert sum(isinstance(one, Conflict) for one in ended) == 7
        found = await home.sessions.get("s")
        assert found is not None and found.state == won.state and found.version == 2


async def test_a_run_that_ends_is_a_turn_of_its_session_and_does_not_raise_its_version(house: Any) -> None:
    async with house() as (home, ledger):
        ledger.answers["b"] = RuntimeError("no")
        for prompt, name in (("one", "a"), ("two", "b"), ("three", "c")):
            run = await home.start(prompt, plan=plan_of(step(name)), session="s")
            await run.wait()
        await (await home.start("elsewhere", plan=plan_of(step("d")))).wait()
        turns = await home.sessions.history("s")
        assert [(one.n, one.prompt, one.status) for one in turns] == [
            (1, "one", "succeeded"),
            (2, "two", "failed"),
            (3, "three", "succeeded"),
        ]
        assert turns[0].answer == "a" and turns[2].run == run.id
        assert [one.n for one in await home.sessions.history("s", limit=2)] == [2, 3]
        assert [one.n for one in await home.sessions.history("s", limit=2, before=2)] == [1]
        found = await home.sessions.get("s")
        assert found is not None and found.version == 1
        await home.sessions.save("s", {"seen": 3}, expect=found.version)


async def test_a_rerun_changes_its_turn_and_adds_none(house: Any) -> None:
    async with house() as (home, ledger):
        ledger.answers["a"] = lambda times: f"try {times}"
        run = await home.start("one", plan=plan_of(step("a")), session="s")
        await run.wait()
        await run.rerun(from_="a")
        await run.wait()
        assert [(one.n, one.answer) for one in await home.sessions.history("s")] == [(1, "try 2")]


async def test_runs_of_one_session_that_end_at_once_have_a_turn_each(house: Any) -> None:
    async with house() as (home, _):
        runs = [await home.start(f"ask {n}", plan=plan_of(step("a")), session="s") for n in range(10)]
        await asyncio.gather(*(run.wait() for run in runs))
        turns = await home.sessions.history("s")
        assert [one.n for one in turns] == list(range(1, 11))
        assert {one.run for one in turns} == {run.id for run in runs}


async def test_a_session_expires_without_use_and_each_use_slides_it(house: Any) -> None:
    async with house(retention={"sessions": 2}) as (home, _):
        await home.sessions.create("s", state={"old": True})
        with clock.shifted(1.5 * DAY):
            await home.sessions.save("s", {"old": True}, expect=1)
        with clock.shifted(3 * DAY):
            assert await home.sessions.get("s") is not None
            run = await home.start("one", plan=plan_of(step("a")), session="s")
            await run.wait()
        with clock.shifted(4.5 * DAY):
            assert [one.id for one in await home.sessions.list()] == ["s"]
        with clock.shifted(6 * DAY):
            assert await home.sessions.get("s") is None
            assert await home.sessions.list() == []
            with pytest.raises(NotFound):
                await home.sessions.history("s")
            with pytest.raises(NotFound):
                await home.sessions.save("s", {}, expect=2)
            made = await home.sessions.create("s")
            assert (made.version, made.state) == (1, {})
            assert await home.sessions.history("s") == []


async def test_zero_days_keep_a_session_for_ever(house: Any) -> None:
    async with house(retention={"sessions": 0}) as (home, _):
        await home.sessions.create("s")
        with clock.shifted(10_000 * DAY):
            assert await home.sessions.get("s") is not None


@pytest.mark.parametrize("id", ["", " ", "a b", "../up", "a/b", "a\n", "-a", "x" * 129, "ä", "a\0"])
async def test_a_malformed_id_is_refused_everywhere(house: Any, id: str) -> None:
    async with house() as (home, _):
        for call in (home.sessions.create, home.sessions.get, home.sessions.delete, home.sessions.history):
            with pytest.raises(BadInput, match="session id"):
                await call(id)
        with pytest.raises(BadInput, match="session id"):
            await home.start("x", plan=plan_of(step("a")), session=id)


@pytest.mark.parametrize("state", [[], "x", {"a": float("nan")}, {"a": object()}, {"a": "\ud800"}])
async def test_a_state_that_is_no_json_object_is_refused(house: Any, state: Any) -> None:
    async with house() as (home, _):
        with pytest.raises(BadInput, match="state"):
            await home.sessions.create("s", state=state)
        assert await home.sessions.get("s") is None


async def test_a_large_state_comes_back_whole(house: Any) -> None:
    async with house() as (home, _):
        state = {"results": ["x" * 1000] * 200}
        await home.sessions.create("s", state=state)
        found = await home.sessions.get("s")
        assert found is not None and found.state == state
        assert [one.state for one in await home.sessions.list()] == [state]


@pytest.mark.parametrize("engine", DATABASES)
async def test_another_owner_sees_nothing(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    fields = settings_of(engine, request)
    async with opened(engine, tmp_path, **fields) as (home, _):
        await home.sessions.create("s", state={"mine": 1})
    async with opened(engine, tmp_path, owner="acme/bo", **fields) as (home, _):
        assert await home.sessions.get("s") is None
        assert await home.sessions.list() == []
        assert await home.sessions.delete("s") is False
        await home.sessions.create("s", state={"yours": 1})
    async with opened(engine, tmp_path, **fields) as (home, _):
        found = await home.sessions.get("s")
        assert found is not None and found.state == {"mine": 1}


@pytest.mark.parametrize("engine", DATABASES)
async def test_a_session_with_a_run_that_waits_does_not_expire(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with opened(engine, tmp_path, **settings_of(engine, request), retention={"sessions": 1}) as (home, _):
        given = clock.to_iso(clock.now().replace(year=2999))
        run = await home.start("wait", plan=plan_of(step("a", uses="nap", inputs={"given": given})), session="s")
        assert (await run.wait()).status == "waiting"
        with clock.shifted(30 * DAY):
            assert await home.sessions.get("s") is not None
            await run.cancel()
            await run.wait()
            assert [one.status for one in await home.sessions.history("s")] == ["cancelled"]
        with clock.shifted(32 * DAY):
            assert await home.sessions.get("s") is None


_RACER = """
import asyncio, sys
from kapelle.errors import Conflict
from kapelle.orchestrator import Orchestrator
from kapelle.settings import load_settings

async def main() -> None:
    fields = {"database_url": sys.argv[2]} if sys.argv[2] else {}
    async with Orchestrator(settings=load_settings(home=sys.argv[1], owner="acme/ann", **fields), packs=[]) as house:
        won = 0
        while won < 20:
            seen = await house.sessions.get("s")
            try:
                await house.sessions.save("s", {"n": seen.state["n"] + 1}, expect=seen.version)
                won += 1
            except Conflict:
                pass

asyncio.run(main())
"""


@pytest.mark.parametrize("engine", DATABASES)
async def test_savers_in_two_processes_lose_no_update(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fields = settings_of(engine, request)
    async with opened(engine, tmp_path, **fields) as (home, _):
        await home.sessions.create("s", state={"n": 0})
    command = [sys.executable, "-c", _RACER, str(tmp_path), fields.get("database_url", "")]
    racers = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    told = [racer.communicate(timeout=60)[1] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0], told
    async with opened(engine, tmp_path, **fields) as (home, _):
        found = await home.sessions.get("s")
        assert found is not None
        assert (found.state, found.version) == ({"n": 40}, 41)
