"""`kapelle schedules | schedule | unschedule`."""

from rich.table import Table

from kapelle import clock
from kapelle.cli.session import Common, opened, out, print_json, run_async, safe
from kapelle.run.schedules import Schedule


def schedules(*, common: Common = Common()) -> int:
    """List what workers begin by themselves, and when (UTC)."""
    return run_async(_list(common))


async def _list(common: Common) -> int:
    async with opened(common, notice=False) as house:
        found = await house.schedules()
    if common.json:
        print_json({"schedules": [_row(one) for one in found]})
        return 0
    if not found:
        out().print("nothing is scheduled; begin with: kapelle schedule NAME 'CRON' PROMPT")
        return 0
    table = Table(box=None, pad_edge=False)
    for name in ("schedule", "cron", "last", "next", "task"):
        table.add_column(name, header_style="dim")
    for one in found:
        prompt = " ".join(str(one.task.get("prompt", "")).split())
        times = (clock.to_iso(at) if at else "" for at in (one.last, one.next))
        table.add_row(one.name, one.cron, *times, safe(prompt)[:80])
    out().print(table)
    return 0


def schedule(name: str, cron: str, /, *prompt: str, session: str | None = None, common: Common = Common()) -> int:
    """Let workers begin a task again and again; the same name again replaces it.

    Args:
        name: Its name.
        cron: When, in UTC: five fields from the minute on, or six from the second on, in quotes.
        prompt: The task.
        session: The session that its runs are of.
    """
    return run_async(_schedule(name, cron, " ".join(prompt), session, common))


async def _schedule(name: str, cron: str, prompt: str, session: str | None, common: Common) -> int:
    fields = {"session": session} if session is not None else {}
    async with opened(common, notice=False) as house:
        made = await house.schedule(name, cron, prompt, **fields)
    if common.json:
        print_json(_row(made))
    else:
        out().print(f"{made.name}: {made.cron} (UTC), begun by `kapelle worker`; each time is one run")
    return 0


def unschedule(name: str, /, *, common: Common = Common()) -> int:
    """Begin it no more; what has begun goes on.

    Args:
        name: Its name.
    """
    return run_async(_unschedule(name, common))


async def _unschedule(name: str, common: Common) -> int:
    async with opened(common, notice=False) as house:
        await house.unschedule(name)
    if common.json:
        print_json({"schedule": name, "deleted": True})
    else:
        out().print(f"{name}: not scheduled any more")
    return 0


def _row(one: Schedule) -> dict[str, object]:
    return one.model_dump(mode="json")
