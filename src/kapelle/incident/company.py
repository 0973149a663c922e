"""Company: a folder of policies, documents, configurations and data, and the names its documents go by."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Self

from kapelle.errors import UnreadableSource
from kapelle.evidence.model import Document, sha256_of

SUFFIXES = frozenset({".md", ".yaml", ".yml", ".json", ".txt", ".csv", ".html"})
"""What counts as a document of a company; nothing else in its folder is ever read."""

_CONFIG_NAMES = {"jira": "jira_config", "slack": "slack_config", "postgres": "postgres_config"}


@dataclass(frozen=True, slots=True)
class Company:
    """A company's folder; only read, so it may be read-only."""

    root: Path
    """The folder, absolute and resolved."""
    sources: MappingProxyType[str, str] = field(repr=False)
    """Names such as `policy_v2` or `jira_config`, and the file each stands for, relative to `root`."""

    @classmethod
    def open(cls, root: Path | None = None) -> Self:
        """Open a company's folder; without one, the simulated company that Kapelle ships.

        Raises:
            UnreadableSource: the folder cannot be read or holds no `policies/*.md`.
        """
        folder = _shipped() if root is None else root.expanduser()
        try:
            resolved = folder.resolve(strict=True)
            names = _named_sources(resolved)
        except OSError as error:
            raise _no_company(folder, error.strerror or str(error)) from error
        if not any(path.startswith("policies/") for path in names.values()):
            raise _no_company(folder, "it holds no `policies/*.md`")
        return cls(resolved, MappingProxyType(names))

    def files(self) -> tuple[str, ...]:
        """Paths of every document, relative with forward slashes, sorted; hidden files and links out are left out."""
        return tuple(sorted(_walk(self.root)))

    def read(self, source: str) -> Document:
        """Read a document by its name (`policy_v2`) or its path in the folder (`docs/company_profile.md`).

        The text is the file decoded as UTF-8 with nothing changed, so offsets are the file's.

        Raises:
            UnreadableSource: there is no such document, it lies outside the folder, or it is no UTF-8 text.
        """
        path = self.sources.get(source, source.replace("\\", "/"))
        text = _decode(self._locate(path, source), path)
        path = PurePosixPath(path).as_posix()
        return Document(id=path, source=path, title=_title(text, path), text=text, sha256=sha256_of(text))

    def has(self, source: str) -> bool:
        """Say whether `read` would find a file for this name or path."""
        try:
            self._locate(self.sources.get(source, source), source)
        except UnreadableSource:
            return False
        return True

    def _locate(self, path: str, asked: str) -> Path:
        relative = PurePosixPath(path)
        if not _readable_path(relative):
            raise UnreadableSource(f"`{asked}` is not a document of the company; {self._known()}")
        try:
            target = (self.root / relative).resolve(strict=True)
        except (OSError, ValueError, RuntimeError) as error:  # absent, a NUL in the name, a loop of links
            raise UnreadableSource(f"`{asked}` is not in the company folder; {self._known()}") from error
        if not target.is_relative_to(self.root) or not target.is_file():
            raise UnreadableSource(f"`{asked}` is not a file inside the company folder; {self._known()}")
        return target

    def _known(self) -> str:
        return f"name one of {', '.join(f'`{name}`' for name in sorted(self.sources))}, or a file's path in the folder"


def _shipped() -> Path:
    return Path(str(files("kapelle.incident") / "simulated_company"))


def _no_company(folder: Path, why: str) -> UnreadableSource:
    return UnreadableSource(
        f"company folder `{folder}`: {why}; a company folder holds `policies/*.md`, "
        "set `KAPELLE_COMPANY_ROOT` or `--company DIR` to one, or to none for the simulated company"
    )


def _readable_path(path: PurePosixPath) -> bool:
    if path.is_absolute() or not path.parts or path.suffix.lower() not in SUFFIXES:
        return False
    return not any(part.startswith(".") for part in path.parts)


def _named_sources(root: Path) -> dict[str, str]:
    """Name the configurations, documents and policies; of two files with one stem the policy keeps the name."""
    os.listdir(root)  # says at once that the folder is a file or may not be read
    named: dict[str, str] = {}
    for path in sorted(_walk(root), key=_precedence):
        folder, _, file = path.rpartition("/")
        stem, suffix = os.path.splitext(file)
        if folder == "tool_configs" and suffix in {".yaml", ".yml"}:
            named.setdefault(_CONFIG_NAMES.get(stem, stem), path)
        elif folder in {"policies", "docs"} and suffix == ".md":
            named.setdefault(stem, path)
    return dict(sorted(named.items()))


def _precedence(path: str) -> tuple[int, str]:
    folders = ("policies/", "docs/", "tool_configs/")
    return next((rank for rank, folder in enumerate(folders) if path.startswith(folder)), len(folders)), path


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(folder, name)
            relative = PurePosixPath(path.relative_to(root).as_posix())
            if _readable_path(relative) and path.is_file() and path.resolve().is_relative_to(root):
                yield relative.as_posix()


def _decode(file: Path, path: str) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UnreadableSource(f"`{path}` cannot be read: {error.strerror}; check its permissions") from error
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableSource(f"`{path}` is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    if "\0" in text:
        raise UnreadableSource(f"`{path}` is a binary file; only text can be cited")
    return text


def _title(text: str, path: str) -> str:
    if path.endswith(".md"):
        for line in text.splitlines():
            if line.startswith("# "):
                return line[2:].strip()
    return PurePosixPath(path).name
