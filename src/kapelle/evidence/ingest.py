"""Bring a folder into a collection: read in parallel, written in batches that are durable, gone on with after a kill.

Nothing is remembered beside the index: what is there with the same content is not read in again. So a kill at any
moment costs the batch under way, and two ingests of one folder at once only share the work.
"""

import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from os import cpu_count
from pathlib import Path

from kapelle.evidence.converters import Converters
from kapelle.evidence.folder import Entry, Folder, Found, NotRead, Skipped, check_size
from kapelle.evidence.index import Index, IngestReport, Source
from kapelle.evidence.kinds import is_url
from kapelle.evidence.load import read_document
from kapelle.evidence.model import Document, Passage
from kapelle.evidence.progress import Meter, OnProgress, weight
from kapelle.evidence.split import split
from kapelle.settings import CorpusSettings

_DOCUMENTS = 100
_PASSAGES = 500
_CHARACTERS = 4_000_000
"""A batch is written when it holds as many."""
_IN_FLIGHT = 32_000_000
"""Bytes of files being read at once; a single larger one is read alone."""
_TICK = 0.2
"""Seconds between two looks whether it is to stop, and two reports while nothing is done."""


class FolderReport(IngestReport):
    """What an ingest of a folder changed, and what it left out."""

    skipped: tuple[Skipped, ...] = ()
    """By path."""
    bytes: int = 0
    """Of the files that were read."""
    seconds: float = 0.0
    finished: bool = True
    """False when it was told to stop: what is written stays, the rest is for the next time."""
    contexts: int = 0
    """Passages of which a model wrote where they stand, in a collection that wants it."""
    note: str = ""
    """What was not done as wanted; empty when all was."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What became of a file; neither document nor skipped: it is unchanged."""

    entry: Entry
    document: Document | None = None
    passages: Sequence[Passage] = ()
    skipped: Skipped | None = None


def ingest(
    index: Index,
    collection: str,
    root: Path | str,
    *,
    owner: str,
    settings: CorpusSettings | None = None,
    complete: bool = True,
    on_progress: OnProgress | None = None,
    stop: threading.Event | None = None,
    still: Collection[str] = (),
) -> FolderReport:
    """Bring every file under a folder, or one file, into a collection; what is unchanged is not read in again.

    A source is the path relative to `root`, with forward slashes; of a single file its name. What cannot be read is
    skipped and reported; the others go on.

    Args:
        complete: sources whose file is gone, or can no longer be read for good, are taken out at the end; what was
            skipped for a transient reason, and what was fetched from an address, stays.
        on_progress: called from this thread, after every file.
        stop: ends it early when set; what is written stays.
        still: sources known to be as they were; they are not read.

    Raises:
        UnreadableSource: `root` cannot be read.
        StoreUnavailable: the database cannot be written; what is written stays.
    """
    chosen = settings or CorpusSettings()
    folder = Folder(root)
    known = {source.source: source for source in index.sources(collection, owner=owner)}
    found = folder.find()
    work = _Work(index, collection, owner, found, chosen, known, on_progress or (lambda _: None))
    finished = work.read_all(folder, frozenset(still), stop or threading.Event())
    if finished and complete:
        work.remove_gone(folder)
    return work.report(finished)


def workers_of(settings: CorpusSettings) -> int:
    """How many files are read at once."""
    return settings.workers or min(8, cpu_count() or 1)


