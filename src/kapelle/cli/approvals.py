"""`kapelle approvals | approve | reject | modify`."""

import json
from datetime import datetime
from typing import Annotated

from cyclopts import Parameter
from pydantic import JsonValue
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kapelle import clock
from kapelle.cli.session import Common, opened, out, print_json, run_async, safe
from kapelle.cli.solve import finish
from kapelle.cli.typed import json_or_text, read_json
from kapelle.errors import BadInput, NotFound
from kapelle.handles import Approval
from kapelle.orchestrator import Orchestrator
from kapelle.run.approvals.approval import ADMIN, ApprovalRecord
from kapelle.settings import ApprovalSettings
from kapelle.telemetry.redact import redact


def approvals(
    approval: str | None = None,
    /,
    *,
    all: Annotated[bool, Parameter(negative=())] = False,
    run: str | None = None,
    common: Common = Common(),
) -> int:
    """List the questions that wait for a person, or show one in full.

    Args:
        approval: The id of the one to show.
        all: Decided ones too.
        run: Of this run only.
    """
    return run_async(_approvals(approval, all, run, common))


async def _approvals(id: str | None, every: bool, run: str | None, common: Common) -> int:
    async with opened(common) as house:
        if id is not None:
            _show(house, (await _find(house, id)).record, common)
            return 0
        if run is not None:
            await house.get(run).status()
        found = [one.record for one in await house.approvals(run=run, pending=not every)]
    if common.json:
        print_json({"approvals": [_json(one) for one in found]})
    elif not found:
        out().print("nothing was ever asked" if every else "nothing waits for a person")
    else:
        out().print(_table(found, every))
    return 0


