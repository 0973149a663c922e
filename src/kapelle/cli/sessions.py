"""`kapelle sessions`."""

from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from kapelle import clock
from kapelle.cli.session import Common, opened, out, print_json, run_async, safe
from kapelle.errors import BadInput
from kapelle.run.kept.sessions import Session, Turn, no_session


def sessions(
    session: str | None = None,
    /,
    *,
    limit: int = 50,
    before: int | None = None,
    delete: Annotated[bool, Parameter(negative=())] = False,
    common: Common = Common(),
) -> int:
    """List sessions, those used last first, or show one with its history.

    Args:
        session: Of this one: its state, and what was asked and answered, the newest at the end.
        limit: At most so many.
        before: Turns before this number.
        delete: Forget it and its history; its runs stay.
    """
    if session is None and (delete or before is not None):
        raise BadInput("`sessions`: `--delete` and `--before` are about one session; name it")
    if session is None:
        return run_async(_list(limit, common))
    return run_async(_delete(session, common) if delete else _show(session, limit, before, common))


async def _list(limit: int, common: Common) -> int:
    async with opened(common, notice=False) as house:
        found = await house.sessions.list(limit=limit)
    if common.json:
        print_json({"sessions": [one.model_dump(mode="json", exclude={"state"}) for one in found]})
    elif not found:
        out().print("no sessions yet; a task names its own (`session`)")
    else:
        out().print(_table(found))
    return 0


def _table(found: list[Session]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("session", "version", "used", "expires"):
        table.add_column(name, header_style="dim")
    for one in found:
        expires = "never" if one.expires_at.year == 9999 else clock.to_iso(one.expires_at)
        table.add_row(one.id, str(one.version), clock.to_iso(one.updated), expires)
    return table


async def _show(id: str, limit: int, before: int | None, common: Common) -> int:
    async with opened(common, notice=False) as house:
        found = await house.sessions.get(id)
        if found is None:
            raise no_session(id)
        turns = await house.sessions.history(id, limit=limit, before=before)
    if common.json:
        print_json({**found.model_dump(mode="json"), "history": [one.model_dump(mode="json") for one in turns]})
        return 0
    out().print(_table([found]))
    for one in turns:
        _print_turn(one)
    return 0


def _print_turn(one: Turn) -> None:
    out().print(f"\n{one.n}  {clock.to_iso(one.at)}  {one.run}  {one.status}")
    out().print(f"> {safe(one.prompt)}\n{safe(one.answer)}")


async def _delete(id: str, common: Common) -> int:
    async with opened(common, notice=False) as house:
        gone = await house.sessions.delete(id)
    if not gone:
        raise no_session(id)
    if common.json:
        print_json({"session": id, "deleted": True})
    else:
        out().print(f"{id}: deleted")
    return 0
