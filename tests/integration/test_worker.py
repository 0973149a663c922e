"""`kapelle worker` where its surroundings are not as they should be."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "from kapelle.cli.main import main; main()", "worker"]


@contextmanager
def worker(home: Path, *options: str, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    environment = {**os.environ, "KAPELLE_HOME": str(home), **variables}
    process = subprocess.Popen([*COMMAND, *options], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    return process.stderr.readline()


def test_a_worker_whose_database_is_removed_says_so_and_ends(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with worker(home) as process:
        assert "queue `runs`" in first_line(process)
        time.sleep(1.0)
        shutil.rmtree(home)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 2
        assert "was removed or replaced under this worker" in said


def test_a_worker_waits_for_a_database_that_does_not_answer_and_can_be_ended(tmp_path: Path) -> None:
    with worker(tmp_path / "home", KAPELLE_DATABASE_URL="postgresql://ann:geheim@127.0.0.1:1/k") as process:
        said = first_line(process)
        assert "waiting" in said
        assert "geheim" not in said
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.parametrize("option", ["--concurrency", "--spread"])
def test_limits_out_of_their_bounds_are_refused_by_name(tmp_path: Path, option: str) -> None:
    with worker(tmp_path / "home", option, "0") as process:
        _, said = process.communicate(timeout=20)
        assert process.returncode == 2
        assert f"`{option}`" in said
