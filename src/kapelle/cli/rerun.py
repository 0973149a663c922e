"""`kapelle rerun | fork`: do a step of a run and what depends on it again, in place or in a new run."""

import asyncio
import sys
from typing import Annotated

from cyclopts import Parameter
from pydantic import JsonValue

from kapelle.cli.session import Common, err, opened, out, print_json, run_async, safe
from kapelle.cli.solve import finish
from kapelle.cli.typed import json_or_text
from kapelle.errors import BadInput
from kapelle.handles import Run
from kapelle.orchestrator import Orchestrator
from kapelle.run.again.rerun import Rerun

From = Annotated[str, Parameter(name="--from")]
Edits = Annotated[list[str], Parameter(name="--set", negative=())]
Flag = Annotated[bool, Parameter(negative=())]


def rerun(
    run: str,
    /,
    *,
    from_: From,
    set: Edits = [],  # noqa: B006  # cyclopts copies it
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], negative=())] = False,
    plan: Flag = False,
    common: Common = Common(),
) -> int:
    """Do a step and everything that depends on it again; what else is finished is kept.

    Args:
        run: The run's id.
        from_: The step's path, such as `drafts/2/note`; `kapelle show RUN` lists them.
        set: A new value for one of its inputs, as `/inputs/query="refunds"`; may be given several times.
        yes: Repeat what was changed outside without asking.
        plan: Only say what would be done.
    """
    return run_async(_again(run, from_, edits_of(set), yes, plan, common, fork=False))


def fork(
    run: str,
    /,
    *,
    from_: From,
    set: Edits = [],  # noqa: B006
    plan: Flag = False,
    common: Common = Common(),
) -> int:
    """Make a new run with what is finished of another, and do a step and what depends on it in the new one.

    Args:
        run: The run's id; it is left as it is.
        from_: The step's path, such as `drafts/2/note`; `kapelle show RUN` lists them.
        set: A new value for one of its inputs, as `/inputs/query="refunds"`; may be given several times.
        plan: Only say what would be done.
    """
    return run_async(_again(run, from_, edits_of(set), True, plan, common, fork=True))


def edits_of(given: list[str]) -> dict[str, JsonValue]:
    """`/inputs/name=JSON` as pointers and values; what is no JSON is text.

    Raises:
        BadInput: there is no `=`, or the place is no JSON Pointer.
    """
    found: dict[str, JsonValue] = {}
    for one in given:
        path, equals, text = one.partition("=")
        if not equals or not path.startswith("/"):
            raise BadInput(f"`--set`: expected /inputs/NAME=VALUE, not {one!r}")
        found[path] = json_or_text(text)
    return found


async def _again(
    run_id: str, start: str, edits: dict[str, JsonValue], yes: bool, only_plan: bool, common: Common, *, fork: bool
) -> int:
    async with opened(common, notice=False) as house:
        app = (await house.get(run_id).status()).app
    async with opened(common, notice=False, app=app) as house:
        run = house.get(run_id)
        ahead = await run.look_ahead(from_=start, set=edits)
        if only_plan:
            _print_plan(ahead, common)
            return 0
        if ahead.effects and not yes and not await _allowed(ahead, common):
            return 2
        return await _walk(house, run, ahead, edits, common, fork=fork)


async def _walk(
    house: Orchestrator, run: Run, ahead: Rerun, edits: dict[str, JsonValue], common: Common, *, fork: bool
) -> int:
    if fork:
        run = await run.fork(from_=ahead.start, set=edits)
        print(f"forked: {run.id}", file=sys.stderr)
    else:
        await run.rerun(from_=ahead.start, set=edits)
    print(f"again: {len(ahead.again)} steps, kept: {len(ahead.kept)}", file=sys.stderr)
    return await finish(house, run, common)


async def _allowed(ahead: Rerun, common: Common) -> bool:
    """Whether the effects may be repeated: asked at a terminal, refused with the list elsewhere."""
    err().print(f"This changes again what was changed outside before, from `{safe(ahead.start)}` on:")
    for effect in ahead.effects:
        err().print(f"  {safe(str(effect))}")
    if sys.stdin.isatty() and sys.stderr.isatty():
        reply = await asyncio.get_running_loop().run_in_executor(None, input, "Do it again? [y/N] ")
        if reply.strip().lower() in ("y", "yes"):
            return True
        err().print("nothing was done")
        return False
    err().print("nothing was done; add --yes to repeat it")
    if common.json:
        print_json({**plan_json(ahead), "done": False})
    return False


def plan_json(ahead: Rerun) -> dict[str, object]:
    """What would be done, as one object."""
    return {
        "run_id": ahead.record.id,
        "from": ahead.start,
        "again": list(ahead.again),
        "kept": [one.path for one in ahead.kept],
        "effects": [{"path": one.path, "tool": one.tool, "status": one.status} for one in ahead.effects],
    }


def _print_plan(ahead: Rerun, common: Common) -> None:
    if common.json:
        print_json(plan_json(ahead))
        return
    out().print(f"again: {safe(', '.join(ahead.again)) or 'nothing that is finished'}")
    out().print(f"kept: {safe(', '.join(one.path for one in ahead.kept)) or 'nothing'}")
    for effect in ahead.effects:
        out().print(f"changes again: {safe(str(effect))}")
