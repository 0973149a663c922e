"""Show a run as it happens: a live tree at a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from kapelle.cli.session import err, safe
from kapelle.ids import join_path
from kapelle.plan.model import Plan
from kapelle.run.model import Event, StepResult

MARKS = {
    "pending": ("○", "dim"),
    "running": ("●", "bold blue"),
    "succeeded": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "skipped": ("–", "dim"),
    "suspended": ("⏸", "yellow"),
    "cancelled": ("✗", "dim"),
}


@dataclass(slots=True)
class _Line:
    path: str
    title: str
    state: str = "pending"
    seconds: float | None = None
    since: float | None = None
    note: str = ""


@dataclass(slots=True)
class LiveRun:
    """The present state of a run, fed by its events."""

    plan: Plan | None = None
    lines: dict[str, _Line] = field(default_factory=dict)
    headline: str = ""

    def __post_init__(self) -> None:
        if self.plan is not None:
            for step in self.plan.steps:
                path = join_path("", step.id)
                self.lines[path] = _Line(path, step.title or step.id)

    def feed(self, event: Event) -> None:
        """Take an event in."""
        data = event.data
        if event.path is None:
            if event.kind == "run.resumed":
                self.headline = f"resumed, {data.get('reused', 0)} finished steps reused"
            return
        line = self.lines.get(event.path)
        if line is None:
            title = str(data.get("title") or event.path)
            line = self.lines[event.path] = _Line(event.path, title)
        if event.kind in ("step.started", "step.restarted"):
            line.state, line.since = "running", time.monotonic()
            line.note = "again" if event.kind == "step.restarted" else ""
        elif event.kind in ("step.finished", "step.skipped", "step.suspended"):
            line.state = str(data.get("status", "succeeded"))
            seconds = data.get("seconds")
            line.seconds = float(seconds) if isinstance(seconds, int | float) else None
            line.note = str(data.get("error") or data.get("route") or data.get("waits_for") or "")
        elif event.kind == "phase":
            line.note = phase_text(event)
        elif event.kind == "step.retrying":
            line.note = f"attempt {data.get('attempt')} failed, again in {data.get('seconds')} s"

    def keep(self, steps: Iterable[StepResult]) -> None:
        """Show what is finished and has no event of its own: what a fork has kept of another run."""
        for one in steps:
            line = self.lines.setdefault(one.path, _Line(one.path, one.path))
            if line.state == "pending":
                line.state, line.seconds, line.note = one.status, one.seconds or None, "kept"

    def tree(self) -> Tree:
        """The run as a tree by path."""
        tree = Tree(Text(self.headline or "run", style="bold"), guide_style="dim")
        nodes: dict[str, Tree] = {}
        for line in self.lines.values():
            parent = line.path.rpartition("/")[0]
            while parent and parent not in nodes:
                parent = parent.rpartition("/")[0]
            nodes[line.path] = nodes.get(parent, tree).add(_render(line))
        return tree


def _render(line: _Line) -> Text:
    mark, style = MARKS.get(line.state, ("?", ""))
    text = Text.assemble((f"{mark} ", style), safe(line.title))
    seconds = line.seconds
    if line.state == "running" and line.since is not None:
        seconds = time.monotonic() - line.since
    if seconds is not None and line.state in ("running", "succeeded", "failed"):
        text.append(f"  {seconds:.2f} s", style="dim")
    if line.note:
        text.append(f"  {safe(line.note)[:100]}", style="yellow" if line.state != "failed" else "red")
    return text


class Progress:
    """Shows a run on stderr while it goes."""

    def __init__(self, plan: Plan | None, *, console: Console | None = None, headline: str = "") -> None:
        self._console = console or err()
        self._run = LiveRun(plan, headline=headline)
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, get_renderable=self._run.tree, refresh_per_second=12)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def pause(self) -> None:
        """Free the terminal, to ask something."""
        if self._live is not None:
            self._live.stop()

    def go_on(self) -> None:
        """Show again."""
        if self._live is not None:
            self._live.start()

    def feed(self, event: Event) -> None:
        """Take an event in."""
        self._run.feed(event)
        if self._live is None:
            # What a search could not do is said at the end, also where nobody follows (`solve.finish`).
            line = "" if event.kind == "note" and event.data.get("about") == "search" else plain_line(event)
            if line:
                print(line, file=sys.stderr, flush=True)

    async def follow(self, events: AsyncIterator[Event]) -> None:
        """Take events in until they end."""
        async for event in events:
            self.feed(event)

    @property
    def tree(self) -> Tree:
        """The run as it stands."""
        return self._run.tree()


def phase_text(event: Event) -> str:
    """How far finding and writing an answer has come, in words."""
    data = event.data
    sources = data.get("sources")
    documents = len(sources) if isinstance(sources, list) else 0
    match data.get("phase"):
        case "searching":
            corpora = data.get("corpora")
            return f"searching {', '.join(map(str, corpora)) if isinstance(corpora, list) else ''}"
        case "hits":
            return f"{_counted(data.get('hits'), 'passage')} of {_counted(documents, 'document')}"
        case "reading":
            return f"reading {_counted(documents, 'document')}"
        case "writing":
            by = data.get("by")
            return "quoting" if by == "quotes" else f"{by} is writing"
        case "checking":
            claims = data.get("claims")
            what = _counted(data.get("citations"), "citation") if claims is None else _counted(claims, "claim")
            return f"checking {what}"
        case other:
            return str(other or "")


def _counted(number: object, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def plain_line(event: Event) -> str:
    """An event as one line; empty for those that only matter to machines."""
    data = event.data
    if event.kind == "run.resumed":
        return f"resumed: {data.get('reused', 0)} finished steps reused"
    if event.kind == "run.waiting":
        what = data.get("for")
        return f"waiting for {', '.join(str(one) for one in what) if isinstance(what, list) else what}"
    if event.kind in ("step.started", "step.restarted"):
        again = " (again)" if event.kind == "step.restarted" else ""
        return f"● {event.path}{again}"
    if event.kind in ("step.finished", "step.skipped", "step.suspended"):
        mark = MARKS.get(str(data.get("status")), ("?", ""))[0]
        seconds = f"  {data['seconds']:.2f} s" if isinstance(data.get("seconds"), int | float) else ""
        note = data.get("error") or data.get("route") or data.get("waits_for") or ""
        return safe(f"{mark} {event.path}{seconds}{f'  {note}' if note else ''}")
    if event.kind == "step.retrying":
        return safe(f"↻ {event.path}: attempt {data.get('attempt')} failed: {data.get('error')}")
    if event.kind == "phase":
        return safe(f"· {event.path}: {phase_text(event)}")
    if event.kind in ("note", "fallback"):
        return safe(f"· {event.path}: {data.get('text', '')}")
    return ""
