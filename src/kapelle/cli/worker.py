"""`kapelle worker`: walk runs from the queue until told to stop."""

import asyncio
import os
import signal
import sys
from contextlib import suppress

from pydantic import ValidationError

from kapelle.cli.session import Common, load_app_or_default, print_json, settings_of
from kapelle.errors import BadInput, StoreUnavailable
from kapelle.orchestrator import Orchestrator
from kapelle.settings import WorkerSettings


def worker(*, concurrency: int | None = None, spread: int | None = None, common: Common = Common()) -> int:
    """Walk runs from the queue, and those of workers that died; any number of workers, on any host.

    Ends at SIGTERM or Ctrl-C; what it was walking is taken over by the others at once.

    Args:
        concurrency: Runs walked at once; else KAPELLE_WORKER__CONCURRENCY.
        spread: Items of spread maps walked at once; else KAPELLE_WORKER__SPREAD.
    """
    return asyncio.run(_worker(concurrency, spread, common))


async def _worker(concurrency: int | None, spread: int | None, common: Common) -> int:
    settings = settings_of(common)
    settings = settings.model_copy(update={"worker": _limits(settings.worker, concurrency=concurrency, spread=spread)})
    house, reference = load_app_or_default(settings, common)
    house.adopt(settings, app=reference, corpora={}, foreground=False, serves=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        if not await _reach(house, stop):
            return 0
        return await _serve(house, stop, common)
    finally:
        await house.close()


async def _reach(house: Orchestrator, stop: asyncio.Event) -> bool:
    """Open the database, and wait for it where it does not answer; False when told to stop meanwhile."""
    told = False
    while not stop.is_set():
        try:
            await house.runs(limit=1)
            return True
        except StoreUnavailable as error:
            if not told:
                print(f"kapelle: {error}; waiting", file=sys.stderr, flush=True)
                told = True
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await stop.wait()
    return False


def _limits(known: WorkerSettings, **given: int | None) -> WorkerSettings:
    """The settings with the command's own limits.

    Raises:
        BadInput: one is out of its bounds.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        return WorkerSettings.model_validate({**known.model_dump(), **chosen})
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = problem["loc"][0]
        expected = problem["msg"][:1].lower() + problem["msg"][1:]
        raise BadInput(f"`--{name}`: {expected}, not {chosen.get(str(name))}") from None


async def _serve(house: Orchestrator, stop: asyncio.Event, common: Common) -> int:
    serving = asyncio.create_task(house.serve())
    stopped = asyncio.create_task(stop.wait())
    _say_ready(house, common)
    await asyncio.wait({serving, stopped}, return_when="FIRST_COMPLETED")
    for task in (serving, stopped):
        task.cancel()
    failed, _ = await asyncio.gather(serving, stopped, return_exceptions=True)
    if isinstance(failed, Exception):
        raise failed
    return 0


def _say_ready(house: Orchestrator, common: Common) -> None:
    worker = house.settings.worker
    about = {"pid": os.getpid(), "queue": house.queue, "concurrency": worker.concurrency, "spread": worker.spread}
    if common.json:
        print_json(about)
        sys.stdout.flush()
    else:
        text = f"worker {os.getpid()}: queue `{house.queue}`, {worker.concurrency} runs at once; Ctrl-C ends it"
        print(text, file=sys.stderr, flush=True)
