"""Real processes: an app with slow tools that leave a mark, run by the command line in a folder of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

KAPELLE = str(Path(sys.executable).with_name("kapelle"))

APP = '''
"""Slow tools that leave a mark outside."""
import asyncio
import os
import time
from pathlib import Path

from kapelle import Orchestrator, Steps, Task, ToolContext, strategy, tool

MARKS = Path(os.environ["MARKS"])
SECONDS = float(os.environ.get("STEP_SECONDS", "0.08"))


def mark(word: str, context: ToolContext) -> None:
    with MARKS.open("a") as file:
        file.write(f"{word} {context.path} {context.idempotency_key}\\n")


@tool
async def slow(name: str, context: ToolContext, needs: list[str] | None = None) -> str:
    """Work for a while, then leave a mark."""
    mark("begun", context)
    await asyncio.sleep(SECONDS)
    mark("done", context)
    return name


@tool
def block(seconds: float, context: ToolContext) -> str:
    """Block the thread."""
    mark("begun", context)
    time.sleep(seconds)
    return "blocked"


@tool
async def fails_once(context: ToolContext) -> str:
    """Fail at the first call."""
    mark("begun", context)
    if MARKS.read_text().count(f"begun {context.path}") < 2:
        raise RuntimeError("not yet")
    return "second time"


@tool
async def always_fails() -> str:
    """Fail."""
    raise RuntimeError("the pump is broken")


@tool(effect="write")
async def pay(amount: int, context: ToolContext) -> str:
    """Pay an amount."""
    mark("paid", context)
    return f"paid {amount}"


@strategy
def ten(task: Task, s: Steps) -> Steps:
    """Ten steps in branches, with a map."""
    first = s.tool(slow, name="first")
    branches = []
    for letter in "abc":
        one = s.tool(slow, name=f"{letter}1", needs=[first])
        branches.append(s.tool(slow, name=f"{letter}2", needs=[one]))
    items = s.map(["x", "y", "z"], lambda item, b: b.tool(slow, name=item), width=2)
    s.tool(slow, name="final", needs=[*branches], after=[items], id="final")
    return s


house = Orchestrator(
    tools=[slow, block, fails_once, always_fails, pay], strategies=[ten], packs=()
)
'''


@dataclass(frozen=True)
class Place:
    """A folder with an app, a home of its own and a file of marks."""

    folder: Path
    environment: dict[str, str]
    begun: "list[subprocess.Popen[str]]" = field(default_factory=list)

    @property
    def marks(self) -> list[str]:
        """What the tools left."""
        file = self.folder / "marks.txt"
        return file.read_text().splitlines() if file.exists() else []

    def command(self, *arguments: str) -> list[str]:
        """A command line."""
        return [KAPELLE, *arguments]

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def begin(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """Begin a command."""
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env={**self.environment, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell that runs the tests in the background has SIGINT ignored, and a child would inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.begun.append(process)
        return process

    def json(self, *arguments: str) -> dict[str, object]:
        """The one object that a command with `--json` prints."""
        done = self.run(*arguments, "--json")
        value: dict[str, object] = json.loads(done.stdout)
        return value

    def events(self, run: str) -> list[dict[str, object]]:
        """The events of a run."""
        done = self.run("watch", run, "--no-follow", "--json")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def write_plan(self, plan: dict[str, object]) -> Path:
        """A plan as a file."""
        file = self.folder / "plan.json"
        file.write_text(json.dumps(plan))
        return file


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A folder with the app above."""
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "slow_app.py").write_text(APP)
    (folder / "pyproject.toml").write_text('[tool.kapelle]\napp = "slow_app:house"\n')
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "KAPELLE_HOME": str(folder / "home"),
        "MARKS": str(folder / "marks.txt"),
        "KAPELLE_TOOLS__BACKOFF": "0.05",
        **{name: value for name, value in os.environ.items() if name.startswith(("COVERAGE", "COV_"))},
    }
    made = Place(folder, environment)
    yield made
    for process in made.begun:
        if process.poll() is None:
            process.kill()
            process.communicate()
