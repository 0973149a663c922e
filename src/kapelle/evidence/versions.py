"""Tell which documents a newer one supersedes, and whether a question is about the older ones."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from kapelle.evidence.index import Source
from kapelle.language.words import words

_LOOKS_BACK = re.compile(
    r"\b(older|old|previous(?:ly)?|former(?:ly)?|earlier|prior|superseded|outdated|used to|compare[sd]?|comparison|"
    r"versus|vs|differ(?:s|ed|ent|ence|ences)?|chang(?:e[sd]?|ing) (?:between|from|since|in)|what (?:has )?changed|"
    r"tighten(?:ed|s)?|relax(?:ed|es)|between (?:the )?versions|both versions)\b",
    re.IGNORECASE,
)
_VERSION = re.compile(r"\b(?:v|ver|version|rev|revision)[ ._-]?(\d+(?:\.\d+)*)\b|\b((?:19|20)\d\d)\b", re.IGNORECASE)


def superseded(sources: Sequence[Source]) -> dict[str, str]:
    """Each source that another one says it supersedes, and that other one."""
    older: dict[str, str] = {}
    for newer in sources:
        stated = newer.meta.get("supersedes")
        for name in stated if isinstance(stated, list) else []:
            for source in _named(str(name), newer, sources):
                older[source] = newer.source
    return older


def _named(name: str, newer: Source, sources: Sequence[Source]) -> list[str]:
    """The sources that a name means: by path, file name or title, else the only one whose title holds the name."""
    wanted = _key(name)
    others = [source for source in sources if source.source != newer.source]
    exact = [source.source for source in others if wanted in _names(source)]
    if exact or len(wanted) < 2:
        return exact
    loose = [source.source for source in others if any(wanted in known for known in _names(source))]
    return loose if len(loose) == 1 else []


def _names(source: Source) -> set[str]:
    path = PurePosixPath(source.source)
    return {_key(source.source), _key(path.name), _key(path.stem), _key(source.title)}


def _key(name: str) -> str:
    return "".join(words(name))


def asks_about(question: str, older: Source) -> bool:
    """Whether a question is about a superseded document: it names it or its version, or looks back."""
    if _LOOKS_BACK.search(question):
        return True
    if named_in(question, [older]):
        return True
    mine = _versions(f"{older.source} {older.title}")
    return bool(mine & _versions(question))


def silenced(question: str, sources: Sequence[Source]) -> set[str]:
    """The sources that do not answer a question: superseded, and not asked about."""
    older = superseded(sources)
    return {source.source for source in sources if source.source in older and not asks_about(question, source)}


def named_in(question: str, sources: Sequence[Source]) -> set[str]:
    """The sources that a question names by their file: `policy_v1`, `policy v1`; one plain word is no name."""
    asked = words(question)
    return {source.source for source in sources if _is_said(words(PurePosixPath(source.source).stem), asked)}


def _is_said(name: Sequence[str], asked: Sequence[str]) -> bool:
    if len(name) < 2:
        return False
    return any(list(asked[i : i + len(name)]) == list(name) for i, word in enumerate(asked) if word == name[0])


def _versions(text: str) -> set[str]:
    spaced = re.sub(r"[_/]", " ", text)
    return {number or year for number, year in _VERSION.findall(spaced)}
