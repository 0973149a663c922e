"""The examples run as they stand, offline."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXPECTED = {
    "ask.py": ["We keep invoices for ten years.", "more than four hours", "The sources do not say"],
    "triage.py": ["asked: Page the owner?", '"severity: P1', '"passed": true'],
    "embedder.py": ["invoicing records: records.md:", "travelling by train: travel.md:"],
    "reranker.py": ["0.38  Letters are kept for two years, invoices are kept for ten.\n0.12"],
    "company.py": ["Rollback is mandatory", "not allowed", "on-call is"],
}


def test_every_example_is_expected() -> None:
    assert {file.name for file in (ROOT / "examples").glob("*.py")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_example_runs_and_says_what_it_shows(name: str, tmp_path: Path) -> None:
    environment = {**os.environ, "KAPELLE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    for words in EXPECTED[name]:
        assert words in done.stdout


def test_the_lines_of_python_in_the_readme_run_as_they_stand(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "handbook", tmp_path / "handbook")
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "lines.py").write_text(code)
    environment = {**os.environ, "KAPELLE_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "lines.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("We keep invoices for ten years.") == 2
