"""`kapelle purge`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from kapelle import clock
from kapelle.cli.session import Common, opened, out, print_json, run_async
from kapelle.run.kept.retention import Kind, PurgeReport


def purge(
    *,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    kind: Annotated[tuple[Kind, ...], Parameter(negative=())] = (),
    older_than: float | None = None,
    archive: Path | None = None,
    every_owner: Annotated[bool, Parameter(negative=())] = False,
    common: Common = Common(),
) -> int:
    """Delete what is over and old enough; it is written to the archive before. Unfinished runs are left alone.

    Args:
        dry_run: Only say what would go.
        kind: This alone; may be repeated. Else all that the settings do not keep for ever.
        older_than: Days since it was over, instead of those of the settings.
        archive: The folder it is written to before, instead of that of the settings.
        every_owner: Not only what is yours.
    """
    return run_async(_purge(dry_run, kind, older_than, archive, every_owner, common))


async def _purge(
    dry_run: bool,
    kinds: tuple[Kind, ...],
    older_than: float | None,
    archive: Path | None,
    every_owner: bool,
    common: Common,
) -> int:
    async with opened(common, notice=False) as house:
        report = await house.purge(
            kinds, older_than=older_than, archive=archive, dry_run=dry_run, every_owner=every_owner
        )
    if common.json:
        print_json(report.model_dump(mode="json"))
        return 0
    out().print(_table(report))
    if not dry_run and report.archive and any(one.rows for one in report.kinds):
        out().print(f"archived in {report.archive}")
    return 0


def _table(report: PurgeReport) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("kind", "over before", "rows", "about"):
        table.add_column(name, header_style="dim", justify="left" if name in ("kind", "over before") else "right")
    for one in report.kinds:
        table.add_row(one.kind, clock.to_iso(one.before), str(one.rows), _bytes(one.bytes))
    table.caption = "nothing was deleted: a dry run" if report.dry_run else None
    return table


def _bytes(number: int) -> str:
    size = float(number)
    for unit in ("B", "kB", "MB"):
        if size < 1_000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1_000
    return f"{size:.1f} GB"
