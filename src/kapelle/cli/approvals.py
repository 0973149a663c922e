"""`kapelle approvals | approve | reject`."""

import json

from pydantic import JsonValue
from rich.table import Table

from kapelle import clock
from kapelle.cli.session import Common, opened, out, print_json, run_async, safe
from kapelle.cli.solve import finish
from kapelle.errors import BadInput, NotFound
from kapelle.handles import Approval
from kapelle.orchestrator import Orchestrator
from kapelle.run.approval import ApprovalRecord


def approvals(*, common: Common = Common()) -> int:
    """List the questions that wait for a person."""
    return run_async(_approvals(common))


async def _approvals(common: Common) -> int:
    async with opened(common) as house:
        found = [one.record for one in await house.approvals()]
    if common.json:
        print_json({"approvals": [one.model_dump(mode="json") for one in found]})
        return 0
    if not found:
        out().print("nothing waits for a person")
        return 0
    table = Table(box=None, pad_edge=False)
    for name in ("approval", "run", "expires", "action", "arguments"):
        table.add_column(name, header_style="dim", overflow="fold")
    for one in found:
        table.add_row(one.id, one.run, clock.to_iso(one.expires_at), safe(one.action), _arguments(one))
    out().print(table)
    return 0


def _arguments(one: ApprovalRecord) -> str:
    return "" if one.arguments is None else safe(json.dumps(one.arguments, ensure_ascii=False))


def approve(
    approval: str,
    /,
    *,
    arguments: str | None = None,
    reason: str = "",
    by: str | None = None,
    common: Common = Common(),
) -> int:
    """Approve one, and walk its run on.

    Args:
        approval: Its id.
        arguments: Other arguments than those asked for, as a JSON object.
        reason: Why, for the record.
        by: Who decides; else the user of this terminal.
    """
    return run_async(_decide(approval, True, arguments, reason, by, common))


def reject(approval: str, /, *, reason: str = "", by: str | None = None, common: Common = Common()) -> int:
    """Reject one, and walk its run on.

    Args:
        approval: Its id.
        reason: Why, for the record.
        by: Who decides; else the user of this terminal.
    """
    return run_async(_decide(approval, False, None, reason, by, common))


async def _decide(id: str, approved: bool, arguments: str | None, reason: str, by: str | None, common: Common) -> int:
    async with opened(common, notice=False) as house:
        run_id = (await _find(house, id)).record.run
        app = (await house.get(run_id).status()).app
    async with opened(common, notice=False, app=app) as house:
        approval = await _find(house, id)
        if not approved:
            await approval.reject(by=by, reason=reason)
        elif arguments is None:
            await approval.approve(by=by, reason=reason)
        else:
            await approval.modify(_object(arguments), by=by, reason=reason)
        run = house.get(run_id)
        await run.resume()
        return await finish(house, run, common)


async def _find(house: Orchestrator, id: str) -> Approval:
    for one in await house.approvals(pending=False):
        if one.id == id:
            return one
    raise NotFound(f"there is no approval `{id}`; `kapelle approvals` lists them")


def _object(text: str) -> dict[str, JsonValue]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(f"`--arguments` is not JSON: {error.msg} at column {error.colno}") from None
    if not isinstance(value, dict):
        raise BadInput("`--arguments`: expected a JSON object of all arguments")
    return value
