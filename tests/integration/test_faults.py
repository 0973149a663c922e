"""Bad input and bad surroundings: a clear word, the right exit code, nothing lost."""

import json
import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.conftest import Place

from kapelle.incident.company import Company

PLAN = {"steps": [{"kind": "tool", "id": "a", "tool": "slow", "inputs": {"name": "x"}}], "output": "a"}


def assert_said(done: "subprocess.CompletedProcess[str]", code: int, *words: str) -> None:
    """The command ended with a code, said the words on stderr and showed no traceback."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    for word in words:
        assert word in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("solve",), ["say what you want"]),
        (("solve", "x", "--corpus", "nowhere"), ["`--corpus`", "nowhere"]),
        (("solve", "x", "--company", "nowhere"), ["`--company`", "nowhere"]),
        (("solve", "x", "--strategy", "nothing"), ["no strategy `nothing`", "ten"]),
        (("solve", "x", "--context", "service"), ["name=value"]),
        (("solve", "x", "--usd", "much"), ["`--usd`", "0.50"]),
        (("solve", "--plan", "nowhere.json"), ["nowhere.json"]),
        (("show", "run_unknown"), ["no run `run_unknown`", "kapelle runs"]),
        (("resume", "run_unknown"), ["no run `run_unknown`"]),
        (("approve", "apr_unknown"), ["no approval `apr_unknown`"]),
        (("tools", "hammer"), ["no tool `hammer`", "slow"]),
        (("runs", "--app", "nonsense"), ["`--app nonsense`", "module:name"]),
        (("runs", "--app", "nowhere:house"), ["no module `nowhere`"]),
        (("corpus", "search"), ["say what to look for"]),
        (("bench", "planner", "--min", "7"), ["`--min`"]),
        (("nonsense",), ["nonsense"]),
        (("solve", "x", "--nonsense"), ["--nonsense"]),
    ],
)
def test_bad_arguments_are_named_and_exit_2(place: Place, arguments: tuple[str, ...], words: list[str]) -> None:
    assert_said(place.run(*arguments), 2, *words)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("KAPELLE_RUN__WIDTH", "many", ["KAPELLE_RUN__WIDTH", "integer"]),
        ("KAPELLE_TOOLS__TIMEOUT", "-1", ["KAPELLE_TOOLS__TIMEOUT", "greater than 0"]),
        ("ORCHESTRATOR_TOOL_TIMEOUT_S", "soon", ["ORCHESTRATOR_TOOL_TIMEOUT_S", "number"]),
        ("KAPELLE_DATABASE_URL", "what?", ["KAPELLE_DATABASE_URL", "sqlite:///"]),
        ("KAPELLE_DATABASE_URL", "sqlite://", ["KAPELLE_DATABASE_URL", "name a file"]),
        ("ORCH_REQUIRE_POSTGRES", "1", ["KAPELLE_DATABASE_URL", "postgresql://"]),
        ("KAPELLE_HOME", "/proc/nowhere", ["/proc/nowhere", "KAPELLE_HOME"]),
        ("KAPELLE_APPROVALS__ROLES", '{"ann": "approver"}', ["KAPELLE_APPROVALS__ROLES`", "`ann`", '["approver"]']),
        ("KAPELLE_APPROVALS__ROLES", "ann=approver", ["KAPELLE_APPROVALS__ROLES`", "JSON", '["approver"]']),
        ("KAPELLE_DATABASE_URL", "sqlite:////nowhere/at/all.db", ["KAPELLE_DATABASE_URL", "no folder `/nowhere/at`"]),
    ],
)
def test_a_bad_setting_is_named_with_what_was_expected(place: Place, name: str, value: str, words: list[str]) -> None:
    assert_said(place.run("runs", **{name: value}), 2, *words)


@pytest.mark.parametrize(
    ("arguments", "code", "kind", "word"),
    [
        (("show", "run_unknown", "--json"), 2, "NotFound", "run_unknown"),
        (("runs", "--nonsense", "--json"), 2, "BadInput", "--nonsense"),
        (("solve", "--json", "--plan", "nowhere.json"), 2, "UnreadableSource", "nowhere.json"),
    ],
)
def test_an_error_is_one_object_for_whoever_asked_for_json(
    place: Place, arguments: tuple[str, ...], code: int, kind: str, word: str
) -> None:
    done = place.run(*arguments)
    assert_said(done, code, word)
    told = json.loads(done.stdout)["error"]
    assert told["kind"] == kind
    assert told["message"] in done.stderr
    plain = place.run(*(one for one in arguments if one != "--json"))
    assert (plain.returncode, plain.stdout) == (code, "")


def test_a_mistyped_path_makes_no_folders(place: Place) -> None:
    file = place.folder / "typo" / "deeper" / "a.db"
    assert_said(place.run("runs", KAPELLE_DATABASE_URL=f"sqlite:///{file}"), 2, str(file.parent))
    assert not file.parent.parent.exists()
    file = place.folder / "made" / "deeper" / "kapelle.db"
    more = {"KAPELLE_HOME": str(file.parent), "KAPELLE_DATABASE_URL": f"sqlite:///{file}"}
    assert place.run("runs", **more).returncode == 0
    assert file.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{not json", ["not JSON", "line 1"]),
        ("steps: [\n  - {", ["not YAML", "line"]),
        ("[1, 2]", ["must be an object"]),
        ("steps: []\noutput: a", ["`steps`"]),
        ("steps: [{kind: dance, id: a}]\noutput: a", ["dance"]),
        ("steps: [{kind: tool, id: a, tool: slow, speed: 9}]\noutput: a", ["speed"]),
        ("steps: [{kind: tool, id: a, tool: hammer}]\noutput: a", ["no tool `hammer`"]),
        ("steps: [{kind: tool, id: item, tool: slow}]\noutput: item", ["`item`", "meaning of its own"]),
    ],
)
def test_a_broken_plan_file_names_the_place_and_starts_nothing(place: Place, text: str, words: list[str]) -> None:
    file = place.folder / ("plan.json" if text.startswith("{") else "plan.yaml")
    file.write_text(text)
    assert_said(place.run("solve", "--plan", str(file)), 2, *words)
    assert place.json("runs")["runs"] == []


def test_every_problem_of_a_plan_is_told_at_once_as_data(place: Place) -> None:
    plan = {
        "steps": [
            {"kind": "tool", "id": "a", "tool": "hammer"},
            {"kind": "tool", "id": "b", "tool": "slow", "inputs": {"name": 3, "size": 1}},
            {"kind": "tool", "id": "c", "tool": "slow", "inputs": {"name": {"$ref": "ghost"}}},
        ],
        "output": "z",
    }
    done = place.run("plan", "validate", str(place.write_plan(plan)), "--json")
    assert done.returncode == 2
    found = json.loads(done.stdout)
    codes = {(one["code"], one["step"]) for one in found["problems"]}
    assert {("unknown_tool", "a"), ("bad_arguments", "b"), ("unknown_step", "c"), ("bad_output", "")} <= codes
    assert len([one for one in found["problems"] if one["step"] == "b"]) == 2


def test_a_damaged_database_is_named_and_left_as_it_is(place: Place) -> None:
    file = place.folder / "damaged.db"
    noise = os.urandom(8192)
    file.write_bytes(noise)
    done = place.run("runs", KAPELLE_DATABASE_URL=f"sqlite:///{file}")
    assert_said(done, 2, "damaged.db", "damaged or not a database", "restore")
    assert file.read_bytes() == noise
    assert_said(place.run("doctor", KAPELLE_DATABASE_URL=f"sqlite:///{file}"), 2, "damaged.db")


def test_a_folder_where_the_database_file_should_be_is_named(place: Place) -> None:
    assert_said(place.run("runs", KAPELLE_DATABASE_URL=f"sqlite:///{place.folder}"), 2, "is a folder")


def test_an_app_that_breaks_while_it_is_imported_is_named_without_a_traceback(place: Place) -> None:
    (place.folder / "broken.py").write_text("raise RuntimeError('no luck today')\n")
    assert_said(place.run("runs", "--app", "broken:house"), 2, "importing `broken` failed", "no luck today")


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("tool_configs/slack.yaml", b"channels: [\n  - {", ["tool_configs/slack.yaml", "not YAML at line 2"]),
        ("docs/company_profile.md", b"\xff\xfe\x00", ["docs/company_profile.md", "not UTF-8"]),
        ("mock_systems/data/metrics_timeseries.json", b"{", ["metrics_timeseries.json", "cannot be read"]),
    ],
)
def test_a_broken_file_of_a_company_is_named_before_anything_runs(
    place: Place, file: str, content: bytes, words: list[str]
) -> None:
    bare = replace(place, folder=place.folder.parent)  # no app of one's own: the installed packs
    company = bare.folder / "company"
    shutil.copytree(Company.open().root, company)
    (company / file).write_bytes(content)
    question = "Do the metrics require a rollback, and which channel do we post to?"
    done = bare.run("solve", question, "--company", str(company))
    assert_said(done, 2, *words)


def test_a_blocking_tool_is_given_up_at_its_limit(place: Place) -> None:
    step = {"kind": "tool", "id": "b", "tool": "block", "inputs": {"seconds": 2}, "timeout": 0.2}
    plan = place.write_plan({"steps": [{**step, "retry": {"max_retries": 0}}], "output": "b"})
    done = place.run("solve", "--plan", str(plan), "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["steps"][0]["duration_ms"] < 300
    assert "did not return within 0.2 s" in found["error"]


def test_a_tool_that_fails_once_is_retried(place: Place) -> None:
    (place.folder / "marks.txt").touch()
    plan = place.write_plan({"steps": [{"kind": "tool", "id": "f", "tool": "fails_once"}], "output": "f"})
    found = place.json("solve", "--plan", str(plan))
    assert found["status"] == "succeeded"
    assert found["steps"][0]["attempts"] == 2  # type: ignore[index]


@pytest.mark.parametrize(("policy", "status", "code"), [("skip", "partial", 4), ("fail", "partial", 4)])
def test_a_tool_that_always_fails_ends_its_run_partial_when_the_output_came(
    place: Place, policy: str, status: str, code: int
) -> None:
    steps = [
        {"kind": "tool", "id": "bad", "tool": "always_fails", "on_error": policy},
        {"kind": "tool", "id": "good", "tool": "slow", "inputs": {"name": "x"}},
    ]
    done = place.run("solve", "--plan", str(place.write_plan({"steps": steps, "output": "good"})), "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["status"]) == (code, status)
    reasons = [one["error"] for one in found["steps"] if one["path"] == "bad"]
    assert "the pump is broken" in reasons[0]


def test_a_run_whose_output_fails_says_why_and_exits_1(place: Place) -> None:
    plan = place.write_plan({"steps": [{"kind": "tool", "id": "bad", "tool": "always_fails"}], "output": "bad"})
    done = place.run("solve", "--plan", str(plan), "--json")
    assert done.returncode == 1
    assert "the pump is broken" in json.loads(done.stdout)["error"]
    assert "Traceback" not in done.stderr


@pytest.fixture
def tiny(tmp_path: Path) -> "Path":
    """A file system of one megabyte."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]).returncode:
        pytest.skip("a tiny file system needs root")
    return folder


