"""`kapelle tools`: what a plan may name."""

from rich.table import Table
from rich.text import Text

from kapelle.cli.session import Common, opened, out, print_json, run_async, safe


def tools(name: str | None = None, /, *, common: Common = Common()) -> int:
    """List the tools, agents and corpora a plan may use; with a name, its schemas.

    Args:
        name: Only this one.
    """
    return run_async(_tools(name, common))


async def _tools(name: str | None, common: Common) -> int:
    async with opened(common) as house:
        if name is not None and name not in house.parts.agents:
            house.parts.tools.get(name)
        entries = [one for one in house.catalog.entries if name is None or one["name"] == name]
    if common.json or name is not None:
        print_json({"catalog": entries})
        return 0
    table = Table(box=None, pad_edge=False)
    for column in ("kind", "name", "effect", "what it does"):
        table.add_column(column, header_style="dim", overflow="fold")
    for one in entries:
        effect = str(one.get("effect", ""))
        table.add_row(
            str(one["kind"]),
            Text(str(one["name"]), style="cyan"),
            Text(effect, style="yellow" if effect == "write" else "dim"),
            safe(str(one.get("description", ""))),
        )
    out().print(table)
    return 0