@dataclass(slots=True)
class _Work:
    index: Index
    collection: str
    owner: str
    found: Found
    settings: CorpusSettings
    known: dict[str, Source]
    """What was there at the beginning: what others add meanwhile is none of ours to remove."""
    tell: OnProgress
    meter: Meter = field(init=False)
    skipped: list[Skipped] = field(init=False)
    totals: IngestReport = field(init=False)
    batch: list[_Read] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.meter = Meter(sum(map(self._weight, self.found.entries)), len(self.found.entries))
        self.skipped = list(self.found.skipped)
        self.meter.skipped = len(self.skipped)
        self.totals = IngestReport(collection=self.collection)

    def _weight(self, entry: Entry) -> int:
        return weight(entry.stamp.size, self.settings.max_bytes)

    def read_all(self, folder: Folder, still: Collection[str], stop: threading.Event) -> bool:
        """Read every file, and write what is new; False when it was told to stop."""
        chosen, workers = self.settings, workers_of(self.settings)
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(workers, thread_name_prefix="kapelle-read"))
            # Closed first: a conversion under way would be waited for.
            converters = Converters(workers, seconds=chosen.convert_timeout, megabytes=chosen.convert_memory)
            stack.enter_context(converters)
            waiting = iter(self.found.entries)
            under_way: dict[Future[_Read], Entry] = {}
            while self._fill(under_way, waiting, pool, folder, converters, still) and not stop.is_set():
                done, _ = wait(under_way, timeout=_TICK, return_when=FIRST_COMPLETED)
                for future in done:
                    del under_way[future]
                    self._take(future.result())
                self.tell(self.meter.now())
            for future in under_way:
                future.cancel()
            self._write()
        self.tell(self.meter.now())
        return not stop.is_set()

    def _fill(
        self,
        under_way: dict[Future[_Read], Entry],
        waiting: Iterator[Entry],
        pool: ThreadPoolExecutor,
        folder: Folder,
        converters: Converters,
        still: Collection[str],
    ) -> bool:
        """Begin reading as many files as may be read at once; False when there is nothing left to do."""
        room = 4 * workers_of(self.settings)
        size = sum(entry.stamp.size for entry in under_way.values())
        while len(under_way) < room and size < _IN_FLIGHT:
            entry = next(waiting, None)
            if entry is None:
                break
            if entry.source in still:
                self._take(_Read(entry))
                continue
            under_way[pool.submit(self._read, entry, folder, converters)] = entry
            size += entry.stamp.size
        return bool(under_way)

    def _read(self, entry: Entry, folder: Folder, converters: Converters) -> _Read:
        """Read and cut one file; called in a thread."""
        source = entry.source
        try:
            check_size(entry.stamp.size, self.settings.max_bytes)
            content = folder.read(entry, max_bytes=self.settings.max_bytes)
            document = read_document(source, content, converters, known=self.known.get(source))
            passages = split(document) if document is not None else ()
        except NotRead as error:
            return _Read(entry, skipped=Skipped(path=source, why=str(error), transient=error.transient))
        except Exception as error:  # a text that our own reading stumbles over loses its file, never the folder
            why = f"it could not be read ({type(error).__name__}: {str(error)[:120]}); please report it"
            return _Read(entry, skipped=Skipped(path=source, why=why, transient=True))
        return _Read(entry, document, passages)

    def _take(self, read: _Read) -> None:
        self.meter.did(self._weight(read.entry), 0 if read.skipped else read.entry.stamp.size)
        if read.skipped is not None:
            self.skipped.append(read.skipped)
            self.meter.skipped += 1
        elif read.document is None:
            self.meter.unchanged += 1
        else:
            self.batch.append(read)
            if self._is_full():
                self._write()

    def _is_full(self) -> bool:
        return (
            len(self.batch) >= _DOCUMENTS
            or sum(len(one.passages) for one in self.batch) >= _PASSAGES
            or sum(len(one.document.text) for one in self.batch if one.document is not None) >= _CHARACTERS
        )

    def _write(self) -> None:
        """Put the batch; when this returns, it is durable."""
        batch, self.batch = self.batch, []
        documents = [one.document for one in batch if one.document is not None]
        if not documents:
            return
        cut = {one.document.id: one.passages for one in batch if one.document is not None}
        report = self.index.put(
            self.collection, documents, owner=self.owner, splitter=lambda document: cut[document.id]
        )
        counted = {
            name: getattr(self.totals, name) + getattr(report, name)
            for name in ("added", "changed", "unchanged", "passages")
        }
        self.totals = self.totals.model_copy(update=counted)
        self.meter.documents += report.added + report.changed
        self.meter.passages += report.passages
        self.tell(self.meter.now())

    def remove_gone(self, folder: Folder) -> None:
        """Take out what was known at the beginning and is no longer to be read."""
        refused = {one.path for one in self.skipped if not one.transient}
        kept = {entry.source for entry in self.found.entries if entry.source not in refused}
        kept |= {one.path for one in self.skipped if one.transient}
        closed = tuple(one.path for one in self.skipped if one.transient and one.path.endswith("/"))
        gone = [
            source
            for source in self.known
            if source not in kept
            and not is_url(source)
            and not (closed and source.startswith(closed))
            and (source in refused or not folder.has(source))
        ]
        if gone:
            removed = self.index.delete(self.collection, owner=self.owner, sources=gone)
            self.totals = self.totals.model_copy(update={"removed": removed})

    def report(self, finished: bool) -> FolderReport:
        """What came of it."""
        return FolderReport(
            **self.totals.model_dump(exclude={"unchanged"}),
            unchanged=self.totals.unchanged + self.meter.unchanged,
            skipped=tuple(sorted(self.skipped, key=lambda one: one.path)),
            bytes=self.meter.bytes,
            seconds=self.meter.seconds,
            finished=finished,
        )
