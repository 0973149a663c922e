"""The benchmark of durable runs: its goals are judged rightly, and a part of it runs from start to end."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def goals(monkeypatch: pytest.MonkeyPatch) -> Any:
    # A folder of scripts, and no package.
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from measures import goals

    return goals


def test_a_goal_passes_at_its_bound_and_not_beyond(goals: Any) -> None:
    found = goals.judge({"save_p95_ms": 5.0, "recovery_s": 0.51, "reader_slowdown": -0.02})
    assert {name: goal["pass"] for name, goal in found.items()} == {
        "save_p95_ms": True,
        "recovery_s": False,
        "reader_slowdown": True,
    }
    assert found["recovery_s"]["ratio"] == 1.02


def test_a_worker_that_did_nothing_and_an_item_done_twice_miss_the_goal(goals: Any) -> None:
    found = goals.judge({"spread": {"4": {"items": 100, "items_once": 99, "smallest_share": 0.0}}})
    assert [goal["pass"] for goal in found.values()] == [False, False]


def test_a_peer_that_is_not_installed_has_no_goal(goals: Any) -> None:
    row = {"chain_ms": 0.5, "fan_ms": 0.3, "k1_ms": 5.0}
    assert set(goals.judge({"sqlite": row, "to": {"sqlite": {}}})) == {"sqlite_chain_ms", "sqlite_fan_ms"}


def test_parts_of_it_run_and_print_one_object() -> None:
    command = [sys.executable, "benchmarks/durable.py", "--json", "--quick", "--part", "saves", "--part", "storage"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["save_p95_ms"] == max(one["save_p95_ms"] for one in report["on"].values()) > 0
    assert set(report["on"]) == {"sqlite", "postgres"}
    assert report["ratios"]["sqlite_stored_bytes_of_1000"]["pass"]
