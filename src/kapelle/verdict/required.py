"""Tell which sources a name such as `policy_v2` or `jira_config` means."""

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

from kapelle.language.words import words

_CONFIG = "config"


def meets(name: str, source: str, files: Mapping[str, Collection[str] | str] | None = None) -> bool:
    """Whether a citation of `source` satisfies the required name.

    A name means the files that `files` lists for it; else the source of that path, of that file name, or, for
    `NAME_config`, the file NAME. Case and separators do not matter.
    """
    listed = (files or {}).get(name)
    if listed is not None:
        return source in ([listed] if isinstance(listed, str) else listed)
    wanted = _key(name)
    if wanted in _names_of(source):
        return True
    stem = PurePosixPath(source).stem
    return words(name)[-1:] == [_CONFIG] and words(name)[:-1] == words(stem)


def _names_of(source: str) -> set[tuple[str, ...]]:
    path = PurePosixPath(source)
    return {_key(source), _key(path.with_suffix("").as_posix()), _key(path.name), _key(path.stem)}


def _key(name: str) -> tuple[str, ...]:
    return tuple(words(name))
