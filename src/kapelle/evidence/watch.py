"""Tell what changed in a folder between two looks, once it has come to rest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kapelle.evidence.folder import Entry, Stamp

_AGAIN = 30
"""Looks after which what could not be read is tried again."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of files, sorted."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def changes(before: Mapping[str, Stamp], after: Mapping[str, Stamp]) -> Changes:
    """What is different between two looks at a folder."""
    return Changes(
        added=tuple(sorted(after.keys() - before.keys())),
        changed=tuple(sorted(name for name in after.keys() & before.keys() if after[name] != before[name])),
        removed=tuple(sorted(before.keys() - after.keys())),
    )


@dataclass(slots=True)
class Watched:
    """A folder as it was read, and as it was last seen."""

    read: dict[str, Stamp]
    """What the collection is in step with."""
    unsure: frozenset[str] = frozenset()
    """What could not be read, and may be later."""
    _seen: dict[str, Stamp] = field(init=False)
    _looks: int = 0

    def __post_init__(self) -> None:
        self._seen = self.read

    def look(self, entries: Iterable[Entry]) -> Changes:
        """Take a look; nothing while it still changes, and nothing when it is as it was read."""
        now = {entry.source: entry.stamp for entry in entries}
        still, self._seen = now == self._seen, now
        self._looks += 1
        if not still:
            return Changes()
        found = changes(self.read, now)
        if not found and self.unsure and self._looks % _AGAIN == 0:
            return Changes(changed=tuple(sorted(self.unsure)))
        return found

    def unchanged(self) -> frozenset[str]:
        """What need not be read again."""
        return frozenset(name for name, stamp in self._seen.items() if self.read.get(name) == stamp) - self.unsure

    def settle(self, unsure: Iterable[str]) -> None:
        """Note that the collection is in step with the last look, but for some files."""
        self.read, self.unsure = self._seen, frozenset(unsure)


def watched(entries: Iterable[Entry]) -> Watched:
    """A folder that is about to be read."""
    return Watched({entry.source: entry.stamp for entry in entries})
