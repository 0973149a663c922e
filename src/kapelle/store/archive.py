"""The archive: rows written down as JSON lines, on the disk before they are deleted."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from kapelle import clock
from kapelle.errors import StoreUnavailable


class Archive:
    """A folder with one file per kind and day, for this user alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, kind: str, rows: Iterable[tuple[str, Mapping[str, object]]]) -> None:
        """Append rows, each with its table; when this returns they survive a power loss.

        After a crash a row may be there twice, and a line may be cut off: the next begins behind it.

        Raises:
            StoreUnavailable: they cannot be written; none of them may be deleted.
        """
        at = clock.to_iso(clock.now())
        lines = [json.dumps({"kind": kind, "table": table, "at": at, "row": _plain(row)}) for table, row in rows]
        if not lines:
            return
        file = self.folder / f"{kind}-{at[:10]}.jsonl"
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _append(file, "\n".join(lines) + "\n")
        except OSError as error:
            raise StoreUnavailable(
                f"the archive `{file}` cannot be written ({error.strerror}); nothing was deleted"
            ) from error


def _append(file: Path, text: str) -> None:
    new = not file.exists()
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(handle).st_size
        cut_off = size and os.pread(handle, 1, size - 1) != b"\n"
        with os.fdopen(os.dup(handle), "ab") as out:
            out.write((b"\n" if cut_off else b"") + text.encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    if new:
        _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _plain(row: Mapping[str, object]) -> dict[str, object]:
    """A row as JSON; a payload is JSON itself, so its bytes are text."""
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in row.items()}
