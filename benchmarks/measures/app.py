"""The app that measured workers walk: tools that do next to nothing and say when, where and how often."""

import asyncio
import os
import random
import time

from kapelle import Orchestrator, tool
from kapelle.plan.model import Plan


@tool
async def nothing(value: int = 0) -> int:
    """Return the value."""
    return value


@tool
async def mark(value: int = 0) -> float:
    """When the body began."""
    return time.time()


@tool
async def pause(value: int = 0) -> int:
    """Take 10 ms."""
    await asyncio.sleep(0.01)
    return value


@tool
async def text(length: int) -> str:
    """Text that does not compress to nothing."""
    return random.randbytes((length + 1) // 2).hex()[:length]


@tool
async def visit(number: int, diary: str) -> int:
    """Note an item in a file that outlives everybody; who did it."""
    file = os.open(diary, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{number}\n".encode())
    os.close(file)
    await asyncio.sleep(0.005)
    return os.getpid()


def chain_of(name: str, length: int) -> Plan:
    """Steps that follow each other."""
    steps: list[dict[str, object]] = [{"kind": "tool", "id": "s0", "tool": name}]
    for number in range(1, length):
        steps.append({"kind": "tool", "id": f"s{number}", "tool": name, "after": [f"s{number - 1}"]})
    return Plan.model_validate({"steps": steps, "output": f"s{length - 1}"})


def asking() -> Plan:
    """One question to a person, and a step behind it that says when it began."""
    steps = [
        {"kind": "approval", "id": "ok", "action": "Go on?"},
        {"kind": "tool", "id": "m", "tool": "mark", "after": ["ok"]},
    ]
    return Plan.model_validate({"steps": steps, "output": "m"})


house = Orchestrator(tools=[nothing, mark, pause, text, visit], packs=[])
