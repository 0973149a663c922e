"""Walk a folder and read its files, and nothing outside it: whatever links, pipes and renames there are meanwhile."""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from kapelle.errors import UnreadableSource

_TRIES = 3
"""Times a file is read that is written to meanwhile."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a pipe that took the file's place would wait for a writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_IS_LINK = (errno.ELOOP, errno.ENOTDIR)


class Skipped(BaseModel):
    """A file that was not read, and why."""

    model_config = ConfigDict(frozen=True)

    path: str
    why: str
    transient: bool = False
    """True when another time it may be read: what is known of it is kept."""


class NotRead(Exception):
    """A file is skipped; the message says why, `transient` whether another time it may be read."""

    def __init__(self, why: str, *, transient: bool = False) -> None:
        super().__init__(why)
        self.transient = transient


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a change of a file changes."""

    modified: int
    """Nanoseconds."""
    size: int
    inode: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a folder."""

    source: str
    """Its path below the folder, with forward slashes."""
    place: tuple[str, ...]
    """Where it is, below the folder, without links."""
    stamp: Stamp


@dataclass(slots=True)
class Found:
    """What a walk finds."""

    entries: list[Entry] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    """Links that lead nowhere or out, what is no file, folders that cannot be read (with a slash at the end)."""


class Folder:
    """A folder, or one file, which is a folder of one."""

    def __init__(self, root: Path | str) -> None:
        """Look whether there is one.

        Raises:
            UnreadableSource: there is none, or it cannot be read.
        """
        path = Path(root).expanduser()
        try:
            real = path.resolve(strict=True)
            self._only = real.name if real.is_file() else None
            self.home = real.parent if self._only else real
            with os.scandir(self.home):
                pass
        except (OSError, RuntimeError) as error:  # RuntimeError: links that go in a circle, before Python 3.13
            raise UnreadableSource(
                f"`{shown(str(root))}` cannot be read ({reason(error)}); name a folder or file that exists"
            ) from None

    @property
    def is_one_file(self) -> bool:
        """Whether it is a single file."""
        return self._only is not None

    def find(self) -> Found:
        """Every file below, sorted by source; hidden ones are passed over.

        Raises:
            UnreadableSource: the folder itself cannot be read any more.
        """
        found = Found()
        if self._only is not None:
            self._look(self._only, False, found)
        else:
            for source, is_link in self._walk(found):
                self._look(source, is_link, found)
        found.entries.sort(key=lambda entry: entry.source)
        found.skipped.sort(key=lambda one: one.path)
        return found

    def _walk(self, found: Found) -> Iterator[tuple[str, bool]]:
        """What is no folder, and whether it is a link; links to folders are not entered, so no walk circles."""
        waiting = [""]
        while waiting:
            below = waiting.pop()
            try:
                with os.scandir(self.home / below) as names:
                    here = [one for one in names if not one.name.startswith(".")]
            except OSError as error:
                if not below:
                    raise UnreadableSource(f"`{shown(str(self.home))}` cannot be read ({reason(error)})") from None
                why = f"the folder cannot be read ({reason(error)})"
                found.skipped.append(Skipped(path=f"{shown(below)}/", why=why, transient=True))
                continue
            for one in here:
                source = f"{below}/{one.name}" if below else one.name
                if one.is_dir(follow_symlinks=False):
                    waiting.append(source)
                elif one.is_symlink() and os.path.isdir(one.path):
                    why = "the folder is a link; name what it points at"
                    found.skipped.append(Skipped(path=shown(source), why=why))
                else:
                    yield source, one.is_symlink()

    def _look(self, source: str, is_link: bool, found: Found) -> None:
        try:
            found.entries.append(self._entry(source, is_link))
        except NotRead as error:
            found.skipped.append(Skipped(path=shown(source), why=str(error), transient=error.transient))

    def _entry(self, source: str, is_link: bool) -> Entry:
        if shown(source) != source:
            raise NotRead("its name is no UTF-8; rename it")
        try:
            real = self.home / source
            if is_link:
                real = real.resolve(strict=True)
                if not real.is_relative_to(self.home):
                    raise NotRead("it is a link out of the folder")
            status = real.lstat()
        except (OSError, RuntimeError) as error:
            raise _not_read(error) from None
        if not stat.S_ISREG(status.st_mode):
            raise NotRead("it is no regular file")
        return Entry(source, real.relative_to(self.home).parts, _stamp(status))

    def read(self, entry: Entry, *, max_bytes: int) -> bytes:
        """The bytes of a file, all of one moment.

        Raises:
            NotRead: it is gone, too large, unreadable, always written to, or no longer a file in this folder.
        """
        try:
            for _ in range(_TRIES):
                content = self._read(entry.place, max_bytes)
                if content is not None:
                    return content
        except OSError as error:
            raise _not_read(error) from None
        raise NotRead("it is being written to; add it again later", transient=True)

    def _read(self, place: tuple[str, ...], max_bytes: int) -> bytes | None:
        descriptor = self._open(place)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise NotRead("it is no regular file")
            check_size(before.st_size, max_bytes)
            content = bytearray()
            while piece := file.read(max_bytes + 1 - len(content)):
                content += piece
                check_size(len(content), max_bytes)
            return bytes(content) if _stamp(os.fstat(descriptor)) == _stamp(before) else None

    def _open(self, place: tuple[str, ...]) -> int:
        """Open a file from the folder down, one name after the other, so that no link on the way is followed."""
        here = os.open(self.home, _DIRECTORY)
        try:
            for name in place[:-1]:
                below = os.open(name, _DIRECTORY, dir_fd=here)
                os.close(here)
                here = below
            return os.open(place[-1], _FILE, dir_fd=here)
        finally:
            os.close(here)

    def has(self, source: str) -> bool:
        """Whether there is a file of this name now, or whether nobody can say."""
        try:
            return (self.home / source).is_file()
        except OSError:
            return True


def check_size(size: int, max_bytes: int) -> None:
    """Refuse what is too large.

    Raises:
        NotRead: it is.
    """
    if size > max_bytes:
        raise NotRead(
            f"it is larger than {max_bytes:,} bytes; split it, or raise `KAPELLE_CORPUS__MAX_BYTES` (`--max-mb`)"
        )


def shown(name: str) -> str:
    """A file's name as text: bytes that are no UTF-8 as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def reason(error: Exception) -> str:
    """What the system says went wrong, in lower case."""
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_mtime_ns, status.st_size, status.st_ino)


def _not_read(error: OSError | RuntimeError) -> NotRead:
    code = error.errno if isinstance(error, OSError) else errno.ELOOP
    if code == errno.ENOENT:
        return NotRead("it is not there (any more), or a link to nothing")
    if code in _IS_LINK:
        return NotRead("it is a link that goes in a circle, or became one meanwhile")
    return NotRead(f"it cannot be read ({reason(error)})", transient=True)