def _table(found: list[ApprovalRecord], every: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("approval", "run", "decided or expires" if every else "expires", "action", "arguments"):
        table.add_column(name, header_style="dim", overflow="fold", no_wrap=name in ("approval", "run", "expires"))
    for one in found:
        until = f"{'expires ' if every else ''}{clock.to_iso(one.expires_at)}"
        when = f"{one.decision} by {safe(one.by or '')}" if one.decision else until
        table.add_row(one.id, one.run, when, safe(one.action), _text(one.arguments))
    return table


def _show(house: Orchestrator, one: ApprovalRecord, common: Common) -> None:
    """One question with everything that a decision needs."""
    if common.json:
        print_json(_json(one))
        return
    console = out()
    console.print(Text.assemble((safe(one.action), "bold"), (f"   {one.id}", "dim")))
    who = _who(one, house.settings.approvals)
    shown = {
        "why": one.why,
        "risk": one.risk,
        "tool": one.tool or "",
        "arguments": _pretty(one.arguments),
        "suggestion": _pretty(one.suggestion),
        "evidence": _pretty(one.evidence),
        "run": f"{one.run}, step {one.path}",
        "asked": clock.to_iso(one.created),
        **({"decided": _decision(one)} if one.decision else {"expires": _expires(one), "may decide": who}),
    }
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, text in shown.items():
        if text:
            table.add_row(name, safe(text))
    console.print(Padding(table, (0, 2), expand=False))
    if one.decision is None:
        again = f"   kapelle modify {one.id} --set NAME=JSON" if one.arguments is not None else ""
        console.print(Text(f"kapelle approve {one.id}   kapelle reject {one.id}{again}", style="cyan"))


def _decision(one: ApprovalRecord) -> str:
    at = f" at {clock.to_iso(one.at)}" if one.at else ""
    reason = f": {one.reason}" if one.reason else ""
    edited = f"; with {_text(one.edited)}" if one.edited is not None else ""
    return f"{one.decision} by {one.by}{at}{reason}{edited}"


def _expires(one: ApprovalRecord) -> str:
    last = one.on_expiry == "reject" or one.level + 1 >= len(one.levels)
    then = "rejected" if last else f"goes to `{one.levels[one.level + 1]}`"
    return f"{clock.to_iso(one.expires_at)} ({_left(one.expires_at)}), then {then}"


def _left(moment: datetime) -> str:
    minutes = int((moment - clock.now()).total_seconds() // 60)
    if minutes < 0:
        return "due now"
    return f"in {minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"in {minutes} min"


def _who(one: ApprovalRecord, settings: ApprovalSettings) -> str:
    if not settings.roles:
        return "whoever has this terminal (no roles are set)"
    allowed = {*one.levels[one.level :], ADMIN}
    names = [name for name, roles in settings.roles.items() if allowed.intersection(roles)]
    return f"role `{one.role}`: {', '.join(sorted(names)) or 'nobody has it (setting KAPELLE_APPROVALS__ROLES)'}"


def _json(one: ApprovalRecord) -> dict[str, JsonValue]:
    shown: dict[str, JsonValue] = redact(one.model_dump(mode="json"))
    return {**shown, "role": one.role, "arguments_hash": one.arguments_hash}


def _text(value: JsonValue) -> str:
    return "" if value is None else safe(json.dumps(value, ensure_ascii=False))


def _pretty(value: JsonValue) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else json.dumps(value, ensure_ascii=False, indent=2)


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
        arguments: Other arguments than those asked for, as a JSON object; `modify` has more.
        reason: Why, for the record.
        by: Who decides; else the user of this terminal.
    """
    edited = None if arguments is None else _object(arguments)
    return run_async(_decide(approval, True, edited, [], reason, by, common))


def modify(
    approval: str,
    /,
    *,
    set: Annotated[list[str], Parameter(negative=())] = [],  # noqa: B006  # cyclopts copies it
    arguments: str | None = None,
    reason: str = "",
    by: str | None = None,
    common: Common = Common(),
) -> int:
    """Approve one with other arguments, and walk its run on.

    Args:
        approval: Its id.
        set: One argument, `name=JSON`; text that is no JSON is taken as it is. May be given several times.
        arguments: All arguments, as a JSON object.
        reason: Why, for the record.
        by: Who decides; else the user of this terminal.
    """
    if bool(set) == (arguments is not None):
        raise BadInput("`modify`: give either `--set name=JSON` (once or more) or `--arguments JSON`")
    edited = None if arguments is None else _object(arguments)
    return run_async(_decide(approval, True, edited, set, reason, by, common))


def reject(approval: str, /, *, reason: str = "", by: str | None = None, common: Common = Common()) -> int:
    """Reject one, and walk its run on.

    Args:
        approval: Its id.
        reason: Why, for the record.
        by: Who decides; else the user of this terminal.
    """
    return run_async(_decide(approval, False, None, [], reason, by, common))


async def _decide(
    id: str, approved: bool, edited: JsonValue, changes: list[str], reason: str, by: str | None, common: Common
) -> int:
    async with opened(common, notice=False) as house:
        run_id = (await _find(house, id)).record.run
        app = (await house.get(run_id).status()).app
    async with opened(common, notice=False, app=app) as house:
        approval = await _find(house, id)
        if changes:
            edited = _changed(approval.record.arguments, changes)
        if not approved:
            await approval.reject(by=by, reason=reason)
        elif edited is None:
            await approval.approve(by=by, reason=reason)
        else:
            await approval.modify(edited, by=by, reason=reason)
        run = house.get(run_id)
        await run.resume()
        return await finish(house, run, common)


async def _find(house: Orchestrator, id: str) -> Approval:
    for one in await house.approvals(id=id, pending=False):
        return one
    raise NotFound(f"there is no approval `{id}`; `kapelle approvals` lists them")


def _changed(asked: JsonValue, changes: list[str]) -> JsonValue:
    if not isinstance(asked, dict):
        raise BadInput("`--set`: this question has no arguments by name; use `--arguments`")
    changed = dict(asked)
    for text in changes:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BadInput(f"`--set`: expected name=JSON, not {text!r}")
        changed[name] = json_or_text(value)
    return changed


def _object(text: str) -> dict[str, JsonValue]:
    try:
        value = read_json(text)
    except ValueError as error:
        raise BadInput(f"`--arguments` is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadInput("`--arguments`: expected a JSON object of all arguments")
    return value
