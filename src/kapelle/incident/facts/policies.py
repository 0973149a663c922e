"""Finds the policy documents of a folder, when each took effect, and which one replaces which."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePosixPath

from kapelle.evidence.model import Document, Excerpt
from kapelle.incident.facts.lines import excerpt_of
from kapelle.incident.facts.model import Policy
from kapelle.incident.reading.calendar import full_date
from kapelle.incident.reading.times import dates_in

_FIELD = re.compile(
    r"^[ \t>|*_-]*(?P<key>effective(?:\s+(?:date|from|since|as of))?|in force(?:\s+(?:from|since))?|valid "
    r"from|supersedes|replaces|superseded by|replaced by|status)[*_]*\s*[:|=]?[*_]*\s*[:"
    r"|]?\s*(?P<value>\S.*?)[ \t|*_\r]*$",
    re.IGNORECASE | re.MULTILINE,
)
_SENTENCE = re.compile(
    r"(?:this (?:document|policy|version)|it)\s+(?P<key>supersedes|replaces|is superseded by|is replaced "
    r"by)\s+(?P<value>[^\n.]+(?:\.\w+)?)",
    re.IGNORECASE,
)
_EFFECTIVE_SENTENCE = re.compile(
    r"(?:takes? effect|effective|in force)\s+(?:on|from|since|as of)\s+(?P<value>[^\n.]+)", re.IGNORECASE
)
_VERSION = re.compile(r"(?:version|v|rev(?:ision)?|_|-|\s)\s*(?P<number>\d+(?:\.\d+)*)", re.IGNORECASE)
_HEAD = 3000
"""Characters from the start in which a document says what it is."""


def policies_of(documents: Sequence[Document]) -> tuple[Policy, ...]:
    """The policies, oldest first; one that another replaces says by which."""
    found = [document for document in documents if is_policy(document)]
    replaced: dict[str, str] = {}
    for document in found:
        for source in _supersedes(document, found):
            replaced[source] = document.source
        for value in _values(document, "superseded by", "replaced by", "is superseded by", "is replaced by"):
            for other in _named(value, document, found):
                replaced[document.source] = other
    if not replaced:
        replaced = _by_version(found)
    policies = [_policy(document, found, replaced) for document in found]
    return tuple(
        sorted(
            policies,
            key=lambda policy: (_chain(policy.source, replaced), policy.effective, _version(policy.name)),
            reverse=False,
        )
    )


def is_policy(document: Document) -> bool:
    """Whether a document is a policy, by its folder or its name."""
    path = PurePosixPath(document.source)
    return path.suffix.lower() in (".md", ".txt") and (
        "policies" in path.parts[:-1] or path.stem.lower().startswith("policy")
    )


def _policy(document: Document, found: list[Document], replaced: dict[str, str]) -> Policy:
    dates = [
        value
        for value in (
            *_values(document, "effective", "in force", "valid from"),
            *_EFFECTIVE_SENTENCE.findall(document.text[:_HEAD]),
        )
        if dates_in(value)
    ]
    known = full_date(dates_in(dates[0])[0].day) if dates else None
    own = tuple(source for source, by in replaced.items() if by == document.source)
    return Policy(
        source=document.source,
        name=PurePosixPath(document.source).stem,
        title=document.title,
        effective=known.isoformat() if known else (dates[0] if dates else ""),
        supersedes=own,
        superseded_by=replaced.get(document.source),
        header=_header(document),
    )


def _fields(document: Document) -> list[tuple[str, str, int, int]]:
    head = document.text[:_HEAD]
    matches = [*_FIELD.finditer(head), *_SENTENCE.finditer(head)]
    return [(match["key"].lower(), match["value"], match.start("key"), match.end("value")) for match in matches]


def _values(document: Document, *keys: str) -> list[str]:
    return [value for key, value, _, _ in _fields(document) if key.startswith(keys)]


def _header(document: Document) -> tuple[Excerpt, ...]:
    return tuple(excerpt_of(document, start, end) for key, _, start, end in _fields(document) if key != "status")


def _supersedes(document: Document, found: list[Document]) -> list[str]:
    values = _values(document, "supersedes", "replaces")
    return [source for value in values for source in _named(value, document, found)]


def _named(value: str, document: Document, found: list[Document]) -> list[str]:
    """Documents that a value such as `policy_v1`, `policies/policy_v1.md` or `version 1` names."""
    others = [other for other in found if other.source != document.source]
    words = value.lower()
    exact = [
        other.source
        for other in others
        if re.search(rf"(?<![\w-]){re.escape(PurePosixPath(other.source).stem.lower())}(?![\w-])", words)
    ]
    if exact:
        return exact
    numbers = {match["number"] for match in _VERSION.finditer(f" {words}")}
    return [
        other.source
        for other in others
        if {match["number"] for match in _VERSION.finditer(PurePosixPath(other.source).stem)} & numbers
    ]


def _by_version(found: list[Document]) -> dict[str, str]:
    """Without a word about it, of files whose names differ by a number only the higher number replaces the lower."""
    families: dict[str, list[Document]] = {}
    for document in found:
        stem = PurePosixPath(document.source).stem.lower()
        if re.search(r"\d", stem):
            families.setdefault(re.sub(r"\d+(?:[._]\d+)*", "#", stem), []).append(document)
    replaced = {}
    for family in families.values():
        ordered = sorted(family, key=lambda document: _version(PurePosixPath(document.source).stem))
        replaced.update({older.source: newer.source for older, newer in pairwise(ordered)})
    return replaced


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", name))


def _chain(source: str, replaced: dict[str, str]) -> int:
    """Minus the number of documents that came after it; a loop of replacements ends."""
    steps, seen = 0, {source}
    while (source := replaced.get(source, "")) and source not in seen:
        seen.add(source)
        steps += 1
    return -steps
