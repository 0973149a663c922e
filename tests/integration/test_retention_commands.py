"""`kapelle purge` and `kapelle sessions`, by the command line."""

import json
import subprocess
import sys
from pathlib import Path

from tests.integration.conftest import Place

PLAN = {"steps": [{"kind": "tool", "id": "a", "tool": "slow", "inputs": {"name": "a"}}], "output": "a"}


def solve(place: Place) -> str:
    file = place.write_plan(dict(PLAN))
    done = place.run("solve", "do it", "--plan", str(file), "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["run_id"])


def test_what_is_over_goes_and_the_run_says_so(place: Place) -> None:
    run = solve(place)
    dry = place.json("purge", "--dry-run", "--older-than", "0")
    assert dry["dry_run"] is True
    assert {one["kind"]: one["rows"] for one in dry["kinds"]}["text"] == 1  # type: ignore[attr-defined]
    told = place.run("purge", "--kind", "text", "--kind", "journal", "--older-than", "0", "--archive", "old")
    assert told.returncode == 0, told.stderr
    assert "archived in old" in told.stdout
    assert [file.name.split("-")[0] for file in (place.folder / "old").iterdir()] == ["text"]
    shown = place.run("show", run)
    assert (shown.returncode, "the outputs of its steps were purged" in shown.stdout) == (0, True), shown.stdout
    assert set(place.json("show", run)["purged"]) == {"text"}  # type: ignore[call-overload]
    for command in (("rerun", run, "--from", "a", "--yes"), ("fork", run, "--from", "a"), ("replay", run)):
        done = place.run(*command)
        assert (done.returncode, "purged" in done.stderr, "internal" in done.stderr) == (2, True, False), done.stderr
    assert (
        place.run("runs").returncode == place.run("watch", run).returncode == place.run("resume", run).returncode == 0
    )


def test_a_kind_that_is_kept_for_ever_and_one_that_is_none_are_refused(place: Place) -> None:
    kept = place.run("purge", "--kind", "events")
    assert (kept.returncode, "KAPELLE_RETENTION__EVENTS" in kept.stderr) == (2, True)
    assert place.run("purge", "--kind", "everything").returncode == 2


def test_sessions_are_listed_shown_and_forgotten(place: Place, tmp_path: Path) -> None:
    assert place.json("sessions") == {"sessions": []}
    code = (
        "import asyncio, slow_app\n"
        "async def main():\n"
        "    async with slow_app.house as house:\n"
        "        await house.sessions.create('chat', state={'open': True})\n"
        "asyncio.run(main())\n"
    )
    (place.folder / "make.py").write_text(code)

    subprocess.run([sys.executable, "make.py"], cwd=place.folder, env=place.environment, check=True, timeout=60)
    (listed,) = place.json("sessions")["sessions"]  # type: ignore[misc, attr-defined]
    assert (listed["id"], listed["version"]) == ("chat", 1)
    shown = place.json("sessions", "chat")
    assert (shown["state"], shown["history"]) == ({"open": True}, [])
    assert place.run("sessions", "chat", "--delete").returncode == 0
    gone = place.run("sessions", "chat")
    assert (gone.returncode, "no session `chat`" in gone.stderr) == (2, True)
    assert place.run("sessions", "a/b").returncode == 2
