"""`kapelle config | doctor`: the settings, and whether the surroundings are in order."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Annotated, get_args

from cyclopts import Parameter
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from rich.table import Table
from rich.text import Text

from kapelle.assemble import embedder_of, why_no_embedder
from kapelle.cli.extras import EXTRAS, is_installed
from kapelle.cli.session import Common, app_reference, out, print_json, run_async, safe, settings_of
from kapelle.errors import KapelleError
from kapelle.evidence.embedding.weights import NAME as MINILM
from kapelle.orchestrator import Orchestrator
from kapelle.pack import GROUP
from kapelle.run.model import RunRecord
from kapelle.settings import ALIASES, Settings
from kapelle.store.engine import open_engine, parse_url
from kapelle.store.engine_sqlite import sqlite_file
from kapelle.store.health import examine
from kapelle.store.version import HEAD, schema_version
from kapelle.telemetry.redact import MASK, redact_url


def config(*, markdown: Annotated[bool, Parameter(negative=())] = False, common: Common = Common()) -> int:
    """Show every setting, its value, and the variable that sets it; secrets are masked.

    Args:
        markdown: Print the reference page of all settings with their defaults instead.
    """
    if markdown:
        print(reference(), end="")
        return 0
    rows = list(_settings(settings_of(common), "KAPELLE"))
    if common.json:
        print_json({row.name: row.value for row in rows})
        return 0
    table = Table(box=None, pad_edge=False)
    for column in ("variable", "value", "what it does"):
        table.add_column(column, header_style="dim", overflow="fold")
    for row in rows:
        table.add_row(row.name, Text("" if row.value is None else safe(str(row.value))), safe(row.text))
    out().print(table)
    return 0


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    """The variable."""
    path: tuple[str, ...]
    value: object
    text: str
    bounds: str


def _settings(node: BaseModel, prefix: str, path: tuple[str, ...] = ()) -> Iterator[_Row]:
    separator = "__" if path else "_"
    for name, field in type(node).model_fields.items():
        value = getattr(node, name)
        full = f"{prefix}{separator}{name.upper()}"
        if isinstance(value, BaseModel):
            yield from _settings(value, full, (*path, name))
            continue
        yield _Row(full, (*path, name), _shown(value), " ".join((field.description or "").split()), _bounds(field))


def _shown(value: object) -> object:
    """A setting's value without its secrets."""
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, Path):
        return str(value)
    return redact_url(value) if isinstance(value, str) and "://" in value else value


def _bounds(field: FieldInfo) -> str:
    choices = get_args(field.annotation)
    if choices and all(isinstance(one, str) for one in choices):
        return ", ".join(f"`{one}`" for one in choices)
    marks = {"ge": "at least", "gt": "over", "le": "at most"}
    parts = [
        f"{word} {getattr(one, sign):g}" for one in field.metadata for sign, word in marks.items() if hasattr(one, sign)
    ]
    return ", ".join(parts)


def reference() -> str:
    """The settings page of the documentation: every variable, its default, its bounds, its other names."""
    aliases: dict[tuple[str, ...], list[str]] = {}
    for name, path in ALIASES.items():
        aliases.setdefault(path, []).append(f"`{name}`")
    lines = [
        "# Settings",
        "",
        "Each is an environment variable, a line of `.env`, or a key of `[tool.kapelle]` in pyproject.toml",
        "(`run.width`). The environment wins. `kapelle config` shows the values in force. This page is printed by",
        "`kapelle config --markdown`.",
        "",
        "| variable | default | bounds | what it does | also accepted |",
        "|---|---|---|---|---|",
    ]
    for row in _settings(Settings.model_construct(), "KAPELLE"):
        default = "" if row.value is None else f"`{row.value}`"
        default = "`~/.kapelle`" if row.path == ("home",) else default
        others = ", ".join(aliases.get(row.path, ()))
        cells = (f"`{row.name}`", default, row.bounds, row.text, others)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, ""])


