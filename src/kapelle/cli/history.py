"""`kapelle history`."""

import json

from pydantic import JsonValue
from rich.table import Table

from kapelle import clock
from kapelle.cli.session import Common, opened, out, print_json, run_async, safe
from kapelle.errors import BadInput, NotFound
from kapelle.run.approvals.approval import AuditEntry


def history(approval: str | None = None, /, *, run: str | None = None, common: Common = Common()) -> int:
    """Show who asked, was warned, decided and was refused; nothing of it can be changed, and it outlives its run.

    Args:
        approval: Of this approval; else of all.
        run: Of this run.
    """
    if approval is not None and run is not None:
        raise BadInput("`history`: name an approval or a run, not both")
    return run_async(_history(approval, run, common))


async def _history(approval: str | None, run: str | None, common: Common) -> int:
    async with opened(common) as house:
        found = await house.history(approval=approval, run=run)
        if approval is not None and not found:
            raise NotFound(f"there is no approval `{approval}`; `kapelle approvals --all` lists them")
        if run is not None and not found:
            await house.get(run).status()
    if common.json:
        print_json({"history": [one.model_dump(mode="json") for one in found]})
    elif not found:
        out().print("nobody was asked anything")
    else:
        out().print(_table(found))
    return 0


def _table(found: list[AuditEntry]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("at", "approval", "what", "by", "about"):
        table.add_column(name, header_style="dim", overflow="fold", no_wrap=name in ("at", "approval"))
    for one in found:
        what = {"decided": str(one.data.get("decision"))}.get(one.what, one.what)
        table.add_row(clock.to_iso(one.at), one.approval, what, safe(one.by or ""), safe(_about(one.what, one.data)))
    return table


def _about(what: str, data: dict[str, JsonValue]) -> str:
    match what:
        case "requested":
            arguments = data.get("arguments")
            return f"{data.get('action')} {'' if arguments is None else json.dumps(arguments, ensure_ascii=False)}"
        case "decided":
            edited = f"with {json.dumps(data['edited'], ensure_ascii=False)} " if "edited" in data else ""
            return edited + str(data.get("reason") or "")
        case "escalated" | "warned":
            return f"role {data.get('role')}, expires {data.get('expires_at')}"
        case _:
            return str(data.get("why") or "")
