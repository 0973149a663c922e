"""`kapelle corpus add`: bring a folder, a file or an address into a corpus, and keep it in step."""

import asyncio
import json
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import Parameter

from kapelle.assemble import said_of_failed
from kapelle.cli.corpus_contexts import write_of
from kapelle.cli.corpus_embed import allowed
from kapelle.cli.corpus_progress import Telling, say_report
from kapelle.cli.corpus_show import agreed
from kapelle.cli.session import Common, err, opened, out, print_json, run_async, safe, say_notes
from kapelle.errors import BadInput, KapelleError, UnreadableSource
from kapelle.evidence.by_words import why_by_words
from kapelle.evidence.folder import Folder
from kapelle.evidence.index import check_collection
from kapelle.evidence.ingest import FolderReport
from kapelle.evidence.kinds import is_url
from kapelle.evidence.reindex import estimate_ingest
from kapelle.evidence.watch import Changes, Watched, watched
from kapelle.orchestrator import Orchestrator

_MOST_MB = 1_000_000
_NAMES = 5
"""Names of changed files that are said."""


def add(
    target: str,
    /,
    *,
    name: str | None = None,
    watch: Annotated[bool, Parameter(negative=())] = False,
    max_mb: float | None = None,
    yes: Annotated[bool, Parameter(negative=())] = False,
    common: Common = Common(),
) -> int:
    """Bring a folder, a file or an address into a corpus; only what changed is read in again.

    Read are md, txt, html, json, yaml, csv, source code, pdf and office files; what is skipped is said, and why. It may
    be stopped and begun again at any time: what is written stays.

    Args:
        target: The folder, the file, or an address such as https://example.com/handbook.html.
        name: The corpus's name; else the folder's, or the address's host.
        watch: Go on, and keep the corpus in step with the folder until interrupted.
        max_mb: Skip files larger than so many megabytes, instead of KAPELLE_CORPUS__MAX_BYTES.
        yes: Do not ask before a provider's embedder is paid.
    """
    chosen = name if name is not None else _name_of(target)
    check_collection(chosen)
    if max_mb is not None and not 0 < max_mb <= _MOST_MB:
        raise BadInput(f"`--max-mb {max_mb:g}`: expected more than 0 and at most {_MOST_MB} megabytes")
    if watch and is_url(target):
        raise BadInput("`--watch`: only a folder can be watched; add an address again to bring it up to date")
    return run_async(_add(target, chosen, watch, max_mb, yes, common))


def _name_of(target: str) -> str:
    return urlsplit(target).hostname or "" if is_url(target) else Path(target).expanduser().resolve().name


async def _add(target: str, name: str, watch: bool, max_mb: float | None, yes: bool, common: Common) -> int:
    async with opened(common) as house:
        if max_mb is not None:
            corpus = house.settings.corpus.model_copy(update={"max_bytes": int(max_mb * 1_000_000)})
            house.settings = house.settings.model_copy(update={"corpus": corpus})
        if not await _allowed(house, name, target, yes):
            out().print("nothing was added")
            return 1
        if is_url(target):
            report, _ = await house.ingest(name, target, contexts=False)
        else:
            folder = Folder(target)
            seen = watched(folder.find().entries) if watch else None
            with Telling() as tell:
                report, _ = await house.ingest(
                    name, Path(target), complete=not folder.is_one_file, on_progress=tell.progress, contexts=False
                )
        report = await _with_contexts(house, name, report, yes)
        _say(report, common, one_line=watch)
        say_notes(report.note)
        if report.passages or report.unchanged:
            say_notes(why_by_words(house.parts.index, [name], owner=house.settings.owner))
        if not is_url(target) and seen is not None:
            await _watch(house, Path(target), folder, name, seen, report, common)
    return 0 if report.added + report.changed + report.unchanged else 1


async def _allowed(house: Orchestrator, name: str, target: str, yes: bool) -> bool:
    """Ask before a provider is paid for vectors; what runs here is not asked about."""
    index, embedder, owner = house.parts.index, house.parts.embedder, house.settings.owner
    known = {one.name: one.embedder for one in index.collections(owner=owner)}
    if embedder is None or known.get(name, embedder.name) != embedder.name or not embedder.estimate([""]).requests:
        return True
    if is_url(target):  # how long a page is shows when it is fetched
        return yes or agreed(f"Embed what is at {target}, at a price by its length, at {embedder.name}?")
    estimate = partial(
        estimate_ingest, index, embedder, name, Path(target), owner=owner, settings=house.settings.corpus
    )
    return allowed(await asyncio.to_thread(estimate), embedder, yes)


async def _with_contexts(house: Orchestrator, name: str, report: FolderReport, yes: bool) -> FolderReport:
    """Go on with contexts where the corpus wants them, if their price is agreed to."""
    model = {one.name: one.contexts_by for one in house.parts.index.collections(owner=house.settings.owner)}.get(name)
    if model is None:
        return report
    why = "nobody agreed to the price"
    try:
        written = await write_of(house, name, model, anew=False, yes=yes)
    except KapelleError as error:  # the documents are there, and found by their own words
        written, why = None, str(error)
    if written is None:
        note = f"contexts are still to be written (kapelle corpus contextualize {name}): {why}"
        return report.model_copy(update={"note": note})
    return report.model_copy(update={"contexts": written.passages, "note": said_of_failed(written.failed)})


def _say(report: FolderReport, common: Common, *, one_line: bool = False) -> None:
    if common.json and one_line:
        print(json.dumps(report.model_dump(mode="json"), ensure_ascii=False), flush=True)
    elif common.json:
        print_json(report.model_dump(mode="json"))
    else:
        say_report(report)


async def _watch(
    house: Orchestrator, target: Path, folder: Folder, name: str, seen: Watched, report: FolderReport, common: Common
) -> None:
    """Look again and again, until interrupted."""
    seen.settle(_unsure(report))
    err().print(f"watching {safe(str(target))}; Ctrl-C ends it")
    gone = False
    while True:
        await asyncio.sleep(house.settings.corpus.watch_every)
        try:
            found = await asyncio.to_thread(folder.find)
            if folder.is_one_file and not found.entries:
                raise UnreadableSource(f"`{target}` is not there")
            changed = seen.look(found.entries)
            if changed:
                report, _ = await house.ingest(name, target, complete=not folder.is_one_file, still=seen.unchanged())
                say_notes(report.note)
                seen.settle(_unsure(report))
                _say_change(changed, report, common)
            gone = False
        except UnreadableSource as error:
            if not gone:
                err().print(f"{safe(str(error))}; waiting for it, nothing is removed", style="yellow")
            gone = True


def _unsure(report: FolderReport) -> list[str]:
    return [one.path for one in report.skipped if one.transient]


def _say_change(changed: Changes, report: FolderReport, common: Common) -> None:
    if not report.added + report.changed + report.removed:
        return  # touched, and the same as before
    if common.json:
        names = {"added": changed.added, "changed": changed.changed, "removed": changed.removed}
        print(json.dumps({**report.model_dump(mode="json"), "files": names}, ensure_ascii=False), flush=True)
        return
    marks = [*(f"+{one}" for one in changed.added), *(f"~{one}" for one in changed.changed)]
    marks += [f"-{one}" for one in changed.removed]
    more = f" and {len(marks) - _NAMES} more" if len(marks) > _NAMES else ""
    at = datetime.now().astimezone().strftime("%H:%M:%S")
    out().print(
        f"{at} {safe(' '.join(marks[:_NAMES]))}{more}: {report.added} added, {report.changed} changed, "
        f"{report.removed} removed; {report.passages} passages written"
    )
