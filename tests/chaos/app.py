"""The app that the workers of the chaos walk: tools that call the counted outside, and a diary of every commit."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
from pydantic import JsonValue

from kapelle.handles import Run
from kapelle.orchestrator import Orchestrator
from kapelle.plan.model import Plan
from kapelle.run import checkpoint_database as checkpoints
from kapelle.run.checkpoint import Batch
from kapelle.run.facts import Facts, Written
from kapelle.run.fence import RunFence
from kapelle.store.transact_postgres import Alone
from kapelle.tools.decorator import tool
from kapelle.tools.model import ToolContext

DIARY = "CHAOS_DIARY"
OUTSIDE = "CHAOS_OUTSIDE"
KILLS = "CHAOS_KILLS"


async def _call(name: str, context: ToolContext) -> str:
    body = {"run": context.run_id, "path": context.path, "key": context.idempotency_key, "pid": os.getpid()}
    async with httpx2.AsyncClient(timeout=60) as client:
        answer = await client.post(os.environ[OUTSIDE], json={**body, "prompt": _prompts.get(context.run_id, "")})
    answer.raise_for_status()
    return name


@tool(timeout=60)
async def look(name: str, context: ToolContext, given: JsonValue = None) -> str:
    """Read something outside."""
    return await _call(name, context)


@tool(timeout=60, effect="write")
async def change(name: str, context: ToolContext, given: JsonValue = None) -> str:
    """Change something outside."""
    return await _call(name, context)


def _step(id: str, *needs: str, uses: str = "look", **more: Any) -> dict[str, Any]:
    inputs: dict[str, Any] = {"name": id}
    if needs:
        inputs["given"] = [{"$ref": need} for need in needs]
    return {"kind": "tool", "id": id, "tool": uses, "inputs": inputs, **more}


def plan_of_ten() -> Plan:
    """Ten steps: parallel branches, a map of three items, one approval, a write behind it."""
    body = {"kind": "tool", "id": "each", "tool": "look", "inputs": {"name": "each", "given": {"$ref": "item"}}}
    steps = [
        _step("a"),
        _step("b", "a"),
        _step("c", "a"),
        _step("d", "a"),
        {"kind": "map", "id": "m", "over": [1, 2, 3], "body": [body], "output": "each", "after": ["b"]},
        {"kind": "approval", "id": "ok", "action": "Go on?", "after": ["c"], "inputs": {"arguments": {"name": "w"}}},
        _step("w", uses="change", after=["ok"]),
        _step("z", "m", "w", "d"),
    ]
    return Plan.model_validate({"steps": steps, "output": "z"})


def plan_of_items() -> Plan:
    """A map of sixty items that are spread over the workers, and a step behind it."""
    body = {"kind": "tool", "id": "each", "tool": "look", "inputs": {"name": "each", "given": {"$ref": "item"}}}
    items = list(range(60))
    spread = {"kind": "map", "id": "m", "over": items, "body": [body], "output": "each", "spread": True, "width": 12}
    return Plan.model_validate({"steps": [spread, _step("z", "m")], "output": "z"})


house = Orchestrator(tools=[look, change], packs=[])
_prompts: dict[str, str] = {}
_drawn: dict[str, tuple[int, int]] = {}


def _write_diary(entry: dict[str, Any]) -> None:
    file = os.open(os.environ[DIARY], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, json.dumps(entry).encode() + b"\n")
    os.close(file)


def _keep_diary() -> None:
    """Note every commit that was made, and die right after one when that is wanted."""
    committed = checkpoints.DatabaseCheckpoint.commit

    write, alone = checkpoints.write, checkpoints.alone

    def note(fence: RunFence, facts: Facts, written: Written) -> Written:
        if facts.events:
            _drawn[fence.workflow] = (written.last - len(facts.events) + 1, written.last)
        return written

    def noted_alone(fence: RunFence, facts: Facts) -> Alone[Written]:
        made = alone(fence, facts)
        return replace(made, read=lambda row: note(fence, facts, made.read(row)))

    async def commit(self: checkpoints.DatabaseCheckpoint, batch: Batch) -> int:
        fence = self._fence
        written = await committed(self, batch)
        first, last = _drawn.pop(fence.workflow, (0, -1))
        part = f"{fence.part.map}/{fence.part.number}" if fence.part else ""
        entry = {"run": fence.run, "part": part, "generation": fence.generation, "first": first, "last": last}
        _write_diary({**entry, "pid": os.getpid(), "at": time.time()})
        _die_when_wanted(fence.run)
        return written

    checkpoints.write = lambda connection, fence, facts: note(fence, facts, write(connection, fence, facts))
    checkpoints.alone = noted_alone
    checkpoints.DatabaseCheckpoint.commit = commit  # type: ignore[method-assign]


def _die_when_wanted(run: str) -> None:
    """A run whose prompt is `commit N` kills whoever makes its N-th commit, whichever process made the others."""
    # A file that grows by a byte a commit: what one process counts would be lost with it.
    counter = os.open(Path(os.environ[KILLS]) / run, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(counter, b".")
    number = os.fstat(counter).st_size
    os.close(counter)
    if _prompts.get(run) == f"commit {number}":
        (Path(os.environ[KILLS]) / f"{run}.killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)


def _know_prompts() -> None:
    """A tool is not told its run's prompt; the walk is."""
    from kapelle.run.walk import Walk

    begin = Walk.__init__

    def init(self: Walk, run_id: str, task: Any, *rest: Any, **more: Any) -> None:
        _prompts[run_id] = task.prompt
        begin(self, run_id, task, *rest, **more)

    Walk.__init__ = init  # type: ignore[method-assign]


if DIARY in os.environ:
    _keep_diary()
    _know_prompts()


async def begin(house: Orchestrator, prompt: str, plan: Plan, *, key: str | None = None) -> Run:
    """Leave a run to the workers."""
    return await house.start(prompt, plan=plan, approve="never", here=False, key=key)
