"""The commands as a person and as a machine meet them."""

import json
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.conftest import KAPELLE, Place

from kapelle.incident.company import Company

HANDBOOK = """# Handbook

## Invoices

We keep invoices for ten years. They are stored in the archive in Lyon.

## Travel

Second class is the default on trains.
"""


@pytest.fixture
def handbook(place: Place) -> Path:
    """A folder with one document."""
    folder = place.folder / "handbook"
    folder.mkdir()
    (folder / "rules.md").write_text(HANDBOOK)
    return folder


def test_a_question_is_answered_with_an_exact_quote(place: Place, handbook: Path) -> None:
    done = place.run("solve", "How long do we keep invoices?", "--corpus", str(handbook), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) >= {
        "run_id", "status", "candidate", "plan", "steps", "usage", "execution_metadata",
    }  # fmt: skip
    assert found["status"] == "succeeded"
    candidate = found["candidate"]
    assert "ten years" in candidate["text"]
    assert candidate["verdict"] == {"passed": True, "score": 1.0, "reasons": []}
    for one in candidate["citations"]:
        assert one["source"] == "rules.md"
        assert HANDBOOK[one["start"] : one["end"]] == one["quote"]
        assert one["exact"] is True
    assert found["usage"] == {"requests": 0, "input_tokens": 0, "output_tokens": 0, "usd": "0"}
    assert set(found["execution_metadata"]) == {"total_tools", "total_duration_ms", "error_count"}


def test_what_the_folder_does_not_say_is_not_said(place: Place, handbook: Path) -> None:
    done = place.run("solve", "What does our handbook say about parental leave?", "--corpus", str(handbook))
    assert done.returncode == 1
    assert "The sources do not say" in done.stdout


def test_a_changed_document_changes_the_answer(place: Place, handbook: Path) -> None:
    question = ("solve", "How long do we keep invoices?", "--corpus", str(handbook), "--json")
    assert "ten years" in json.loads(place.run(*question).stdout)["candidate"]["text"]
    (handbook / "rules.md").write_text(HANDBOOK.replace("ten years", "seven years"))
    assert "seven years" in json.loads(place.run(*question).stdout)["candidate"]["text"]


def test_the_same_key_attaches_to_the_same_run(place: Place, handbook: Path) -> None:
    question = ("solve", "How long do we keep invoices?", "--corpus", str(handbook), "--key", "k1", "--json")
    first, second = (json.loads(place.run(*question).stdout) for _ in range(2))
    assert first["run_id"] == second["run_id"]


def test_a_write_waits_for_a_person_and_is_done_once_with_the_edited_arguments(place: Place) -> None:
    steps = [{"kind": "tool", "id": "p", "tool": "pay", "inputs": {"amount": 5}}]
    asked = place.run("solve", "--plan", str(place.write_plan({"steps": steps, "output": "p"})), "--json")
    assert asked.returncode == 3
    assert json.loads(asked.stdout)["status"] == "waiting"
    (approval,) = place.json("approvals")["approvals"]  # type: ignore[misc]
    refused = place.run("approve", approval["id"], "--arguments", '{"amount": "much"}')
    assert refused.returncode == 2
    assert "`amount`" in refused.stderr
    done = place.run("approve", approval["id"], "--arguments", '{"amount": 7}', "--by", "ada", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["candidate"]["solution"] == "paid 7"
    late = place.run("approve", approval["id"], "--by", "bob")
    assert late.returncode == 1
    assert "approved by ada already" in late.stderr
    assert len([line for line in place.marks if line.startswith("paid")]) == 1


def test_a_rejected_write_is_not_done(place: Place) -> None:
    steps = [{"kind": "tool", "id": "p", "tool": "pay", "inputs": {"amount": 5}}]
    place.run("solve", "--plan", str(place.write_plan({"steps": steps, "output": "p"})))
    (approval,) = place.json("approvals")["approvals"]  # type: ignore[misc]
    done = place.run("reject", approval["id"], "--reason", "too much")
    assert done.returncode == 1
    assert "too much" in done.stdout
    assert place.marks == []


def test_a_run_is_cancelled_from_another_process(place: Place) -> None:
    process = place.begin("solve", "go", "--strategy", "ten", "--json", STEP_SECONDS="30")
    while not place.marks and process.poll() is None:
        time.sleep(0.02)
    run = place.json("runs")["runs"][0]["run_id"]  # type: ignore[index]
    cancelled = place.run("cancel", run)
    assert cancelled.returncode == 0, cancelled.stderr
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert json.loads(output)["status"] == "cancelled"


def test_watch_follows_a_run_to_its_end(place: Place) -> None:
    process = place.begin("solve", "go", "--strategy", "ten", "--json", STEP_SECONDS="0.5")
    while not place.marks and process.poll() is None:
        time.sleep(0.02)
    run = place.json("runs")["runs"][0]["run_id"]  # type: ignore[index]
    watched = place.run("watch", run, "--json")
    process.communicate(timeout=30)
    events = [json.loads(line) for line in watched.stdout.splitlines()]
    assert [one["seq"] for one in events] == list(range(1, len(events) + 1))
    assert events[-1]["kind"] == "run.finished"


def test_a_run_is_shown_and_drawn(place: Place, handbook: Path) -> None:
    run = place.json("solve", "How long do we keep invoices?", "--corpus", str(handbook))["run_id"]
    shown = place.run("show", str(run))
    assert "ten years" in shown.stdout
    assert place.run("show", str(run), "--svg").stdout.startswith("<svg")
    assert place.run("show", str(run), "--mermaid").stdout.startswith("flowchart")


def test_plans_are_made_drawn_and_eased_without_a_run(place: Place, handbook: Path) -> None:
    planned = place.run("plan", "Compare invoices and travel", "--corpus", str(handbook))
    assert planned.returncode == 0
    assert "at most" in planned.stdout
    steps = [
        {"kind": "tool", "id": "a", "tool": "slow", "inputs": {"name": "x"}},
        {"kind": "tool", "id": "b", "tool": "slow", "inputs": {"name": "y"}, "after": ["a"]},
    ]
    file = str(place.write_plan({"steps": steps, "output": "b"}))
    assert place.run("plan", "validate", file).returncode == 0
    eased = json.loads(place.run("plan", "optimize", file, "--json").stdout)
    assert "after" not in eased["steps"][1]
    for form, begins in (("text", "draft"), ("mermaid", "flowchart"), ("svg", "<svg")):
        assert place.run("plan", "draw", file, "--form", form).stdout.startswith(begins)


def test_corpora_are_added_searched_and_listed(place: Place, handbook: Path) -> None:
    assert place.json("corpus", "add", str(handbook))["added"] == 1
    assert place.json("corpus", "add", str(handbook))["unchanged"] == 1
    hits = place.json("corpus", "search", "invoices")["hits"]
    assert "ten years" in hits[0]["text"]  # type: ignore[index]
    assert place.json("corpus", "list")["corpora"][0]["name"] == "handbook"  # type: ignore[index]
    assert "handbook" in place.run("corpus", "search", "zebra").stdout + place.run("corpus", "list").stdout


def test_init_writes_an_app_that_runs(place: Place) -> None:
    folder = place.folder / "new"
    folder.mkdir()

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [KAPELLE, *arguments], cwd=folder, env=place.environment, capture_output=True, text=True, timeout=60
        )

    assert run("init").returncode == 0
    done = run("solve", "How many words are in this sentence?")
    assert done.returncode == 0, done.stderr
    assert "7" in done.stdout
    assert run("init").returncode == 2


