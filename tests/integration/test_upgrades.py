"""A run that was begun by version N goes on with version N+1, or is kept and says why it cannot.

Two versions of an app stand in two folders over one database. What changes in Kapelle itself is written by hand into
the rows, as the other version would have left them.
"""

import json
import os
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.integration.conftest import KAPELLE

APP = '''
"""An app at version N."""
import os
from pathlib import Path

from pydantic import BaseModel

from kapelle import Orchestrator, Steps, Task, ToolContext, strategy, tool


class Found(BaseModel):
    rows: list[str]


def mark(context: ToolContext) -> None:
    with Path(os.environ["MARKS"]).open("a") as file:
        file.write(f"{context.path}\\n")


@tool
async def find(name: str, context: ToolContext) -> Found:
    """Find rows."""
    mark(context)
    return Found(rows=[name])


async def summarize(rows: list[str]) -> dict[str, str]:
    """Sum up in one line."""
    return {"line": ", ".join(rows)}


@tool(effect="write")
async def pay(note: str, context: ToolContext) -> str:
    """Pay."""
    mark(context)
    return f"paid for {note}"


@strategy
def paying(task: Task, s: Steps) -> Steps:
    """Find, sum up, pay, look again."""
    rows = s.tool(find, name="a", id="first")
    line = s.agent(summarize, rows=rows["rows"], id="sum")
    paid = s.tool(pay, note=line["line"], id="pay")
    s.tool(find, name=paid, id="tell")
    return s


house = Orchestrator(tools=[find, pay], strategies=[paying], packs=())
'''


