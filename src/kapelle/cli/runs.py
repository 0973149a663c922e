"""`kapelle runs | show | watch | resume | cancel`."""

import json
import sys
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from kapelle import clock
from kapelle.cli.live import LiveRun, plain_line
from kapelle.cli.report import COLORS, exit_code, print_answer, run_json
from kapelle.cli.session import Common, err, opened, out, print_json, run_async, safe
from kapelle.cli.solve import finish
from kapelle.errors import BadInput
from kapelle.handles import LAST_EVENT
from kapelle.orchestrator import MOST_RUNS
from kapelle.plan.draw import draw_mermaid, draw_svg
from kapelle.run.kept.retention import purge_note
from kapelle.run.model import RunRecord


def runs(*, limit: int = 20, common: Common = Common()) -> int:
    """List runs, the newest first.

    Args:
        limit: At most so many, 1 to 100000.
    """
    if not 1 <= limit <= MOST_RUNS:
        raise BadInput(f"`--limit`: expected 1 to {MOST_RUNS}, not {limit}")
    return run_async(_runs(limit, common))


async def _runs(limit: int, common: Common) -> int:
    async with opened(common) as house:
        found = await house.runs(limit=limit)
        interrupted = {one.id for one in await house.interrupted()}
    if common.json:
        print_json({"runs": [_row(one, one.id in interrupted) for one in found]})
        return 0
    if not found:
        out().print("no runs yet; begin with: kapelle demo")
        return 0
    table = Table(box=None, pad_edge=False)
    for name in ("run", "status", "begun", "seconds", "task"):
        table.add_column(name, header_style="dim", no_wrap=name != "task", overflow="ellipsis")
    for one in found:
        status = "stuck" if one.stuck else "interrupted" if one.id in interrupted else one.status
        took = (one.ended - one.started).total_seconds() if one.ended and one.started else None
        table.add_row(
            one.id,
            Text(status, style=COLORS.get(one.status, "red" if one.ended_already else "blue")),
            one.created.strftime("%Y-%m-%d %H:%M:%SZ"),
            f"{took:.2f}" if took is not None else "",
            safe(" ".join(one.task.prompt.split()))[:80],
        )
    out().print(table)
    return 0


def _row(one: RunRecord, interrupted: bool) -> dict[str, object]:
    return {
        "run_id": one.id,
        "key": one.key,
        "status": one.status,
        "interrupted": interrupted,
        "stuck": one.stuck.reason if one.stuck else None,
        "waiting_for": one.waiting_for,
        "prompt": one.task.prompt,
        "created": clock.to_iso(one.created),
        "started": clock.to_iso(one.started) if one.started else None,
        "ended": clock.to_iso(one.ended) if one.ended else None,
        "events": one.seq,
    }


def show(
    run: str,
    /,
    *,
    svg: Annotated[bool, Parameter(negative=())] = False,
    mermaid: Annotated[bool, Parameter(negative=())] = False,
    common: Common = Common(),
) -> int:
    """Show a run: its plan, its steps, its answer.

    Args:
        run: The run's id.
        svg: Draw it as SVG on stdout, coloured by what came of each step.
        mermaid: Draw it as Mermaid text.
    """
    return run_async(_show(run, svg, mermaid, common))


async def _show(run_id: str, svg: bool, mermaid: bool, common: Common) -> int:
    async with opened(common) as house:
        run = house.get(run_id)
        record = await run.status()
        steps = await run.steps()
        events = [event async for event in run.events(follow=False)]
    if common.json:
        purged = {kind: clock.to_iso(at) for kind, at in record.purged.items()}
        print_json({**run_json(record, steps), "events": len(events), "purged": purged})
        return 0
    if record.plan is not None and (svg or mermaid):
        states = {one.path: one.status for one in steps}
        print(draw_svg(record.plan, states) if svg else draw_mermaid(record.plan), end="")
        return 0
    live = LiveRun(record.plan, headline=safe(record.task.prompt.splitlines()[0][:100]))
    for event in events:
        live.feed(event)
    if record.forked_from is not None:
        live.keep(steps)
    out().print(live.tree())
    print_answer(out(), record)
    if record.purged:
        out().print(f"not there any more: {purge_note(record)}", style="yellow")
    return 0


def watch(
    run: str,
    /,
    *,
    after: int = 0,
    follow: Annotated[bool, Parameter(negative="--no-follow")] = True,
    common: Common = Common(),
) -> int:
    """Follow a run's events as they happen; ends when the run ended.

    Args:
        run: The run's id.
        after: Begin behind this event number.
        follow: Wait for what is to come.
    """
    if not 0 <= after <= LAST_EVENT:
        raise BadInput(f"`--after`: expected the number of an event, 0 to {LAST_EVENT}, not {after}")
    return run_async(_watch(run, after, follow, common))


async def _watch(run_id: str, after: int, follow: bool, common: Common) -> int:
    async with opened(common, notice=False) as house:
        run = house.get(run_id)
        async for event in run.events(after=after, follow=follow):
            if common.json:
                # One object a line: this command's output is a stream, not an answer.
                print(json.dumps(event.model_dump(mode="json"), ensure_ascii=False), flush=True)
            else:
                print(f"{event.seq:>5}  {clock.to_iso(event.at)}  {plain_line(event) or event.kind}", flush=True)
        return exit_code(await run.status()) if follow else 0


def resume(run: str, /, *, common: Common = Common()) -> int:
    """Walk an interrupted run on; finished steps are reused, not done again.

    Args:
        run: The run's id.
    """
    return run_async(_resume(run, common))


async def _resume(run_id: str, common: Common) -> int:
    async with opened(common, notice=False) as house:
        run = house.get(run_id)
        record = await run.status()
    async with opened(common, notice=False, app=record.app) as house:
        run = house.get(run_id)
        done = [one for one in await run.steps() if one.final]
        if not record.ended_already:
            names = ", ".join(one.path for one in done[:8]) + (f" and {len(done) - 8} more" if len(done) > 8 else "")
            print(f"reused: {len(done)} finished steps{f' ({names})' if names else ''}", file=sys.stderr)
        await run.resume()
        return await finish(house, run, common)


def cancel(run: str, /, *, common: Common = Common()) -> int:
    """Cancel a run: nothing new starts, finished steps that say how are taken back.

    Args:
        run: The run's id.
    """
    return run_async(_cancel(run, common))


async def _cancel(run_id: str, common: Common) -> int:
    async with opened(common, notice=False) as house:
        app = (await house.get(run_id).status()).app
    async with opened(common, notice=False, app=app) as house:
        run = house.get(run_id)
        before = await run.status()
        await run.cancel()
        record = await run.wait()
    left = record.error.message if record.status == "cancelled" and record.error else ""
    if common.json:
        print_json({"run_id": record.id, "status": record.status, "not_taken_back": left or None})
    elif before.ended_already:
        out().print(f"{record.id} had ended before: {record.status}")
    else:
        out().print(f"{record.id}: {record.status}")
    if left:
        err().print(f"not everything was taken back: {safe(left)}", style="yellow")
        return 4
    return 0 if record.status == "cancelled" else 1