def test_the_surroundings_are_told_without_secrets(place: Place) -> None:
    secret = "sk-canary-0123456789abcdefghij"
    shown = place.run("config", OPENAI_API_KEY=secret)
    assert shown.returncode == 0
    assert secret not in shown.stdout + shown.stderr
    assert "KAPELLE_RUN__WIDTH" in shown.stdout
    assert place.run("doctor").returncode == 0
    assert place.json("doctor")["passed"] is True


def test_the_demo_decides_with_citations_and_a_passed_verdict(place: Place) -> None:
    bare = {**place.environment, "KAPELLE_APP": ""}
    done = subprocess.run(
        [KAPELLE, "demo", "--json"], cwd=place.folder.parent, env=bare, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["candidate"]["verdict"]["passed"] is True
    assert found["usage"]["usd"] == "0"
    sources = {one["source"] for one in found["candidate"]["citations"]}
    assert {"policies/policy_v2.md", "tool_configs/oncall_rota.yaml"} <= sources
    assert any("metrics" in source for source in sources)


def test_help_names_every_command_and_the_alias_answers(place: Place) -> None:
    done = place.run("--help")
    for name in ("demo", "solve", "plan", "resume", "corpus", "bench", "doctor"):
        assert name in done.stdout
    alias = subprocess.run([Path(KAPELLE).with_name("orch"), "--version"], capture_output=True, text=True)
    assert alias.stdout == place.run("--version").stdout


def test_the_planner_is_scored_on_the_committed_pairs(place: Place) -> None:
    bare = replace(place, folder=place.folder.parent)  # no app of one's own: the installed packs
    report = bare.json("bench", "planner", "--min", "0.9")
    assert report["total"] >= 40  # type: ignore[operator]
    assert report["valid"] == report["total"]
    assert report["pass_rate"] >= 0.9  # type: ignore[operator]


def test_the_quickstart_tasks_succeed_word_for_word(place: Place) -> None:
    bare = replace(place, folder=place.folder.parent)
    report = bare.json("bench", "scenarios", "--only", "quickstart")
    assert report["by_kind"] == {"quickstart": {"passed": 5, "total": 5}}
    failed = bare.run("bench", "scenarios", "--only", "nothing")
    assert failed.returncode == 2
    assert "`--only nothing`" in failed.stderr


def test_a_company_without_scenarios_of_its_own_is_scored_on_the_shipped_ones(place: Place) -> None:
    bare = replace(place, folder=place.folder.parent)
    company = str(Company.open().root)
    done = bare.run("bench", "scenarios", "--company", company, "--only", "on_call", "--min", "1")
    assert done.returncode == 0, done.stdout
    assert "passed (100%)" in done.stdout
