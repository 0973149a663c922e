"""The outside, shut off."""

import asyncio
import contextvars
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kapelle.run.recorded.shut import Outside, shut


def connect() -> None:
    socket.create_connection(("127.0.0.1", 9), timeout=1)


def look_up() -> None:
    socket.getaddrinfo("localhost", 80)


def spawn() -> None:
    subprocess.run([sys.executable, "--version"], check=True)


def fork_off() -> None:
    os.system("true")


def attempts(folder: Path) -> list[Callable[[], object]]:
    file = folder / "there.txt"
    return [
        connect,
        look_up,
        spawn,
        fork_off,
        lambda: file.write_text("x"),
        lambda: file.open("a"),
        lambda: os.open(file, os.O_CREAT),
        file.unlink,
        lambda: file.rename(folder / "other"),
        (folder / "new").mkdir,
        lambda: sqlite3.connect(folder / "some.db"),
    ]


def test_nothing_reaches_outside_and_all_is_counted(tmp_path: Path) -> None:
    (tmp_path / "there.txt").write_text("as it was")
    with shut() as refusals:
        for attempt in attempts(tmp_path):
            with pytest.raises(Outside):
                attempt()
        assert (tmp_path / "there.txt").read_text() == "as it was"
        sqlite3.connect(":memory:").close()
    assert len(refusals) == len(attempts(tmp_path))
    assert [one.name for one in tmp_path.iterdir()] == ["there.txt"]


def test_it_is_open_again_afterwards(tmp_path: Path) -> None:
    with pytest.raises(KeyError), shut():
        raise KeyError
    (tmp_path / "file").write_text("x")
    look_up()


async def test_other_tasks_of_the_process_are_left_alone(tmp_path: Path) -> None:
    inside = asyncio.Event()
    leave = asyncio.Event()

    async def replays() -> int:
        with shut() as refusals:
            inside.set()
            await leave.wait()
            with pytest.raises(Outside):
                (tmp_path / "mine").write_text("x")
            return len(refusals)

    task = asyncio.create_task(replays())
    await inside.wait()
    (tmp_path / "other").write_text("x")
    leave.set()
    assert await task == 1


def in_a_thread(work: Callable[[], object], *, within: bool) -> BaseException | None:
    caught: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            caught.append(error)

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run if within else run, args=(run,) if within else ())
    thread.start()
    thread.join()
    return caught[0] if caught else None


def test_threads_are_shut_off_with_whoever_began_them_or_everywhere(tmp_path: Path) -> None:
    def write() -> None:
        (tmp_path / "file").write_text("x")

    with shut():
        assert isinstance(in_a_thread(write, within=True), Outside)
        assert in_a_thread(write, within=False) is None
    with shut(everywhere=True):
        assert isinstance(in_a_thread(write, within=False), Outside)
