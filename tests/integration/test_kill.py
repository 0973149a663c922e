"""A process killed at any moment: nothing finished is lost, nothing finished is done twice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from tests.integration.conftest import Place

STEPS = 11


def run_of(place: Place, seconds: float = 20.0) -> str:
    """The id of the run that was begun last."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = place.json("runs")["runs"]
        assert isinstance(found, list)
        if found:
            return str(found[0]["run_id"])
        time.sleep(0.1)
    raise AssertionError("no run was begun")


def wait_for_marks(place: Place, count: int, process: "subprocess.Popen[str]") -> None:
    """Wait until the tools left so many marks."""
    deadline = time.monotonic() + 30
    while len(place.marks) < count and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)


def kinds_of(events: list[dict[str, object]]) -> Counter[tuple[object, object]]:
    """What happened, without the marks of an interruption."""
    extra = ("run.resumed", "step.restarted", "run.started")
    return Counter((event["path"], event["kind"]) for event in events if event["kind"] not in extra)


@pytest.mark.parametrize("seed", range(3))
def test_a_run_killed_again_and_again_ends_as_if_undisturbed(place: Place, seed: int) -> None:
    dice = random.Random(seed)
    undisturbed = place.json("solve", "go", "--strategy", "ten", "--key", "calm")
    (place.folder / "marks.txt").unlink()

    process = place.begin("solve", "go", "--strategy", "ten", "--key", "storm", "--json")
    run, kills = "", 0
    for _ in range(4):
        wait_for_marks(place, len(place.marks) + dice.randrange(1, 6), process)
        time.sleep(dice.random() * 0.05)
        if process.poll() is not None:
            break
        process.kill()
        process.communicate()
        kills += 1
        run = run or run_of(place)
        process = place.begin("resume", run, "--json")
    process.communicate(timeout=60)
    run = run or run_of(place)

    shown = place.json("show", run)
    assert shown["status"] == "succeeded"
    assert shown["candidate"]["solution"] == undisturbed["candidate"]["solution"]  # type: ignore[index]
    events = place.events(run)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert kinds_of(events) == kinds_of(place.events(str(undisturbed["run_id"])))
    finished = Counter(event["path"] for event in events if event["kind"] == "step.finished")
    assert set(finished.values()) == {1}
    done = Counter(line.split()[1] for line in place.marks if line.startswith("done"))
    # A call in flight at a kill may be made again: at most one per open branch and kill, with the same key.
    assert len(done) == STEPS
    assert sum(done.values()) - STEPS <= 5 * kills
    keys = {}
    for line in place.marks:
        _, path, key = line.split()
        assert keys.setdefault(path, key) == key


def test_a_finished_step_is_reused_and_the_command_says_so(place: Place) -> None:
    process = place.begin("solve", "go", "--strategy", "ten", "--json")
    wait_for_marks(place, 8, process)
    process.kill()
    process.communicate()
    other = place.run("tools")
    assert "1 interrupted run: kapelle resume run_" in other.stderr
    resumed = place.run("resume", run_of(place))
    assert resumed.returncode == 0, resumed.stderr
    assert "reused: " in resumed.stderr
    again = Counter(line.split()[1] for line in place.marks if line.startswith("begun"))
    # What follows `slow` had begun, so `slow` was recorded: it is not begun again.
    assert again["slow"] == 1


def test_a_stopped_process_that_comes_back_after_a_takeover_records_nothing(place: Place) -> None:
    zombie = place.begin("solve", "go", "--strategy", "ten", "--json", STEP_SECONDS="0.4")
    wait_for_marks(place, 3, zombie)
    os.kill(zombie.pid, signal.SIGSTOP)
    try:
        run = run_of(place)
        resumed = place.run("resume", run, "--json", STEP_SECONDS="0.05")
        assert resumed.returncode == 0, resumed.stderr
        before = place.events(run)
        rows = place.json("show", run)
    finally:
        os.kill(zombie.pid, signal.SIGCONT)
    zombie.communicate(timeout=60)
    assert place.events(run) == before
    assert place.json("show", run) == rows


def test_an_interrupted_command_exits_130_and_its_run_goes_on_later(place: Place) -> None:
    process = place.begin("solve", "go", "--strategy", "ten", STEP_SECONDS="0.3")
    wait_for_marks(place, 2, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted: kapelle resume run_" in errors
    assert "Traceback" not in errors
    resumed = place.run("resume", run_of(place))
    assert resumed.returncode == 0, resumed.stderr


def test_a_terminated_command_leaves_its_run_resumable(place: Place) -> None:
    process = place.begin("solve", "go", "--strategy", "ten", STEP_SECONDS="0.3")
    wait_for_marks(place, 2, process)
    process.terminate()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert place.run("resume", run_of(place)).returncode == 0


def test_a_long_lived_process_with_the_same_app_walks_interrupted_runs_on(place: Place) -> None:
    environment = {**place.environment, "KAPELLE_APP": "slow_app:house", "STEP_SECONDS": "0.2"}
    begin = "import asyncio; from slow_app import house; asyncio.run(house.run_async('go', strategy='ten'))"
    first = subprocess.Popen([sys.executable, "-c", begin], cwd=place.folder, env=environment, stderr=subprocess.PIPE)
    wait_for_marks(place, 8, first)  # type: ignore[arg-type]  # only polled
    first.kill()
    first.communicate()
    program = (
        "import asyncio\n"
        "from slow_app import house\n"
        "async def main():\n"
        "    async with house:\n"
        "        (record,) = await house.runs()\n"
        "        print((await house.get(record.id).wait()).status)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=place.folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "succeeded", done.stderr
    again = Counter(line.split()[1] for line in place.marks if line.startswith("begun"))
    assert again["slow"] == 1
