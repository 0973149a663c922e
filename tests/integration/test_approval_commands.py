"""Approvals at the terminal: listed, shown in full, decided, and their history."""

import json
import time
from collections import Counter
from typing import Any

from tests.integration.conftest import Place

STEPS = [{"kind": "tool", "id": "p", "tool": "pay", "inputs": {"amount": 5}}]


def asked(place: Place) -> dict[str, Any]:
    done = place.run("solve", "--plan", str(place.write_plan({"steps": STEPS, "output": "p"})), "--json")
    assert done.returncode == 3, done.stderr
    (approval,) = place.json("approvals")["approvals"]  # type: ignore[misc]
    return approval  # type: ignore[no-any-return]


def test_one_question_is_shown_with_all_that_a_decision_needs(place: Place) -> None:
    approval = asked(place)
    assert "decided or expires" in place.run("approvals", "--all").stdout
    shown = place.run("approvals", approval["id"])
    assert shown.returncode == 0, shown.stderr
    for words in ("Call `pay`", "it changes something outside", '{"amount": 5}', "in 23 h 59 min", "whoever has this"):
        assert words in shown.stdout
    assert f"kapelle modify {approval['id']} --set" in shown.stdout
    full = place.json("approvals", approval["id"])
    assert (full["role"], full["arguments"]) == ("approver", {"amount": 5})
    assert place.run("approvals", "apr_none").returncode == 2


def test_modify_changes_single_arguments_and_the_history_keeps_both(place: Place) -> None:
    approval = asked(place)
    for wrong in ((), ("--set", "amount"), ("--set", "amount=1", "--arguments", "{}"), ("--set", "amount=much")):
        refused = place.run("modify", approval["id"], *wrong)
        assert refused.returncode == 2, refused.stdout
    done = place.run("modify", approval["id"], "--set", "amount=7", "--by", "ada", "--reason", "fair")
    assert done.returncode == 0, done.stderr
    assert "paid 7" in done.stdout
    assert place.run("modify", approval["id"], "--set", "amount=8", "--by", "bo").returncode == 1
    lines = place.json("history", approval["id"])["history"]
    assert [(line["what"], line["by"]) for line in lines] == [  # type: ignore[index,union-attr]
        ("requested", None),
        ("decided", "ada"),
        ("lost", "bo"),
    ]
    told = place.run("history", "--run", approval["run"])
    assert '{"amount": 5}' in told.stdout
    assert 'with {"amount": 7} fair' in told.stdout
    everything = place.run("approvals", "--all", "--run", approval["run"])
    assert "approved by ada" in everything.stdout
    assert place.run("approvals").stdout.strip() == "nothing waits for a person"


def test_who_lacks_the_role_is_told_which_is_needed(place: Place) -> None:
    approval = asked(place)
    roles = json.dumps({"ada": ["approver"], "bo": ["viewer"]})
    refused = place.run("approve", approval["id"], "--by", "bo", KAPELLE_APPROVALS__ROLES=roles)
    assert refused.returncode == 1
    assert "needs the role `approver`; `bo` has `viewer`" in refused.stderr
    shown = place.run("approvals", approval["id"], KAPELLE_APPROVALS__ROLES=roles)
    assert "role `approver`: ada" in shown.stdout
    done = place.run("approve", approval["id"], "--by", "ada", KAPELLE_APPROVALS__ROLES=roles)
    assert done.returncode == 0, done.stderr


def test_of_a_run_and_an_approval_that_nobody_knows_there_is_no_history(place: Place) -> None:
    for arguments in (("apr_none",), ("--run", "run_none"), ("apr_none", "--run", "run_none")):
        assert place.run("history", *arguments).returncode == 2
    assert place.run("history").stdout.strip() == "nobody was asked anything"
    assert place.run("approvals", "--run", "run_none").returncode == 2


def test_of_two_who_decide_at_once_from_two_processes_one_wins(place: Place) -> None:
    approval = asked(place)
    names = ("ann", "bo", "cy")
    running = {name: place.begin("approve", approval["id"], "--by", name) for name in names}
    ended = {name: (process.communicate(timeout=120), process.returncode) for name, process in running.items()}
    winners = [name for name, (_, code) in ended.items() if code == 0]
    assert len(winners) == 1, ended
    for name, ((_, told), code) in ended.items():
        if name not in winners:
            assert code == 1
            assert f"approved by {winners[0]} already" in told
    assert len([line for line in place.marks if line.startswith("paid")]) == 1
    lines = place.json("history", approval["id"])["history"]
    assert sorted(line["what"] for line in lines) == ["decided", "lost", "lost", "requested"]  # type: ignore[index,union-attr]


LOOP_APP = '''
"""A tool that works in a loop, and leaves a mark at every call."""
import asyncio
import os
from pathlib import Path

from kapelle import Orchestrator, ToolContext, tool

MARKS = Path(os.environ["MARKS"])


@tool(effect="write")
async def put(number: int, context: ToolContext) -> int:
    """Put a number."""
    with MARKS.open("a") as file:
        file.write(f"put {number} {context.idempotency_key}\\n")
    await asyncio.sleep(0.01)
    return number


@tool(timeout=60)
async def loop(context: ToolContext) -> list[object]:
    """Put many numbers."""
    return [await context.call(f"n{number}", put, number=number) for number in range(40)]


house = Orchestrator(tools=[loop, put], packs=())
'''


def test_a_loop_that_is_killed_again_and_again_repeats_only_calls_in_flight(place: Place) -> None:
    (place.folder / "slow_app.py").write_text(LOOP_APP)
    plan = place.write_plan({"steps": [{"kind": "tool", "id": "l", "tool": "loop"}], "output": "l"})
    command, kills = ("solve", "put them", "--plan", str(plan), "--approve", "never"), 0
    for _ in range(4):
        process, before = place.begin(*command), len(place.marks)
        deadline = time.monotonic() + 30
        while len(place.marks) < before + 6 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        kills += process.poll() is None
        process.kill()
        process.communicate()
        run = place.json("runs")["runs"][0]["run_id"]  # type: ignore[index]
        command = ("resume", str(run))
    done = place.run(*command)
    assert done.returncode == 0, done.stderr
    made = [line.split() for line in place.marks]
    numbers = Counter(int(number) for _, number, _ in made)
    assert set(numbers) == set(range(40))
    assert kills >= 3
    assert sum(numbers.values()) - 40 <= kills
    keys = {number: {key for _, n, key in made if n == number} for number in {n for _, n, _ in made}}
    assert all(len(found) == 1 for found in keys.values())
