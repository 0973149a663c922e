"""Show how far an ingest is: a bar at a terminal, a line every few seconds elsewhere; and what came of it."""

import time
from collections import defaultdict
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from kapelle.cli.session import err, out, safe
from kapelle.evidence.folder import Skipped
from kapelle.evidence.ingest import FolderReport
from kapelle.evidence.progress import Progress

_EVERY = 3.0
"""Seconds between two lines."""
_LISTED = 12
"""Skipped files that are listed one by one; more are grouped by reason."""
_NAMED = 3


class Telling:
    """Tells on stderr; `progress` may be called from any thread."""

    def __init__(self) -> None:
        self._console = err()
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar = Bar(BarColumn(), TextColumn("{task.description}"), console=self._console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task("looking ...", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def progress(self, now: Progress) -> None:
        """Tell how far it is."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=now.files, completed=now.done, description=line(now))
        elif time.monotonic() - self._last >= _EVERY:
            self._last = time.monotonic()
            self._console.print(line(now))


def line(now: Progress) -> str:
    """Progress in a line."""
    left = f", {_time(now.eta)} left" if now.eta is not None and now.done < now.files else ""
    skipped = f", {now.skipped} skipped" if now.skipped else ""
    return f"{now.done}/{now.files} files, {now.passages} passages{skipped}, {now.rate:.0f} files/s{left}"


class Counting:
    """Tells how many of some things are done, how quickly, and how long the rest will take; from any thread."""

    def __init__(self, total: int, what: str) -> None:
        self._total, self._what = total, what
        self._done = 0
        self._began = self._last = time.monotonic()
        self._console = err()
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal and self._total:
            self._bar = Bar(BarColumn(), TextColumn("{task.description}"), console=self._console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self._line(), total=self._total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def add(self, number: int) -> None:
        """So many more are done."""
        self._done += number
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done, description=self._line())
        elif time.monotonic() - self._last >= _EVERY:
            self._last = time.monotonic()
            self._console.print(self._line())

    def _line(self) -> str:
        return counted(self._done, self._total, self._what, time.monotonic() - self._began)


def counted(done: int, total: int, what: str, seconds: float) -> str:
    """So many of so many after some seconds, in a line."""
    rate = done / seconds if seconds > 0 else 0.0
    left = f", {_time((total - done) / rate)} left" if rate and done < total else ""
    return f"{done:,}/{total:,} {what}, {rate:.0f}/s{left}"


def _time(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return (
        f"{whole // 60} min {whole % 60:02} s" if whole < 3_600 else f"{whole // 3_600} h {whole % 3_600 // 60:02} min"
    )


def say_report(report: FolderReport) -> None:
    """Print what an ingest changed, and what it left out."""
    out().print(
        f"{safe(report.collection)}: {report.added} added, {report.changed} changed, {report.unchanged} unchanged, "
        f"{report.removed} removed; {report.passages} passages written in {report.seconds:.1f} s"
    )
    for text in skipped_lines(report.skipped):
        out().print(f"  {text}", style="yellow")


def skipped_lines(skipped: tuple[Skipped, ...]) -> list[str]:
    """What was skipped and why, grouped by reason when there is much."""
    if len(skipped) <= _LISTED:
        return [f"skipped {_name(one.path)}: {safe(one.why)}" for one in skipped]
    groups: dict[str, list[str]] = defaultdict(list)
    for one in skipped:
        groups[one.why].append(_name(one.path))
    lines = [f"skipped {len(skipped)} (all by name: --json)"]
    for why, names in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        more = ", ..." if len(names) > _NAMED else ""
        lines.append(f"{len(names):>5}  {safe(why)}: {', '.join(names[:_NAMED])}{more}")
    return lines


def _name(path: str) -> str:
    return safe(path).replace("\n", "\\n").replace("\t", "\\t")
