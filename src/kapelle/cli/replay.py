"""`kapelle record | replay`: keep a run as a document; walk it, or every unfinished run, against the present code."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from kapelle.cli.session import Common, app_reference, load_app, opened, out, print_json, run_async, safe, settings_of
from kapelle.errors import BadInput, KapelleError
from kapelle.orchestrator import MOST_RUNS, Orchestrator
from kapelle.run.recorded.recording import Recording, read_recording
from kapelle.run.recorded.replay import Replay


def record(run: str, /, *, common: Common = Common()) -> int:
    """Print a run as one JSON document that `kapelle replay` walks anywhere; secrets are taken out.

    Args:
        run: The run's id.
    """
    return run_async(_record(run, common))


async def _record(run_id: str, common: Common) -> int:
    async with opened(common, notice=False) as house:
        print((await house.record(run_id)).text())
    return 0


def replay(
    recording: str | None = None,
    /,
    *,
    all_waiting: Annotated[bool, Parameter(negative=())] = False,
    common: Common = Common(),
) -> int:
    """Walk a recording against the present code, without key or network; exit 0 the same, 1 it diverged.

    Args:
        recording: A file made by `kapelle record`, or a run's id.
        all_waiting: Every unfinished run: what is done is replayed, what is to come is held against the present tools.
    """
    if (recording is None) != all_waiting:
        raise BadInput("name a recording or a run, or give --all-waiting: kapelle replay recording.json")
    return run_async(_replay_all(common) if recording is None else _replay_one(recording, common))


async def _replay_one(place: str, common: Common) -> int:
    recording = await _find(place, common)
    done = await _replayed(recording, common, own=not Path(place).is_file())
    if common.json:
        print_json(replay_json(done))
        return 0 if done.same else 1
    for note in done.notes:
        print(f"note: {safe(note)}", file=sys.stderr)
    ahead = f", {done.ahead} still to come" if done.ahead else ""
    if done.first is None:
        out().print(f"same: {done.run}, {done.replayed} steps{ahead}")
        return 0
    out().print(f"diverged: {done.run}, {safe(str(done.first))}")
    for other in done.divergences[1:]:
        out().print(f"also: {safe(str(other))}")
    return 1


async def _find(place: str, common: Common) -> Recording:
    """A recording by its file, or by the id of a run in the database."""
    file = Path(place)
    if file.is_file():
        try:
            return read_recording(file.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            raise BadInput(f"`{file}` is not UTF-8 text") from None
    if not place.startswith("run_"):
        raise BadInput(f"there is no file `{place}`, and a run's id begins with `run_`")
    async with opened(common, notice=False) as house:
        return await house.record(place)


async def _replayed(recording: Recording, common: Common, *, own: bool) -> Replay:
    """Replay a recording with the tools of an app and without a database.

    Args:
        own: it is from the database: its app is one that was run here. A file names no code to be loaded.
    """
    settings = settings_of(common)
    reference = common.app or (recording.app if own else None) or app_reference(settings)
    house = load_app(reference) if reference else Orchestrator(settings=settings)
    house.adopt(settings, app=reference, corpora={}, foreground=True, engine="inline")
    try:
        return await house.replay(recording, everywhere=True)
    finally:
        await house.close()


def replay_json(done: Replay) -> dict[str, object]:
    """What came of a replay, as one object."""
    found = [
        {"path": one.path, "what": one.what, "at": one.at, "recorded": one.recorded, "now": one.present, "why": one.why}
        for one in done.divergences
    ]
    return {
        "run_id": done.run,
        "status": done.status,
        "same": done.same,
        "replayed": done.replayed,
        "ahead": done.ahead,
        "first": found[0] if found else None,
        "divergences": found,
        "notes": list(done.notes),
    }


async def _replay_all(common: Common) -> int:
    recordings: list[Recording] = []
    done: list[Replay] = []
    untold: dict[str, str] = {}
    async with opened(common, notice=False) as house:
        unfinished = [one for one in await house.runs(limit=MOST_RUNS) if not one.ended_already]
        for one in reversed(unfinished):
            try:
                recordings.append(await house.record(one.id))
            except KapelleError as error:
                untold[one.id] = str(error)
    for recording in recordings:
        try:
            done.append(await _replayed(recording, common, own=True))
        except KapelleError as error:
            # Its app cannot be loaded, say: the others are still worth knowing.
            untold[recording.run] = str(error)
    _print_all(done, untold, common)
    return 1 if untold or not all(one.same for one in done) else 0


def _print_all(done: list[Replay], untold: dict[str, str], common: Common) -> None:
    diverged = sum(not one.same for one in done) + len(untold)
    if common.json:
        runs = [*(replay_json(one) for one in done), *({"run_id": run, "error": why} for run, why in untold.items())]
        print_json({"runs": runs, "same": len(done) + len(untold) - diverged, "diverged": diverged})
        return
    if not done and not untold:
        out().print("no run is unfinished")
        return
    out().print(_table([*_rows(done), *((run, "", "", "diverged", why) for run, why in untold.items())]))
    out().print(f"{len(done) + len(untold)} unfinished runs, {diverged} diverged")


def _rows(done: Iterable[Replay]) -> Iterable[tuple[str, str, str, str, str]]:
    for one in done:
        verdict = "same" if one.same else "diverged"
        yield one.run, str(one.replayed), str(one.ahead), verdict, str(one.first or "")


def _table(rows: Iterable[tuple[str, str, str, str, str]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("run", "replayed", "ahead", "verdict", "first divergence"):
        table.add_column(name, header_style="dim", overflow="fold", no_wrap=name in ("run", "verdict"))
    for run, replayed, ahead, verdict, why in rows:
        table.add_row(run, replayed, ahead, Text(verdict, style="green" if verdict == "same" else "red"), safe(why))
    return table
