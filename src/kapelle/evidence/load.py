"""Read files as Documents: UTF-8 decoded, nothing changed, so that offsets are the file's."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue

from kapelle.errors import UnreadableSource
from kapelle.evidence.kinds import kind_of
from kapelle.evidence.model import Document, make_document
from kapelle.evidence.titles import front_matter, supersedes, title_of

MAX_BYTES = 10_000_000
"""Larger files are skipped."""


class Skipped(BaseModel):
    """A file that was not read, and why."""

    model_config = ConfigDict(frozen=True)

    path: str
    why: str


class Loaded(BaseModel):
    """What a folder holds: its documents by path, and the files that were skipped."""

    model_config = ConfigDict(frozen=True)

    documents: tuple[Document, ...] = ()
    skipped: tuple[Skipped, ...] = ()


def load(root: Path | str, *, max_bytes: int = MAX_BYTES) -> Loaded:
    """Read every text file under a folder, or one file.

    Documents come sorted by source, the path relative to `root` with forward slashes (of a single file: its name).
    Hidden files are passed over; files that are no UTF-8 text, too large, unreadable, or links out of the folder are
    listed as skipped.

    Raises:
        UnreadableSource: `root` is missing or cannot be read.
    """
    root = Path(root).expanduser()
    try:
        home = root.resolve(strict=True)
        if home.is_file():
            return Loaded(documents=(read(home, home.name, max_bytes=max_bytes),))
        paths, closed = _walk(home)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that go in a circle, before Python 3.13
        raise UnreadableSource(
            f"`{root}` cannot be read ({_reason(error)}); name a folder or file that exists"
        ) from None
    documents, skipped = [], [Skipped(path=path.relative_to(home).as_posix(), why=why) for path, why in closed]
    for path in paths:
        source = path.relative_to(home).as_posix()
        try:
            documents.append(read(path, source, home=home, max_bytes=max_bytes))
        except UnreadableSource as error:
            skipped.append(Skipped(path=source, why=str(error)))
    return Loaded(
        documents=tuple(sorted(documents, key=lambda document: document.source)),
        skipped=tuple(sorted(skipped, key=lambda item: item.path)),
    )


def read(path: Path, source: str, *, home: Path | None = None, max_bytes: int = MAX_BYTES) -> Document:
    """Read one file as a Document named `source`.

    Raises:
        UnreadableSource: it is no UTF-8 text, larger than `max_bytes`, unreadable, or outside `home`.
    """
    try:
        if home is not None and not path.resolve(strict=True).is_relative_to(home):
            raise UnreadableSource(f"`{source}` is a link out of the folder")
        if not path.is_file():
            raise UnreadableSource(f"`{source}` is no regular file")
        if path.stat().st_size > max_bytes:
            raise UnreadableSource(f"`{source}` is larger than {max_bytes:,} bytes; split it")
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        raise UnreadableSource(f"`{source}` is not UTF-8 text; convert it first") from None
    except (OSError, RuntimeError) as error:
        raise UnreadableSource(f"`{source}` cannot be read ({_reason(error)})") from None
    if "\0" in text:
        raise UnreadableSource(f"`{source}` is not text: it holds NUL bytes")
    return document_of(source, text)


def document_of(source: str, text: str) -> Document:
    """Make the Document of a file's text: its title, and in `meta` its front matter and what it supersedes."""
    meta: dict[str, JsonValue] = front_matter(text)[0] if kind_of(source) in ("markdown", "text") else {}
    older = supersedes(text, meta)
    if older:
        meta = {**meta, "supersedes": list(older)}
    return make_document(source, text, title=title_of(source, text), meta=meta)


def _walk(home: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Files under `home`, and folders not entered: closed ones, and those behind links (so no walk circles)."""
    files: list[Path] = []
    closed: list[tuple[Path, str]] = []

    def refuse(error: OSError) -> None:
        if Path(error.filename) == home:
            raise error
        closed.append((Path(error.filename), f"the folder cannot be read ({_reason(error)})"))

    for here, folders, names in os.walk(home, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [Path(here, name) for name in folders if Path(here, name).is_symlink()]
        closed.extend((link, "the folder is a link; name what it points at") for link in links)
        files.extend(Path(here, name) for name in names if not name.startswith("."))
    return files, closed


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
