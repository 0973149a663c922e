"""The facade: plan, start, follow, decide, answer; in memory, without a key."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.builders import Ledger, plan_of, ref, step

from kapelle.budget.model import Budget
from kapelle.errors import (
    BadInput,
    NotFound,
    PlanError,
    TaskError,
    ToolInputError,
    UnreadableSource,
    WaitingForApproval,
)
from kapelle.handles import Approval, candidate_of
from kapelle.orchestrator import Orchestrator, ask
from kapelle.plan.builder import Handle, Steps
from kapelle.plan.strategies import strategy
from kapelle.settings import load_settings
from kapelle.task.model import ChecklistItem, StrategyCall, Task
from kapelle.tools.decorator import tool


@tool(effect="write")
async def open_ticket(title: str, severity: int = 3) -> dict[str, str]:
    """Open a ticket."""
    return {"id": f"T-{severity}", "title": title}


@strategy
def triage(task: Task, s: Steps, severity: int = 2) -> Handle:
    """Open a ticket for the task."""
    return s.tool(open_ticket, title=s.task["prompt"], severity=severity)


def house_of(**fields: Any) -> Orchestrator:
    settings = load_settings(owner="acme/ann")
    return Orchestrator(**{"settings": settings, "packs": [], "engine": "inline", **fields})


@pytest.fixture
async def house() -> AsyncIterator[Orchestrator]:
    async with house_of(tools=[*Ledger().tools, open_ticket], strategies=[triage]) as made:
        yield made


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    folder = tmp_path / "handbook"
    folder.mkdir()
    (folder / "finance.md").write_text(
        "# Finance\n\nWe keep invoices for ten years. Receipts are kept for two years.\n"
    )
    (folder / "people.md").write_text("# People\n\nVacation is 30 days a year. Interns get 20 days.\n")
    return folder


async def test_a_question_is_answered_with_quotes(handbook: Path) -> None:
    async with house_of(corpora={"handbook": handbook}) as house:
        answer = await house.run_async("How long do we keep invoices?")
    assert answer.status == "succeeded"
    assert "ten years" in answer.text
    (cited, *_) = answer.citations
    assert (handbook / cited.source).read_text()[cited.start : cited.end] == cited.quote
    assert cited.exact
    assert answer.verdict is not None and answer.verdict.passed


async def test_a_question_that_the_documents_do_not_answer_is_not_answered(handbook: Path) -> None:
    async with house_of(corpora={"handbook": handbook}) as house:
        answer = await house.run_async("Which parking garage offers electric chargers?")
    assert (answer.status, answer.found) == ("failed", False)
    assert answer.citations == ()


def test_asking_takes_one_line(handbook: Path) -> None:
    assert "30 days" in str(ask("How many days of vacation a year?", handbook))


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match="nowhere"):
        ask("Anything?", tmp_path / "nowhere")


async def test_a_folder_is_read_again_when_it_changed(handbook: Path) -> None:
    async with house_of(corpora={"handbook": handbook}) as house:
        (first, _), (second, _) = [await house.ingest("handbook", handbook) for _ in range(2)]
    assert (first.added, second.unchanged) == (2, 2)


async def test_planning_spends_nothing_and_starting_walks_exactly_that_plan(house: Orchestrator) -> None:
    task = Task(prompt="The printer burns", strategy=StrategyCall(name="triage"))
    plan = await house.plan(task)
    assert plan.task_id == task.id
    assert [one.kind for one in plan.steps] == ["approval", "tool"]
    assert plan.estimate is not None and plan.estimate.approvals == 1
    run = await house.start(task, plan=plan)
    assert (await run.status()).plan == plan


async def test_a_strategy_may_be_named_in_three_ways_and_take_arguments(house: Orchestrator) -> None:
    for named in ("triage", triage, StrategyCall(name="triage")):
        assert (await house.plan("x", strategy=named)).steps[-1].kind == "tool"
    plan = await house.plan("x", strategy=StrategyCall(name="triage", arguments={"severity": 1}))
    assert plan.steps[0].inputs["arguments"] == {"title": {"$ref": "task", "path": "/prompt"}, "severity": 1}
    with pytest.raises(BadInput, match="`strategy`"):
        await house.plan("x", strategy=3)


async def test_fields_of_the_task_are_filled_in_and_may_be_given() -> None:
    house = house_of(budget=Budget(usd="0.50"), model="openai:gpt-5-mini")
    made = house.task("x", checks=[ChecklistItem(description="names it")], context={"service": "pay"})
    assert (made.owner, made.model, str(made.budget.usd)) == ("acme/ann", "openai:gpt-5-mini", "0.50")
    assert made.checklist is not None and made.checklist.items[0].description == "names it"
    assert house.task({"prompt": "x", "model": "other:m"}).model == "other:m"
    assert house.task(Task(prompt="x", budget=Budget(tokens=5))).budget == Budget(tokens=5)
    with pytest.raises(TaskError, match="`colour`"):
        house.task("x", colour="red")
    with pytest.raises(TaskError, match="`prompt`"):
        house.task("")


async def test_a_secret_in_a_task_is_taken_out_before_anything_is_planned(house: Orchestrator) -> None:
    made = house.task("use sk-proj-abcdefghijklmnop1234", context={"password": "hunter22"})
    assert (made.prompt, made.context) == ("use [redacted]", {"password": "[redacted]"})


async def test_a_plan_with_a_secret_is_refused_where_it_was_written(house: Orchestrator) -> None:
    secret = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
    plan = plan_of(step("a", uses="put", inputs={"given": {"value": secret}}))
    with pytest.raises(PlanError, match=r"step `a`, `inputs.given.value`: a secret does not belong") as raised:
        await house.start("x", plan=plan)
    assert len(raised.value.problems) == 1
    assert secret not in str(raised.value)
    with pytest.raises(PlanError, match="let the tool read it from its environment"):
        house.check_draft(plan)
    assert await house.runs() == []


async def test_a_strategy_that_plans_with_a_secret_is_refused() -> None:
    @strategy
    def logging_in(task: Task, s: Steps) -> Handle:
        """Open a ticket with a key."""
        return s.tool(open_ticket, title="hf_abcdefghij0123456789")

    async with house_of(tools=[open_ticket], strategies=[logging_in]) as house:
        with pytest.raises(PlanError, match="`inputs.title`: a secret does not belong"):
            await house.start("x", strategy=logging_in)


async def test_a_plan_with_problems_is_refused_with_all_of_them(house: Orchestrator) -> None:
    plan = plan_of(step("a", uses="nowhere"), step("b", inputs={"given": ref("z")}))
    with pytest.raises(PlanError, match="2 problems") as raised:
        await house.start("x", plan=plan)
    assert len(raised.value.problems) == 2
    assert await house.runs() == []


async def test_without_an_approver_a_run_that_waits_is_kept(house: Orchestrator) -> None:
    with pytest.raises(WaitingForApproval) as raised:
        await house.run_async("x", strategy="triage")
    (asked,) = await house.approvals()
    assert raised.value.approvals == (asked.id,)
    await asked.approve(by="bo")
    run = await house.get(raised.value.run).resume()
    assert (await run.result()).value == {"id": "T-2", "title": "x"}


async def test_an_approver_decides_at_once(house: Orchestrator) -> None:
    async def edit(one: Approval) -> None:
        await one.modify({"title": "better", "severity": 1}, by="bo")

    answer = await house.run_async("x", strategy="triage", approver=edit)
    assert answer.value == {"id": "T-1", "title": "better"}


async def test_an_edit_that_does_not_fit_the_tool_decides_nothing(house: Orchestrator) -> None:
    run = await house.start("x", strategy="triage")
    await run.wait()
    (asked,) = await house.approvals(run=run.id)
    for wrong in ({"title": 3}, {"title": "t", "more": 1}, {}, "title", None, ["t"]):
        with pytest.raises(ToolInputError):
            await asked.modify(wrong)  # type: ignore[arg-type]
    assert len(await house.approvals(run=run.id)) == 1


async def test_a_rejection_says_who_and_why(house: Orchestrator) -> None:
    async def refuse(one: Approval) -> None:
        await one.reject(by="bo", reason="not now")

    answer = await house.run_async("x", strategy="triage", approver=refuse)
    assert answer.status == "failed"
    assert any("rejected by bo: not now" in one for one in answer.missing)


async def test_who_decides_is_the_user_of_the_machine_unless_said(
    house: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "cy")
    run = await house.start("x", strategy="triage")
    await run.wait()
    (asked,) = await house.approvals(run=run.id)
    assert (await asked.approve()).by == "cy"


async def test_functions_used_as_agents_need_no_registration() -> None:
    async def think(topic: str) -> dict[str, str]:
        """Think."""
        return {"thought": topic.upper()}

    @strategy
    def own(task: Task, s: Steps) -> Handle:
        return s.agent(think, topic=s.task["prompt"])

    async with house_of(strategies=[own]) as house:
        assert (await house.run_async("x", strategy="own")).value == {"thought": "X"}


async def test_a_text_is_extracted_without_a_corpus(house: Orchestrator) -> None:
    answer = await house.run_async("Ann sends the draft to Bo by 3 May 2026.")
    assert answer.status == "succeeded"
    assert isinstance(answer.value, dict)
    assert set(answer.value) == {"entities", "deadlines", "action_items", "priority", "summary"}


async def test_searching_reads_the_corpora_first(handbook: Path) -> None:
    async with house_of(corpora={"handbook": handbook}) as house:
        found = await house.search("invoices", k=1)
    assert [one.source for one in found.hits] == ["finance.md"]


async def test_events_can_be_followed_while_a_run_goes_on(house: Orchestrator) -> None:
    run = await house.start("x", plan=plan_of(step("a"), step("b", "a")))
    kinds = [event.kind async for event in run.events()]
    assert (kinds[0], kinds[-1]) == ("run.created", "run.finished")


async def test_an_unknown_run_shows_at_its_first_use(house: Orchestrator) -> None:
    run = house.get("run_none")
    with pytest.raises(NotFound):
        await run.result()


async def test_run_sync_inside_a_loop_says_what_to_call(house: Orchestrator) -> None:
    with pytest.raises(BadInput, match="run_async"):
        house.run_sync("x")


def test_a_house_can_be_used_again_after_it_was_closed() -> None:
    house = house_of(tools=Ledger().tools)
    assert house.run_sync("Ann sends it.").status == house.run_sync("Bo sends it.").status == "succeeded"


@pytest.mark.parametrize("name", ["", "a/b"])
def test_the_name_of_a_corpus_must_be_usable(name: str) -> None:
    with pytest.raises(BadInput, match="corpus"):
        assert house_of(corpora={name: "x"}).parts


def test_two_tools_of_one_name_are_refused() -> None:
    def other() -> str:
        """Be another."""
        return ""

    with pytest.raises(BadInput, match="two tools are named `open_ticket`"):
        assert house_of(tools=[open_ticket, tool(name="open_ticket")(other)]).parts


async def test_a_run_that_failed_says_why_in_its_candidate(house: Orchestrator) -> None:
    run = await house.start("x", plan=plan_of(step("a", inputs={"given": ref("task", "/nowhere")})))
    record = await run.wait()
    candidate = candidate_of(record)
    assert (candidate.status, candidate.found) == ("failed", False)
    assert "nothing at `/nowhere`" in candidate.missing[0]


async def test_houses_in_one_loop_do_not_disturb_each_other() -> None:
    async with house_of(tools=Ledger().tools) as one, house_of(tools=Ledger().tools) as other:
        await asyncio.gather(one.run_async("Ann sends it."), other.run_async("Bo sends it."))
        assert len(await one.runs()) == len(await other.runs()) == 1


async def test_while_it_closes_nothing_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    house = house_of()
    parts = house.parts
    really = parts.engine.close
    seen: list[object] = []

    async def close_slowly() -> None:
        # What a run that its queue hands out just now does.
        seen.append(house.parts)
        await house.close()
        await really()

    monkeypatch.setattr(parts.engine, "close", close_slowly)
    await house.close()
    assert seen == [parts]
    assert house.parts is not parts
    await house.close()
