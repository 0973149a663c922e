"""Tell which words say the contrary of each other, and which rule each other out; read from `opposites.txt`."""

from functools import lru_cache
from pathlib import Path

from kapelle.language.words import base

_PREFIXES = ("un", "in", "im", "il", "ir", "non", "dis", "mis")
_LONG = 4
"""Letters that a stem has at least beside a prefix."""


def _read() -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    found: dict[str, dict[str, set[str]]] = {"opposites": {}, "alternatives": {}}
    name = ""
    for line in Path(__file__).with_name("opposites.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            name = line.strip("[] ")
        elif name and line and not line.startswith("#"):
            sides = [[base(word) for word in side.split()] for side in line.split("|")]
            if len(sides) == 1:
                sides = [[word] for word in sides[0]]
            for side in sides:
                others = {word for other in sides if other is not side for word in other}
                for word in side:
                    found[name].setdefault(word, set()).update(others - {word})
    frozen = [{word: frozenset(others) for word, others in found[part].items()} for part in found]
    return frozen[0], frozen[1]


_OPPOSITES, _ALTERNATIVES = _read()


@lru_cache(maxsize=16_384)
def opposites(stem: str) -> frozenset[str]:
    """The stems that say the contrary of this one: those listed, and itself with or without `un-`, `in-`, `non-` ..."""
    prefixed = {f"{prefix}{stem}" for prefix in _PREFIXES} if len(stem) >= _LONG else set()
    bare = {stem.removeprefix(prefix) for prefix in _PREFIXES if len(stem) >= len(prefix) + _LONG} - {stem}
    return _OPPOSITES.get(stem, frozenset()) | prefixed | bare


def alternatives(stem: str) -> frozenset[str]:
    """The stems that name another thing of the kind of this one; empty when none is known."""
    return _ALTERNATIVES.get(stem, frozenset())
