"""Shut the outside off: within `shut` nothing connects, no process begins and no file is written."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_NETWORK = ("socket.connect", "socket.send", "socket.getaddrinfo", "socket.gethostby", "socket.bind")
_PROCESSES = ("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty.spawn")
_FILES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.chown", "os.link")
_MORE_FILES = ("os.symlink", "os.utime", "shutil.")
_REFUSED = (*_NETWORK, *_PROCESSES, *_FILES, *_MORE_FILES)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Outside(PermissionError):
    """Something reached outside while it was shut off."""


class Refusals(list[str]):
    """What was refused, in order."""


_here: ContextVar[Refusals | None] = ContextVar("kapelle_shut", default=None)
_everywhere: list[Refusals] = []
_hooked = False


@contextmanager
def shut(*, everywhere: bool = False) -> Iterator[Refusals]:
    """Refuse what reaches outside, in this task and what it begins.

    Args:
        everywhere: in every thread of the process, for a process that does nothing else.
    """
    global _hooked
    if not _hooked:
        # An audit hook stays for the life of the process; without a refusal in force it returns at once.
        sys.addaudithook(_refuse)
        _hooked = True
    refusals = Refusals()
    token = _here.set(refusals)
    if everywhere:
        _everywhere.append(refusals)
    try:
        yield refusals
    finally:
        _here.reset(token)
        if everywhere:
            _everywhere.remove(refusals)


def _refuse(event: str, given: tuple[object, ...]) -> None:
    refusals = _here.get()
    if refusals is None and _everywhere:
        refusals = _everywhere[-1]
    if refusals is None or not _reaches_outside(event, given):
        return
    refusals.append(event)
    raise Outside(f"`{event}` is shut off during a replay")


def _reaches_outside(event: str, given: tuple[object, ...]) -> bool:
    if any(isinstance(one, str) and "__pycache__" in one for one in given):
        return False  # an import keeps what it has compiled
    if event == "open":
        flags = given[2] if len(given) > 2 else 0
        named = not isinstance(given[0], int) and given[0] != os.devnull
        return named and isinstance(flags, int) and bool(flags & _WRITES)
    if event.startswith("sqlite3."):
        return event == "sqlite3.connect" and given[0] != ":memory:"
    return event.startswith(_REFUSED)
