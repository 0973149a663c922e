"""The public API as a type checker sees it; checked by mypy, never run."""

from decimal import Decimal
from typing import Literal, assert_type

import kapelle
from kapelle import (
    AgentSpec,
    Approval,
    Budget,
    Candidate,
    Checklist,
    ChecklistItem,
    Citation,
    Orchestrator,
    Pack,
    Plan,
    Run,
    Settings,
    Steps,
    Strategy,
    Suspend,
    Task,
    Tool,
    ToolContext,
    Usage,
    agent,
    ask,
    fallback,
    quorum,
    strategy,
    tool,
)


@tool
async def look(text: str) -> list[str]:
    return [text]


@tool(effect="write", timeout=3.0)
async def open_ticket(title: str, severity: Literal["P1", "P2"], context: ToolContext) -> str | Suspend:
    if not context.idempotency_key:
        return Suspend("date", "2030-01-01T00:00:00Z")
    return f"{title} {severity}"


async def think(topic: str) -> str:
    return topic


@strategy
def triage(task: Task, s: Steps) -> Steps:
    seen = s.tool(look, text=task.prompt)
    spare = s.agent(think, topic=seen[0])
    ok = s.approval("Go?", evidence=seen, when=(seen[0] == "P1") & ~(seen[1] > 3))
    notes = s.map(seen, lambda item, body: body.tool(look, text=item), width=4, join=quorum(2))
    rounds = s.repeat(lambda last, body: body.agent(think, topic=last), rounds=3, until=lambda out: out["done"].truthy)
    s.answer(notes, rounds, after=[ok], on_error=fallback(spare))
    return s


def checked(task: Task, plan: Plan, candidate: Candidate) -> None:
    assert_type(task.budget, Budget)
    assert_type(task.checklist, Checklist | None)
    assert_type(task.budget.usd, Decimal | None)
    assert_type(plan.output, str)
    assert_type(candidate.citations, tuple[Citation, ...])
    assert_type(candidate.usage, Usage)
    assert_type(agent(think), AgentSpec)
    assert_type(ask("?", "./handbook"), Candidate)
    assert_type(kapelle.__version__, str)


async def used() -> None:
    specs: list[Tool] = [look, open_ticket]
    ways: list[Strategy] = [triage]
    house = Orchestrator(
        tools=specs,
        agents=[agent(think)],
        corpora={"handbook": "./handbook"},
        strategies=ways,
        budget=Budget(usd=Decimal("0.50")),
        packs=[Pack("mine")],
        settings=Settings(),
        engine="inline",
    )
    async with house as opened:
        assert_type(opened, Orchestrator)
        assert_type(await opened.plan("x"), Plan)
        run = await opened.start("x", key="k", checks=[ChecklistItem(description="names it")])
        assert_type(run, Run)
        async for event in run.events(after=3):
            assert_type(event.seq, int)
        for one in await opened.approvals(run=run.id):
            assert_type(one, Approval)
            await one.modify({"title": "t"}, by="bo")
        assert_type(await run.result(), Candidate)
    assert_type(house.run_sync("x", strategy="triage"), Candidate)
