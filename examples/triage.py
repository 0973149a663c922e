"""Triage an alert: two searches at once, a summary, a person asked when it is serious, a note for each service."""

import asyncio
import json
from typing import Literal

from pydantic import BaseModel

from kapelle import Orchestrator, Steps, Task, strategy, tool
from kapelle.handles import Approval
from kapelle.plan.model import plan_json


class Hit(BaseModel):
    """A line of a log or a ticket."""

    text: str
    service: str


class Summary(BaseModel):
    """What the lines come to."""

    severity: Literal["P1", "P2", "P3"]
    services: list[str]
    text: str


@tool
async def search_logs(service: str) -> list[Hit]:
    """Find what a service logged lately."""
    return [Hit(text="payment gateway timed out 41 times", service=service), Hit(text="queue is full", service="queue")]


@tool
async def find_tickets(text: str) -> dict[str, list[Hit]]:
    """Find tickets that speak of the same."""
    return {"hits": [Hit(text="OPS-7: gateway timeouts after deploy", service="checkout")]}


async def summarize(logs: list[Hit], tickets: list[Hit]) -> Summary:
    """Judge how serious it is."""
    services = sorted({hit.service for hit in (*logs, *tickets)})
    text = f"{logs[0].text}; seen before in {tickets[0].text.split(':')[0]}"
    return Summary(severity="P1" if len(services) > 1 else "P3", services=services, text=text)


@tool(effect="write")
async def post_note(service: str, text: str) -> str:
    """Post a note to a service's channel."""
    return f"#{service}: {text}"


@strategy
def triage(task: Task, s: Steps) -> Steps:
    """Search logs and tickets at once, judge, ask a person, note it for every service."""
    logs = s.tool(search_logs, service=s.task["context"]["service"])
    tickets = s.tool(find_tickets, text=s.task["prompt"])
    facts = s.agent(summarize, logs=logs, tickets=tickets["hits"])
    ok = s.approval("Page the owner?", evidence=facts, when=facts["severity"] == "P1")
    notes = s.map(
        facts["services"], lambda service, body: body.tool(post_note, service=service, text=facts["text"]), width=4
    )
    s.answer(facts, notes, after=[ok])
    return s


house = Orchestrator(tools=[search_logs, find_tickets, post_note], strategies=[triage], packs=())
TASK = {"prompt": "Checkout is failing", "context": {"service": "checkout"}, "approve": "never"}


async def yes(approval: Approval) -> None:
    """Decide as a person would, here without asking one."""
    print(f"asked: {approval.record.action}")
    await approval.approve(by="ada", reason="on call")


async def main() -> None:
    """Plan, show the plan, run it, show the answer."""
    async with house:
        plan = await house.plan(TASK, strategy="triage")
        print(json.dumps(plan_json(plan), indent=2))
        run = await house.start(TASK, plan=plan, key="alert-42")
        candidate = await run.result(approver=yes)
        print(candidate.model_dump_json(indent=2, exclude={"checklist", "usage"}))


if __name__ == "__main__":
    asyncio.run(main())