@dataclass(frozen=True)
class Site:
    """Folders of two versions, and the one home that both use."""

    old: Path
    new: Path
    environment: dict[str, str]

    def run(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of one version to its end."""
        return subprocess.run(
            [KAPELLE, *arguments], cwd=folder, env=self.environment, capture_output=True, text=True, timeout=120
        )

    def json(self, folder: Path, *arguments: str) -> dict[str, object]:
        """The object that a command prints."""
        done = self.run(folder, *arguments, "--json")
        assert done.stdout, done.stderr
        found: dict[str, object] = json.loads(done.stdout)
        return found

    def begin(self) -> str:
        """Begin a run with the old version; it waits for an approval."""
        done = self.run(self.old, "solve", "pay", "--strategy", "paying", "--json")
        assert done.returncode == 3, done.stderr
        return str(json.loads(done.stdout)["run_id"])

    def approve(self, folder: Path) -> subprocess.CompletedProcess[str]:
        """Approve what waits, with one version."""
        (asked,) = self.json(folder, "approvals")["approvals"]  # type: ignore[misc]
        return self.run(folder, "approve", asked["id"], "--json")

    @property
    def marks(self) -> list[str]:
        """The calls that were made, by path."""
        return Path(self.environment["MARKS"]).read_text().split()

    def edit(self, statement: str, *given: object) -> None:
        """Change a row as another version would have written it."""
        with closing(sqlite3.connect(Path(self.environment["KAPELLE_HOME"]) / "kapelle.db")) as connection, connection:
            assert connection.execute(statement, given).rowcount > 0


@pytest.fixture
def site(tmp_path: Path) -> Site:
    for name in ("old", "new"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "site_app.py").write_text(APP)
        (folder / "pyproject.toml").write_text('[tool.kapelle]\napp = "site_app:house"\n')
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "KAPELLE_HOME": str(tmp_path / "home"),
        "MARKS": str(tmp_path / "marks.txt"),
        **{name: value for name, value in os.environ.items() if name.startswith(("COVERAGE", "COV_"))},
    }
    return Site(tmp_path / "old", tmp_path / "new", environment)


def change(site: Site, *pairs: tuple[str, str]) -> None:
    """Make the new version of the app."""
    text = APP
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    (site.new / "site_app.py").write_text(text)


SAFE = {
    "renamed function": [
        ("@tool\nasync def find(", '@tool(name="find")\nasync def search_rows('),
        ("s.tool(find,", "s.tool(search_rows,"),
        ("tools=[find,", "tools=[search_rows,"),
    ],
    "renamed agent function": [
        ("async def summarize(", "async def in_a_line("),
        ("s.agent(summarize,", 's.agent(agent(in_a_line, name="summarize"),'),
        ("from kapelle import", "from kapelle.agents.spec import agent\nfrom kapelle import"),
    ],
    "new retry policy": [
        ("from kapelle import", "from kapelle.tools.model import Retry\nfrom kapelle import"),
        ('@tool(effect="write")', '@tool(effect="write", retry=Retry(max_retries=7, backoff=0.1), timeout=3)'),
    ],
    "changed prompt": [
        ("Sum up in one line.", "Sum up in one line, in plain words."),
        ('"""Pay."""', '"""Pay now."""'),
    ],
    "changed tool output by a field": [
        ("    rows: list[str]\n", "    rows: list[str]\n    total: int\n"),
        ("Found(rows=[name])", "Found(rows=[name], total=1)"),
    ],
    "dbos minor version": [
        ("import os\n", 'import os\nfrom dbos._utils import GlobalParams\nGlobalParams.dbos_version = "3.99.0"\n'),
    ],
}


@pytest.mark.parametrize("what", list(SAFE))
def test_a_change_of_the_app_lets_a_run_in_flight_finish(site: Site, what: str) -> None:
    run = site.begin()
    change(site, *SAFE[what])
    told = site.json(site.new, "replay", run)
    assert told["same"] is True, told
    assert (told["replayed"], told["ahead"]) == (2, 1)
    done = site.approve(site.new)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "succeeded"
    assert site.marks == ["first", "pay", "tell"]


def test_a_setting_that_came_lets_a_run_in_flight_finish(site: Site) -> None:
    run = site.begin()
    site = replace(site, environment={**site.environment, "KAPELLE_RUN__WIDTH": "3"})
    assert site.json(site.new, "replay", run)["same"] is True
    assert site.approve(site.new).returncode == 0
    assert site.marks == ["first", "pay", "tell"]


def test_an_event_with_a_new_field_or_of_a_new_kind_lets_a_run_in_flight_finish(site: Site) -> None:
    run = site.begin()
    site.edit("update events set data = json_set(data, '$.weather', 'fine') where run = ? and seq = 3", run)
    site.edit("update events set kind = 'step.pondered' where run = ? and kind = 'approval.requested'", run)
    assert site.json(site.new, "replay", run)["same"] is True
    assert "step.pondered" in site.run(site.new, "watch", run, "--no-follow").stdout
    assert site.approve(site.new).returncode == 0
    assert site.marks == ["first", "pay", "tell"]


def test_a_finished_step_of_a_new_kind_lets_a_run_in_flight_finish_and_its_plan_is_kept(site: Site) -> None:
    run = site.begin()
    database = Path(site.environment["KAPELLE_HOME"]) / "kapelle.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        (text,) = connection.execute("select plan from runs where id = ?", (run,)).fetchone()
        plan = json.loads(text)
        plan["shape"] = "new"
        plan["steps"].insert(1, {"kind": "webhook", "id": "hook", "url": {"$ref": "first", "path": "/rows/0"}})
        plan["steps"][-1]["after"] = [*plan["steps"][-1].get("after", []), "hook"]
        connection.execute("update runs set plan = ? where id = ?", (json.dumps(plan), run))
        result = {"path": "hook", "kind": "webhook", "status": "succeeded", "output": {"ok": True}, "voice": "soft"}
        row = (run, "hook", 0, 5, "succeeded", json.dumps(result))
        connection.execute("insert into steps (run, path, revision, seq, status, result) values (?,?,?,?,?,?)", row)
    told = site.json(site.new, "replay", run)
    assert told["same"] is True, told
    assert site.approve(site.new).returncode == 0
    assert site.marks == ["first", "pay", "tell"]
    again = site.run(site.new, "rerun", run, "--from", "tell", "--set", '/inputs/name="b"', "--json")
    assert again.returncode == 0, again.stderr
    with closing(sqlite3.connect(database)) as connection:
        (text,) = connection.execute("select plan from runs where id = ?", (run,)).fetchone()
    kept = json.loads(text)
    assert kept["shape"] == "new"
    assert [one["kind"] for one in kept["steps"]][1] == "webhook"
    assert kept["steps"][-1]["inputs"] == {"name": "b"}


STUCK = {
    "tool removed": (
        [("tools=[find, pay]", "tools=[find]"), ("    paid = s.tool(pay, note=line[\"line\"], id=\"pay\")\n", ""),
         ("s.tool(find, name=paid,", 's.tool(find, name="a",')],
        "`pay`",
    ),
    "required argument added": ([("pay(note: str,", "pay(note: str, currency: str,")], "`inputs.currency`"),
}  # fmt: skip


@pytest.mark.parametrize("what", list(STUCK))
def test_a_change_that_strands_a_run_is_told_before_and_the_run_is_kept(site: Site, what: str) -> None:
    pairs, named = STUCK[what]
    run = site.begin()
    change(site, *pairs)
    told = site.run(site.new, "replay", "--all-waiting")
    assert told.returncode == 1, told.stdout
    assert run in told.stdout
    assert named in site.run(site.new, "replay", run).stdout
    refused = site.approve(site.new)
    assert refused.returncode == 2, refused.stdout
    assert named in refused.stderr
    again = site.run(site.new, "resume", run)
    assert again.returncode == 2
    assert named in again.stderr
    doctor = site.run(site.new, "doctor")
    assert (doctor.returncode, run in doctor.stdout, named in doctor.stdout) == (2, True, True)
    (listed,) = site.json(site.new, "runs")["runs"]  # type: ignore[misc]
    assert listed["status"] not in ("failed", "succeeded", "partial", "cancelled")
    assert site.marks == ["first"]
    change(site)
    mended = site.run(site.new, "resume", run, "--json")
    assert mended.returncode == 0, mended.stderr
    assert site.marks == ["first", "pay", "tell"]


def test_a_plan_of_an_unknown_major_version_is_told_before_and_the_run_is_kept(site: Site) -> None:
    run = site.begin()
    site.edit("update runs set plan = json_set(plan, '$.schema_version', 9) where id = ?", run)
    told = site.run(site.new, "replay", "--all-waiting")
    assert told.returncode == 1
    assert "schema version 9" in " ".join(told.stdout.split())
    for command in (("resume", run), ("replay", run)):
        refused = site.run(site.new, *command)
        assert refused.returncode == (2 if command[0] == "resume" else 1)
        assert "schema version 9" in refused.stdout + refused.stderr
    doctor = site.run(site.new, "doctor")
    assert (doctor.returncode, run in doctor.stdout, "schema version 9" in doctor.stdout) == (2, True, True)
    site.begin()
    listed = site.json(site.new, "runs")["runs"]
    assert {one["run_id"] for one in listed} >= {run}  # type: ignore[attr-defined]
    assert len(listed) == 2  # type: ignore[arg-type]
    site.edit("update runs set plan = json_set(plan, '$.schema_version', 1) where id = ?", run)
    waiting = site.run(site.new, "resume", run, "--json")
    assert json.loads(waiting.stdout)["status"] == "waiting", waiting.stderr


def test_a_run_is_recorded_in_one_place_and_replayed_in_another(site: Site, tmp_path: Path) -> None:
    run = site.begin()
    site.approve(site.old)
    document = site.run(site.old, "record", run).stdout
    file = tmp_path / "recording.json"
    file.write_text(document)
    away = replace(site, environment={**site.environment, "KAPELLE_HOME": str(tmp_path / "nowhere")})
    done = away.run(site.old, "replay", str(file))
    assert (done.returncode, done.stdout.split(":")[0]) == (0, "same"), done.stdout + done.stderr
    assert not (tmp_path / "nowhere" / "kapelle.db").exists()
    assert site.marks == ["first", "pay", "tell"]
    change(site, ('", ".join(rows)', '"; ".join([*rows, "more"])'))
    diverged = away.run(site.new, "replay", str(file))
    assert diverged.returncode == 1
    assert "`sum`" in diverged.stdout
    assert '"a; more"' in diverged.stdout
    assert away.run(site.old, "replay", str(tmp_path / "nothing.json")).returncode == 2


def test_side_effects_are_listed_before_a_rerun_repeats_them(site: Site) -> None:
    run = site.begin()
    site.approve(site.old)
    refused = site.run(site.old, "rerun", run, "--from", "sum")
    assert refused.returncode == 2
    assert "`pay` at `pay`" in refused.stderr
    assert site.marks == ["first", "pay", "tell"]
    plan = site.json(site.old, "rerun", run, "--from", "sum", "--plan")
    assert sorted(plan["again"]) == ["approve_pay", "pay", "sum", "tell"]  # type: ignore[call-overload]
    assert plan["kept"] == ["first"]
    waiting = site.run(site.old, "rerun", run, "--from", "sum", "--yes", "--json")
    assert waiting.returncode == 3, waiting.stderr
    assert site.approve(site.old).returncode == 0
    assert site.marks == ["first", "pay", "tell", "pay", "tell"]
    fork = site.run(site.old, "fork", run, "--from", "tell", "--json")
    assert fork.returncode == 0, fork.stderr
    assert json.loads(fork.stdout)["run_id"] != run
    assert site.marks[5:] == ["tell"]
