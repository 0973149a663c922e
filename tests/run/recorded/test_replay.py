"""Recordings of real runs, walked again with the same tools, with changed ones, and with the outside shut off."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, JsonValue
from tests.builders import OWNER, Ledger, again, each, plan_of, ref, step

from kapelle.agents.spec import AgentSpec, agent
from kapelle.errors import BadInput
from kapelle.orchestrator import Orchestrator
from kapelle.plan.model import AgentStep, AnswerStep, Plan, ToolStep
from kapelle.run.recorded.recording import Recording, read_recording
from kapelle.run.recorded.replay import Replay
from kapelle.settings import load_settings
from kapelle.tools.decorator import tool
from kapelle.tools.model import Tool, ToolContext

DIAMOND = plan_of(step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c"))


def house_of(*tools: Tool, agents: tuple[AgentSpec, ...] = ()) -> Orchestrator:
    settings = load_settings(owner=OWNER, tools={"max_retries": 0})
    return Orchestrator(tools=tools, agents=agents, settings=settings, packs=[], engine="inline")


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
async def house(ledger: Ledger) -> AsyncIterator[Orchestrator]:
    async with house_of(*ledger.tools) as made:
        yield made


async def recorded(house: Orchestrator, plan: Plan, **fields: Any) -> Recording:
    run = await house.start("do it", plan=plan, **{"approve": "never", **fields})
    await run.wait()
    return read_recording((await house.record(run.id)).text())


async def replayed(recording: Recording, *tools: Tool, agents: tuple[AgentSpec, ...] = ()) -> Replay:
    async with house_of(*tools, agents=agents) as house:
        return await house.replay(recording)


async def test_the_same_code_gives_the_same_and_calls_nothing(house: Orchestrator, ledger: Ledger) -> None:
    plan = plan_of(
        *DIAMOND.steps, each("m", [1, 2, 3], step("x"), step("y", "x")), again("r", 2, step("z")), output="d"
    )
    recording = await recorded(house, plan)
    ledger.calls.clear()
    done = await house.replay(recording)
    assert (done.same, done.first, done.ahead) == (True, None, 0)
    assert done.replayed == 12
    assert ledger.calls == []


@pytest.mark.parametrize("broken", ["a", "b", "d"])
async def test_a_run_that_failed_fails_in_the_same_way(house: Orchestrator, ledger: Ledger, broken: str) -> None:
    ledger.answers[broken] = RuntimeError("the pump is broken")
    recording = await recorded(house, DIAMOND)
    assert recording.status == "failed"
    assert (await house.replay(recording)).same


async def test_a_tool_that_is_gone_is_told_with_its_step(house: Orchestrator, ledger: Ledger) -> None:
    recording = await recorded(house, plan_of(step("a"), step("b", "a", uses="put"), step("c", "b")))
    done = await replayed(recording, *(one for one in ledger.tools if one.name != "put"))
    assert done.first is not None
    assert (done.first.path, done.first.what) == ("b", "registered")
    assert "`put`" in done.first.why


async def test_an_argument_that_became_required_is_told(house: Orchestrator) -> None:
    @tool
    async def note(name: str, urgency: int, given: JsonValue = None) -> JsonValue:
        """Note, more urgently."""
        return name

    done = await replayed(await recorded(house, DIAMOND), note)
    assert done.first is not None
    assert (done.first.path, done.first.what) == ("a", "inputs")
    assert "`urgency`" in done.first.why


async def test_an_output_of_another_type_is_told(house: Orchestrator) -> None:
    @tool
    async def note(name: str, given: JsonValue = None) -> int:
        """Count instead."""
        return 1

    done = await replayed(await recorded(house, DIAMOND), note)
    assert done.first is not None
    assert (done.first.path, done.first.what) == ("a", "output")


class Found(BaseModel):
    rows: list[str]


class FoundMore(BaseModel):
    rows: list[str]
    total: int


@pytest.mark.parametrize(("before", "now"), [(Found, FoundMore), (FoundMore, Found)])
async def test_a_field_that_came_or_went_is_no_divergence(before: type[BaseModel], now: type[BaseModel]) -> None:
    def made(model: type[BaseModel]) -> Tool:
        async def look(name: str) -> model | None:  # type: ignore[valid-type]
            """Look."""
            return model(rows=[name], total=1)

        return tool(look)

    plan = plan_of(step("a", uses="look"))
    async with house_of(made(before)) as house:
        recording = await recorded(house, plan)
    assert (await replayed(recording, made(now))).same


@tool
async def listed(name: str, context: ToolContext) -> dict[str, JsonValue]:
    """Say something that can be cited."""
    text = "Invoices are kept for ten years."
    sha256 = context.keep("handbook.md", text)
    excerpt = {"source": "handbook.md", "sha256": sha256, "start": 0, "end": len(text), "quote": text}
    return {"claims": [{"text": text, "excerpts": [excerpt]}], "found": True}


async def test_an_answer_and_its_verdict_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(step("a", uses="listed"), AnswerStep(id="said", inputs={"claims": ref("a", "/claims")}))
    async with house_of(listed) as house:
        recording = await recorded(house, plan)
        assert recording.status == "succeeded"
        assert (await house.replay(recording)).same
        from kapelle.verdict import checks

        monkeypatch.setattr(checks, "check_citations", lambda *given, **named: checks.check_found(False, ("a",)))
        done = await house.replay(recording)
    assert done.first is not None
    assert (done.first.path, done.first.what) == ("verdict", "output")


async def test_a_verdict_knows_what_it_knew_though_others_ended_later(ledger: Ledger) -> None:
    ledger.held["late"] = asyncio.Event()
    plan = plan_of(
        step("a", uses="listed"),
        AnswerStep(id="said", inputs={"claims": ref("a", "/claims")}),
        step("late"),
        output="said",
    )
    ledger.answers["late"] = RuntimeError("too late to matter")
    async with house_of(listed, *ledger.tools) as house:
        run = await house.start("do it", plan=plan)
        async with asyncio.timeout(5):
            while "verdict" not in {one.path for one in await run.steps()}:
                await asyncio.sleep(0.01)
        ledger.held["late"].set()
        await run.wait()
        recording = await house.record(run.id)
        assert (await house.replay(recording)).same


def summing(by: Callable[[int], int]) -> AgentSpec:
    async def total(numbers: list[int]) -> dict[str, int]:
        """Add up."""
        return {"total": by(sum(numbers))}

    return agent(total, name="total")


SUMMED = plan_of(AgentStep(id="sum", agent="total", inputs={"numbers": [1, 2, 3]}), step("tell", "sum"))


async def test_an_agent_function_is_computed_again_and_compared(ledger: Ledger) -> None:
    async with house_of(*ledger.tools, agents=(summing(lambda n: n),)) as house:
        recording = await recorded(house, SUMMED)
    ledger.calls.clear()
    assert (await replayed(recording, *ledger.tools, agents=(summing(lambda n: n),))).same
    done = await replayed(recording, *ledger.tools, agents=(summing(lambda n: n + 1),))
    assert done.first is not None
    assert (done.first.path, done.first.at, done.first.recorded, done.first.present) == ("sum", "/total", "6", "7")
    assert len(done.divergences) == 1
    assert ledger.calls == []


async def test_what_reaches_outside_is_refused_and_its_recording_stands_in(tmp_path: Path, ledger: Ledger) -> None:
    mark = tmp_path / "mark.txt"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        entered: list[str] = []

        def agents() -> tuple[AgentSpec, ...]:
            async def connects(name: str) -> str:
                """Ask a server."""
                entered.append("connects")
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await writer.wait_closed()
                return name

            def blocks(name: str) -> str:
                """Ask a server in a thread."""
                entered.append("blocks")
                socket.create_connection(("127.0.0.1", port)).close()
                return name

            def writes(name: str) -> str:
                """Write a file."""
                entered.append("writes")
                mark.write_text(mark.read_text() + "x" if mark.exists() else "x")
                return name

            def spawns(name: str) -> str:
                """Begin a process."""
                entered.append("spawns")
                subprocess.run(["true"], check=True)
                return name

            return tuple(agent(one) for one in (connects, blocks, writes, spawns))

        names = ("connects", "blocks", "writes", "spawns")
        plan = plan_of(*(AgentStep(id=name, agent=name, inputs={"name": name}) for name in names))
        async with house_of(agents=agents()) as house:
            recording = await recorded(house, plan)
            assert recording.status == "succeeded"
            assert mark.read_text() == "x"
            entered.clear()
            done = await house.replay(recording)
    assert sorted(entered) == sorted(names)
    assert done.same
    assert mark.read_text() == "x"
    assert len(done.notes) == 4
    socket.create_server(("127.0.0.1", 0)).close()
    mark.write_text("open again")


async def test_a_run_that_waits_is_replayed_as_far_as_it_came(house: Orchestrator, ledger: Ledger) -> None:
    plan = plan_of(step("a"), step("w", "a", uses="put"), step("z", "w"))
    recording = await recorded(house, plan, approve="writes")
    assert recording.status == "waiting"
    done = await house.replay(recording)
    assert (done.same, done.replayed, done.ahead) == (True, 1, 1)


async def test_what_is_still_to_come_is_held_against_the_present_tools(house: Orchestrator, ledger: Ledger) -> None:
    plan = plan_of(step("a"), step("w", "a", uses="put"), step("z", "w"))
    recording = await recorded(house, plan, approve="writes")
    done = await replayed(recording, *(one for one in ledger.tools if one.name != "put"))
    assert done.first is not None
    assert "`put`" in done.first.why


async def test_other_inputs_than_recorded_are_told(house: Orchestrator) -> None:
    recording = await recorded(house, DIAMOND)
    data = recording.model_dump(mode="json", by_alias=True)
    data["plan"]["steps"][1]["inputs"]["name"] = "else"
    done = await house.replay(Recording.model_validate(data))
    assert done.first is not None
    assert (done.first.path, done.first.what) == ("b", "inputs")


async def test_the_first_divergence_is_the_one_that_was_recorded_first(house: Orchestrator, ledger: Ledger) -> None:
    plan = plan_of(step("a"), step("x", "a", uses="put"), step("y", "x", uses="put"))
    recording = await recorded(house, plan)
    done = await replayed(recording, *(one for one in ledger.tools if one.name == "put"))
    assert done.first is not None
    assert done.first.path == "a"


async def test_a_plan_of_an_unknown_schema_is_told(house: Orchestrator) -> None:
    recording = await recorded(house, DIAMOND)
    data = recording.model_dump(mode="json", by_alias=True)
    data["plan"]["schema_version"] = 99
    done = await house.replay(Recording.model_validate(data))
    assert done.first is not None
    assert (done.first.path, done.first.what) == ("", "plan")
    assert "99" in done.first.why


async def test_a_fork_and_a_rerun_are_replayed(house: Orchestrator) -> None:
    run = await house.start("do it", plan=DIAMOND, approve="never")
    await run.wait()
    fork = await run.fork(from_="b")
    await fork.wait()
    await run.rerun(from_="c", set={"/inputs/name": "v"})
    await run.wait()
    for one in (run, fork):
        assert (await house.replay(one.id)).same


async def test_a_deadline_that_has_passed_since_does_not_matter(house: Orchestrator) -> None:
    recording = await recorded(house, DIAMOND)
    data = recording.model_dump(mode="json", by_alias=True)
    data["task"]["deadline"] = "2001-01-01T00:00:00Z"
    assert (await house.replay(Recording.model_validate(data))).same


async def test_a_loop_is_entered_again_with_the_calls_that_it_made(ledger: Ledger) -> None:
    turned = {"by": 1}

    @tool
    async def double(number: int) -> int:
        """Double."""
        ledger.calls.append("double")
        return number * 2

    @tool
    async def loop(context: ToolContext) -> list[int]:
        """Call three times."""
        return [await context.call(str(n), double, number=n * turned["by"]) for n in range(3)]  # type: ignore[misc]

    plan = Plan(steps=(ToolStep(id="l", tool="loop"),), output="l")
    async with house_of(loop, double) as house:
        recording = await recorded(house, plan)
        assert recording.status == "succeeded"
        ledger.calls.clear()
        assert (await house.replay(recording)).same
        assert ledger.calls == []
        turned["by"] = 2
        done = await house.replay(recording)
    assert done.first is not None
    assert (done.first.path, done.first.what) == ("l", "calls")
    assert "`1`" in done.first.recorded + done.first.present + done.first.why


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"results": 3}', '{"results": [], "schema_version": 99}'])
def test_what_is_no_recording_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read_recording(text)


async def test_a_recording_holds_no_secret(house: Orchestrator, ledger: Ledger) -> None:
    from kapelle.telemetry.redact import remember

    ledger.answers["a"] = "the word is swordfish-9"
    run = await house.start("do it", plan=DIAMOND, approve="never")
    await run.wait()
    remember(["swordfish-9"])
    assert "swordfish" not in (await house.record(run.id)).text()
