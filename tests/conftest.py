"""Every test begins in a folder of its own, with no setting of this machine and no memory of secrets."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kapelle.settings import ALIASES
from kapelle.telemetry import redact


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in list(os.environ):
        if name in ALIASES or name.startswith(("KAPELLE_", "ORCH_", "ORCHESTRATOR_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("KAPELLE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    known = set(redact._known)
    yield
    redact._known.clear()
    redact._known.update(known)