def doctor(*, common: Common = Common()) -> int:
    """Check settings, database, extras, packs and interrupted runs; exit 2 when something is wrong."""
    return run_async(_doctor(common))


async def _doctor(common: Common) -> int:
    checks = [("python", True, sys.version.split()[0]), ("kapelle", True, version("kapelle"))]
    settings = settings_of(common)
    checks.append(("settings", True, f"home {settings.home}"))
    checks.append(_sqlite())
    checks.extend(_database(settings))
    for extra in EXTRAS:
        told = "installed" if is_installed(extra) else f"not installed: pip install 'kapelle[{extra}]'"
        checks.append((f"extra {extra}", True, told))
    checks.append(_embedder(settings))
    checks.append(("packs", True, ", ".join(point.name for point in entry_points(group=GROUP)) or "none"))
    checks.append(("app", True, app_reference(settings) or "none named"))
    if all(passed for _, passed, _ in checks):
        checks.extend(await _runs(settings))
    passed = all(one for _, one, _ in checks)
    if common.json:
        print_json({"passed": passed, "checks": [{"name": n, "passed": p, "detail": d} for n, p, d in checks]})
        return 0 if passed else 2
    for name, one, detail in checks:
        mark = Text("✓ ", style="green") if one else Text("✗ ", style="bold red")
        out().print(Text.assemble(mark, f"{name}: ", (safe(detail), "dim" if one else "red")))
    return 0 if passed else 2


def _embedder(settings: Settings) -> tuple[str, bool, str]:
    """What finds by meaning, or what to do so that something does."""
    try:
        embedder = embedder_of(settings)
    except KapelleError as error:
        return "embedder", False, str(error)
    if embedder is not None:
        fast = embedder.name == MINILM and is_installed("fast-embed")
        return "embedder", True, embedder.name + (" (documents by onnxruntime)" if fast else "")
    return "embedder", True, f"none: search goes by words; {why_no_embedder(settings) or 'as the settings say'}"


def _sqlite() -> tuple[str, bool, str]:
    with closing(sqlite3.connect(":memory:")) as connection:
        options = {row[0] for row in connection.execute("pragma compile_options")}
    there = "ENABLE_FTS5" in options
    return "sqlite", there, sqlite3.sqlite_version + ("" if there else ": built without FTS5; use another Python")


def _database(settings: Settings) -> Iterator[tuple[str, bool, str]]:
    try:
        file = sqlite_file(parse_url(settings.url))
        if file is not None and not file.exists():
            yield "database", True, f"{file}: not made yet"
            return
        engine = open_engine(settings)
        try:
            schema = schema_version(engine)
            passed, detail = examine(engine)
        finally:
            engine.dispose()
        yield "database", passed, detail
        yield (
            "schema",
            True,
            f"{schema or 'none'}" + ("" if schema == HEAD else f", brought to {HEAD} at the next start"),
        )
    except KapelleError as error:
        yield "database", False, str(error)


async def _runs(settings: Settings) -> list[tuple[str, bool, str]]:
    house = Orchestrator(settings=settings, foreground=True)
    try:
        found, stranded = await house.interrupted(), await house.stranded()
        workers = await house.workers()
    finally:
        await house.close()
    lost = {one.id for one in stranded}
    going_on = [one for one in found if one.id not in lost]
    listed = f"{len(going_on)} interrupted: " + ", ".join(f"kapelle resume {one.id}" for one in going_on[:3])
    serving = ", ".join(f"{one.pid} on {one.host} ({one.queues[0]})" for one in workers)
    return [
        ("workers", True, serving or "none; runs are walked by the command that starts them"),
        ("runs", True, listed if going_on else "none interrupted"),
        *(_stranded(one) for one in stranded),
    ]


def _stranded(one: RunRecord) -> tuple[str, bool, str]:
    """A run that cannot go on, with the reason; of one that has ended only the reading is lost."""
    reason = one.unreadable or (one.stuck.reason if one.stuck else "")
    return f"run {one.id}", one.ended_already, f"{one.status}: {reason}"
