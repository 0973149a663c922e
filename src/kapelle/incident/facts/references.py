"""Names of sources and the files they stand for, and the lines that name another file of the folder."""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from kapelle.evidence.model import Document
from kapelle.incident.facts.lines import Line
from kapelle.incident.facts.model import Reference

_MANDATORY = re.compile(
    r"\b(?:must|mandatory|required?|always|consult|obligatory|shall|has to|have to)\b", re.IGNORECASE
)
_FILE = re.compile(r"[\w./-]+\.(?:ya?ml|md|json|txt)\b")


def source_names(documents: Sequence[Document]) -> dict[str, str]:
    """Each name a document goes by, with its path: its stem, and `STEM_config` for a configuration."""
    names: dict[str, str] = {}
    for document in documents:
        path = PurePosixPath(document.source)
        if "mock_systems" in path.parts:
            continue
        names.setdefault(path.stem.lower(), document.source)
        if path.suffix.lower() in (".yaml", ".yml"):
            names.setdefault(f"{path.stem.lower()}_config", document.source)
    return names


def references_in(line: Line, names: dict[str, str]) -> Iterator[Reference]:
    """One reference for each other file the line names."""
    for target in named_files(line.raw, names):
        if target == line.document.source or (line.topic == "change_log"):
            continue
        yield Reference(
            excerpt=line.excerpt,
            text=line.text,
            heading=line.heading,
            topic=line.topic,
            severities=line.severities,
            target=target,
            mandatory=line.topic == "reference" or bool(_MANDATORY.search(line.text)),
        )


def named_files(text: str, names: dict[str, str]) -> tuple[str, ...]:
    """Paths of the files that `text` names by path, file name or source name, in order."""
    found: dict[str, int] = {}
    paths = set(names.values())
    for match in _FILE.finditer(text):
        for path in paths:
            if path == match[0] or path.endswith("/" + match[0].rsplit("/", 1)[-1]):
                found.setdefault(path, match.start())
    for name, path in names.items():
        # `slack` or `jira` alone is the product; `slack_config`, `oncall_rota` and `slack config` are the file.
        if "_" not in name and "-" not in name:
            continue
        pattern = re.escape(name).replace("_", r"[_\s-]").replace(r"\-", r"[_\s-]")
        if match_name := re.search(rf"(?<![\w/]){pattern}(?![\w])", text, re.IGNORECASE):
            found.setdefault(path, match_name.start())
    return tuple(sorted(found, key=lambda path: found[path]))
