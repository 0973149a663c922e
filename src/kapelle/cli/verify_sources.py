"""Look up what an answer rests on: what its run read, and what became of its sources since."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from pydantic import JsonValue

from kapelle.answer.model import Candidate
from kapelle.errors import NotFound, Purged
from kapelle.evidence.converters import Converters
from kapelle.evidence.folder import Entry, Folder, NotRead
from kapelle.evidence.index import Index, Source
from kapelle.evidence.load import read_document
from kapelle.evidence.model import Citation, Document
from kapelle.handles import candidate_of
from kapelle.orchestrator import Orchestrator
from kapelle.run.judge import retrieved_by, searched_by
from kapelle.run.recorded.recording import Recording
from kapelle.run.telling import stretches_of
from kapelle.settings import Settings
from kapelle.verdict.recheck import Versions

Version: TypeAlias = tuple[str, str]
"""The (source, sha256) of a text."""
_OF_THE_RUN = ("run:", "task:")
"""How the sources of a run's own outputs begin."""


@dataclass(frozen=True, slots=True)
class KnownRun:
    """What the database knows of an answer's run."""

    run: str
    candidate: Candidate
    asked: str
    """The question, and what came with it."""
    searched: set[str]
    """The ids of the citations that were composed of passages."""
    retrieved: dict[Version, list[tuple[int, int]]]
    read: set[Version]
    texts: dict[Version, str]
    collections: set[str] = field(default_factory=set)
    """Those that it searched."""


async def known_run(house: Orchestrator, run: str | None, *, must: bool) -> KnownRun | None:
    """What is known of a run; None where nothing is, or not all of it any more.

    Args:
        must: it is what is to be checked.

    Raises:
        NotFound, Purged: there is no such run, or not all of it any more, and there must be.
    """
    if run is None:
        return None
    try:
        recording = await house.record(run)
        record = await house.get(run).status()
    except (NotFound, Purged):
        if must:
            raise
        return None
    candidate = candidate_of(record)
    stretches = [stretch for step in _searches(recording) for stretch in stretches_of(step.get("output"))]
    return KnownRun(
        run=run,
        candidate=candidate,
        asked="\n".join([record.task.prompt, *map(str, record.task.context.values())]),
        searched=searched_by(candidate, {str(step.get("kind")) for step in recording.results}),
        retrieved=retrieved_by(stretches),
        read={(one.source, one.sha256) for one in recording.texts},
        texts={(one.source, one.sha256): one.text for one in recording.texts},
        collections={name for step in _searches(recording) for name in _collections(step)},
    )


def _searches(recording: Recording) -> list[Mapping[str, JsonValue]]:
    return [step for step in recording.results if step.get("kind") == "search"]


def _collections(step: Mapping[str, JsonValue]) -> list[str]:
    output = step.get("output")
    names = output.get("collections") if isinstance(output, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else []


async def versions_of(
    house: Orchestrator, citations: Sequence[Citation], known: KnownRun | None, folders: Sequence[Path]
) -> dict[Version, Versions]:
    """What is at hand of every cited version: its text, and the live one where that is another.

    Raises:
        UnreadableSource: one of `folders` cannot be read.
    """
    at_hand = _AtHand(house.parts.index, house.settings, known, folders)
    cited = sorted({(one.source, one.sha256) for one in citations})
    return await asyncio.to_thread(lambda: {version: at_hand.of(*version) for version in cited})


class _AtHand:
    """The run, the index and the folders in which versions are looked up."""

    def __init__(self, index: Index, settings: Settings, known: KnownRun | None, folders: Sequence[Path]) -> None:
        self._index = index
        self._owner = settings.owner
        self._corpus = settings.corpus
        self._known = known
        self._folders = [
            (folder, {one.source: one for one in folder.find().entries}) for folder in map(Folder, folders)
        ]
        searched = known.collections if known else set()
        names = {one.name for one in index.collections(owner=self._owner)}
        self._live: dict[str, list[Source]] = {}
        for name in sorted(names & searched if searched else names):
            for source in index.sources(name, owner=self._owner):
                self._live.setdefault(source.source, []).append(source)

    def of(self, source: str, sha256: str) -> Versions:
        """What is at hand of a version."""
        stored = self._known.texts.get((source, sha256)) if self._known else None
        if stored is None:
            stored = self._index.text_of(source, sha256, owner=self._owner)
        if source.startswith(_OF_THE_RUN):
            return Versions(cited=stored, since="kept")
        present = self._in_folders(source) or self._in_collections(source)
        same = next((text for version, text in present if version == sha256), None)
        if same is not None:
            return Versions(cited=stored if stored is not None else same, since="same")
        if present:
            return Versions(cited=stored, live=present[0][1], since="changed")
        return Versions(cited=stored, since="gone" if self._was_there(stored) else "unknown")

    def _was_there(self, stored: str | None) -> bool:
        """Whether a source that is nowhere must have been somewhere that was looked at."""
        if self._folders:
            return True
        return bool(self._known.collections) if self._known else stored is not None

    def _in_collections(self, source: str) -> list[tuple[str, str]]:
        found = []
        for one in self._live.get(source, ()):
            text = self._index.text_of(source, one.sha256, owner=self._owner)
            if text is not None:
                found.append((one.sha256, text))
        return found

    def _in_folders(self, source: str) -> list[tuple[str, str]]:
        found = []
        for folder, entries in self._folders:
            document = self._document(folder, entries[source]) if source in entries else None
            if document is not None:
                found.append((document.sha256, document.text))
        return found

    def _document(self, folder: Folder, entry: Entry) -> Document | None:
        """A file as it is read into a corpus; None where it cannot be."""
        seconds, megabytes = self._corpus.convert_timeout, self._corpus.convert_memory
        try:
            content = folder.read(entry, max_bytes=self._corpus.max_bytes)
            with Converters(1, seconds=seconds, megabytes=megabytes) as converters:
                return read_document(entry.source, content, converters)
        except NotRead:
            return None