def fill(folder: Path) -> Path:
    """Use up what is free."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return filler


def test_a_full_disk_is_waited_for_and_is_no_failure_of_a_step(place: Place, tiny: Path) -> None:
    more = {"KAPELLE_HOME": str(tiny), "STEP_SECONDS": "0.5"}
    try:
        process = place.begin("solve", "go", "--strategy", "ten", **more)
        while not place.marks and process.poll() is None:
            time.sleep(0.01)
        filler = fill(tiny)
        time.sleep(2)
        filler.unlink()
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert "is full: nothing finished is lost" in errors
        assert "can be written again" in errors
        assert "succeeded" in output
    finally:
        subprocess.run(["umount", str(tiny)])


def test_a_disk_that_is_full_when_a_command_begins_is_waited_for(place: Place, tiny: Path) -> None:
    home = {"KAPELLE_HOME": str(tiny)}
    try:
        filler = fill(tiny)
        refused = place.run("runs", KAPELLE_RUN__COMMIT_PATIENCE="1", **home)
        assert_said(refused, 2, "is full: nothing finished is lost")
        process = place.begin("runs", "--json", **home)
        time.sleep(4)
        assert process.poll() is None
        filler.unlink()
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert json.loads(output)["runs"] == []
        assert errors.count("is full: nothing finished is lost") == 1
    finally:
        subprocess.run(["umount", str(tiny)])


def test_a_disk_that_stays_full_ends_the_command_with_2_and_the_run_is_resumed_later(place: Place, tiny: Path) -> None:
    more = {"KAPELLE_HOME": str(tiny), "STEP_SECONDS": "0.3", "KAPELLE_RUN__COMMIT_PATIENCE": "1"}
    try:
        process = place.begin("solve", "go", "--strategy", "ten", **more)
        while not place.marks and process.poll() is None:
            time.sleep(0.01)
        filler = fill(tiny)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 2, errors
        assert "Traceback" not in errors
        filler.unlink()
        runs = json.loads(place.run("runs", "--json", **more).stdout)["runs"]
        assert [one["interrupted"] for one in runs] == [True]
        resumed = place.run("resume", runs[0]["run_id"], "--json", **more)
        assert resumed.returncode == 0, resumed.stderr
        assert all(one["error"] is None for one in json.loads(resumed.stdout)["steps"])
    finally:
        subprocess.run(["umount", str(tiny)])
