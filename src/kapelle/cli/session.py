"""What every command shares: its options, the orchestrator it works with, and what it says about interrupted runs."""

import asyncio
import importlib
import json
import signal
import sys
import time
import tomllib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from cyclopts import Parameter
from rich.console import Console

from kapelle.errors import BadInput, DiskFull, KapelleError, SettingsError
from kapelle.orchestrator import Orchestrator
from kapelle.settings import Settings, load_settings
from kapelle.telemetry.logs import set_up_logs
from kapelle.telemetry.redact import redact_text

T = TypeVar("T")
INTERRUPTED = 130
PAUSE = 1.0
"""Seconds between two tries to open a database on a full disk."""


@Parameter(name="*")
@dataclass(frozen=True)
class Common:
    """Options of every command."""

    json: Annotated[bool, Parameter(negative=())] = False
    "One JSON object on stdout, progress on stderr."

    app: str | None = None
    "Your Orchestrator, as `module:name`; else KAPELLE_APP, or `[tool.kapelle] app` in pyproject.toml."

    company: Path | None = None
    "A company folder for the incident pack."


def out() -> Console:
    """Where results go; square brackets in them are text, not markup."""
    # A pipe has no width of its own; a table for it is wide enough for `grep`.
    return Console(highlight=False, markup=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)


def err() -> Console:
    """Where progress and errors go."""
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def print_json(value: object) -> None:
    """One JSON object on stdout."""
    print(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None, default=str))


def settings_of(common: Common, *, embedder: str | None = None) -> Settings:
    """The settings with the command's own options on top.

    Raises:
        SettingsError: a value cannot be used.
    """
    settings = load_settings()
    if embedder is not None:
        settings = settings.model_copy(update={"corpus": settings.corpus.with_embedder(embedder)})
    if common.company is not None:
        if not common.company.is_dir():
            raise SettingsError(f"`--company`: there is no folder `{common.company}`")
        company = settings.company.model_copy(update={"root": common.company})
        settings = settings.model_copy(update={"company": company})
    if common.app is not None:
        settings = settings.model_copy(update={"app": common.app})
    set_up_logs(settings.telemetry)
    return settings


def app_reference(settings: Settings) -> str | None:
    """The reference of the user's app, when one is named."""
    if settings.app:
        return settings.app
    file = Path("pyproject.toml")
    if not file.is_file():
        return None
    table = tomllib.loads(file.read_text()).get("tool", {}).get("kapelle", {})
    app = table.get("app")
    return app if isinstance(app, str) else None


def load_app(reference: str) -> Orchestrator:
    """The Orchestrator at `module:name`, with the current folder on the path.

    Raises:
        BadInput: there is no such module or name, or it is no Orchestrator.
    """
    module, _, name = reference.partition(":")
    if not module or not name:
        raise BadInput(f"`--app {reference}`: expected `module:name`, such as `kapelle_app:house`")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        raise BadInput(f"`--app {reference}`: there is no module `{error.name}` here or installed") from None
    except AttributeError:
        raise BadInput(f"`--app {reference}`: `{module}` has no `{name}`") from None
    except KapelleError:
        raise
    except Exception as error:  # the user's own module may raise anything while it is imported
        what = redact_text(f"{type(error).__name__}: {error}")
        raise BadInput(f"`--app {reference}`: importing `{module}` failed: {what}") from error
    if not isinstance(found, Orchestrator):
        raise BadInput(f"`--app {reference}`: `{name}` is no Orchestrator but {type(found).__name__}")
    return found


def load_app_or_default(settings: Settings, common: Common, app: str | None = None) -> tuple[Orchestrator, str | None]:
    """The user's app and its reference, or an orchestrator with the installed packs."""
    reference = common.app or app or app_reference(settings)
    return (load_app(reference) if reference else Orchestrator(settings=settings, foreground=True)), reference


@asynccontextmanager
async def opened(
    common: Common,
    *,
    corpora: dict[str, Path] | None = None,
    notice: bool = True,
    app: str | None = None,
    embedder: str | None = None,
) -> AsyncIterator[Orchestrator]:
    """The orchestrator of a command: the user's app, or one with the installed packs.

    Args:
        notice: say on stderr when runs are interrupted.
        app: the reference stored with a run, for a command that is about that run.
        embedder: another than the settings choose.
    """
    settings = settings_of(common, embedder=embedder)
    house, reference = load_app_or_default(settings, common, app)
    house.adopt(settings, app=reference, corpora=corpora or {}, foreground=True)
    await _open(house, settings.run.commit_patience)
    try:
        if notice:
            await say_interrupted(house)
        yield house
    finally:
        await house.close()


def say_notes(*notes: str) -> None:
    """Tell on stderr what was not done as wanted, each thing once."""
    for note in dict.fromkeys(filter(None, notes)):
        err().print(safe(note), style="yellow")


async def _open(house: Orchestrator, patience: float) -> None:
    """Open the database; a full disk is waited for as at every other write. What does not answer is told at once.

    Args:
        patience: seconds.
    """
    began = time.monotonic()
    while True:
        try:
            _ = house.parts
        except DiskFull as error:
            waited = time.monotonic() - began
            if waited >= patience:
                raise
            if waited < PAUSE:
                print(f"kapelle: {error}; waiting", file=sys.stderr, flush=True)
            await asyncio.sleep(PAUSE)
            continue
        return


async def say_interrupted(house: Orchestrator) -> None:
    """Tell on stderr which runs wait to be resumed."""
    found = await house.interrupted()
    if found:
        what = "1 interrupted run" if len(found) == 1 else f"{len(found)} interrupted runs"
        rest = f" (and {len(found) - 1} more: kapelle runs)" if len(found) > 1 else ""
        print(f"{what}: kapelle resume {found[0].id}{rest}", file=sys.stderr)


def run_async(work: Coroutine[Any, Any, T]) -> T:  # Any: a coroutine's send and yield types
    """Run a command's work; SIGTERM ends it as SIGINT does: resumable.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """

    async def guarded() -> T:
        task = asyncio.current_task()
        assert task is not None
        stopped: list[int] = []

        def stop() -> None:
            stopped.append(signal.SIGTERM)
            task.cancel()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        try:
            return await work
        except asyncio.CancelledError:
            if stopped:
                raise KeyboardInterrupt from None
            raise

    return asyncio.run(guarded())


def safe(text: str) -> str:
    """Text for the terminal: no secrets, no control characters of its own."""
    return "".join(one for one in redact_text(text) if one.isprintable() or one in "\n\t")
