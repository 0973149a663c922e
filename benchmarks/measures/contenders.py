"""What a step costs here and elsewhere: every contender in a process and environment of its own, asked in turn.

A round asks each of them once, so that whatever else the machine does hits all alike.
"""

import json
import os
import selectors
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PEERS = Path(__file__).parents[1] / "peers"
ENVIRONMENTS = Path(__file__).parents[2] / "build" / "peers"
PATIENCE = 240.0
"""Seconds for one answer; the first of some starts a server."""
DEAR = 5
"""What takes seconds is asked in one of so many rounds."""

WARM = 2
"""Rounds that are not counted: plans are made, statements prepared. What takes seconds has none."""


@dataclass
class Contender:
    """One way of walking steps durably, in its own process."""

    name: str
    command: list[str]
    share: int = 1
    """It is asked in one of so many rounds."""
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """What it took a step, by shape."""
    later: "Contender | None" = None
    """Of one that answers two moments: the second, until what was done is recorded."""
    _process: "subprocess.Popen[bytes] | None" = None

    def __enter__(self) -> Self:
        # A group of its own: what it starts ends with it.
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=PEERS,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        assert process is not None and process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def ready(self) -> None:
        """Wait until it can be asked."""
        self._answer()

    def ask(self, shape: str, steps: int) -> list[float]:
        """Seconds of one run of a shape."""
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(json.dumps({"shape": shape, "steps": steps}).encode() + b"\n")
        self._process.stdin.flush()
        return list(self._answer()["seconds"])

    def _answer(self) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(PATIENCE):
                raise TimeoutError(f"`{self.name}` does not answer within {PATIENCE:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"`{self.name}` ended; see `{' '.join(self.command)}`")
        return dict(json.loads(line))

    def note(self, shape: str, seconds: list[float], steps: int) -> None:
        """Keep an answer: the whole of it, or its first moment here and the whole in the second's row."""
        if self.later is not None:
            self.later.note(shape, seconds, steps)
            seconds = seconds[:1]
        self.seconds.setdefault(shape, []).append(sum(seconds) / steps)

    @property
    def row(self) -> dict[str, float]:
        """Median milliseconds: a step of a chain, a step of a fan, a run of one step."""
        median = {shape: statistics.median(values) * 1000 for shape, values in self.seconds.items()}
        return {f"{shape}_ms": round(value, 4) for shape, value in median.items()}


def ours(folder: Path, postgres: str) -> list[Contender]:
    """Kapelle's three engines."""
    script = str(PEERS / "peer_kapelle.py")
    return [
        Contender("inline", [sys.executable, script, "inline", _folder(folder, "inline")]),
        Contender("sqlite", [sys.executable, script, "durable", _folder(folder, "sqlite")]),
        Contender("postgres", [sys.executable, script, "durable", _folder(folder, "postgres"), postgres]),
    ]


def peers(folder: Path, postgres: str, say: Callable[[str], None], *, quick: bool = False) -> list[Contender]:
    """Those that are installed; the others are told of.

    Args:
        quick: without Prefect, whose server takes longer to start than the others to be measured.
    """
    found = []
    langgraph, prefect = (ENVIRONMENTS / name / "bin" / "python" for name in ("langgraph", "prefect"))
    if (ENVIRONMENTS / "langgraph" / ".installed").exists():
        script = str(PEERS / "peer_langgraph.py")
        ways = {
            "sqlite": _folder(folder, "lg"),
            "sqlite_equal_pragmas": _folder(folder, "lg-equal"),
            "postgres": postgres,
        }
        found += [Contender(f"langgraph_{way}", [str(langgraph), script, way, place]) for way, place in ways.items()]
    else:
        say("langgraph is not installed (`make bench-peers`): left out")
    if quick:
        say("prefect is left out: it is measured in whole runs")
    elif (ENVIRONMENTS / "prefect" / ".installed").exists():
        command = [str(prefect), str(PEERS / "peer_prefect.py"), _folder(folder, "prefect")]
        recorded = Contender("prefect_recorded", command, share=DEAR)
        found.append(Contender("prefect", command, share=DEAR, later=recorded))
    else:
        say("prefect is not installed (`make bench-peers`): left out")
    return found


def compare(contenders: Iterable[Contender], *, steps: int, rounds: int) -> None:
    """Let all of them walk chains, fans and runs of one step, in turn."""
    with ExitStack() as stack:
        walking = [stack.enter_context(one) for one in contenders]
        for one in walking:
            one.ready()
        for shape in ("chain", "fan"):
            _in_turn(walking, shape, steps, rounds)
        _in_turn(walking, "chain", 1, rounds * 3, name="k1")


def _in_turn(walking: list[Contender], shape: str, steps: int, rounds: int, name: str = "") -> None:
    for turn in range(-WARM, rounds):
        for one in walking:
            if turn >= 0 and turn % one.share == 0:
                one.note(name or shape, one.ask(shape, steps), steps)
            elif turn < 0 and one.share == 1:
                one.ask(shape, steps)


def paired(mine: Contender, other: Contender) -> dict[str, float]:
    """What a step costs over what it costs the other, by shape: the median of the rounds that both walked.

    Two runs of one round met the same load, or nearly: their ratio is steadier than that of two medians.
    """
    found = {}
    for shape, values in other.seconds.items():
        own = mine.seconds[shape][:: other.share]
        found[shape] = statistics.median(one / two for one, two in zip(own, values, strict=True))
    return found


def save_p95(contenders: Iterable[Contender], *, steps: int, rounds: int) -> dict[str, float]:
    """The p95, in milliseconds, of the commit of one finished step."""
    found = {}
    for one in contenders:
        with one:
            one.ready()
            one.ask("save", steps)
            saves = [second for _ in range(rounds) for second in one.ask("save", steps)]
            found[one.name] = sorted(saves)[int(len(saves) * 0.95)] * 1000
    return found


def _folder(folder: Path, name: str) -> str:
    made = folder / name
    made.mkdir(parents=True, exist_ok=True)
    return str(made)
