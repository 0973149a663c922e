"""Who is alive: a fresh beat, and on this host the very process that wrote it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from kapelle.run import leases
from kapelle.run.leases import Lease, forget_dead, living, pid_space, process_started
from kapelle.settings import load_settings
from kapelle.store.engine import open_engine
from kapelle.store.migrate import migrate


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    fields = {"database_url": request.getfixturevalue("postgres_url")} if request.param == "postgres" else {}
    engine = open_engine(load_settings(home=tmp_path, **fields))
    migrate(engine)
    yield engine
    engine.dispose()


def alive(database: sa.Engine) -> set[str]:
    with database.connect() as connection:
        return living(connection)


def put(database: sa.Engine, *, age: float = 0.0, **changed: object) -> None:
    row = {
        "executor": "x_1",
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "boot": pid_space(),
        "process_started": process_started(os.getpid()),
        "beat": time.time() - age,
        **changed,
    }
    with database.begin() as connection:
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        connection.execute(sa.text(f"insert into leases ({names}) values ({marks})"), row)


def test_a_process_lives_from_its_lease_to_its_release(database: sa.Engine) -> None:
    lease = Lease(database)
    assert alive(database) == {lease.executor}
    assert lease.fresh
    lease.release()
    assert alive(database) == set()


def test_a_lease_is_renewed(database: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT", 0.05)
    lease = Lease(database)
    beats = set()
    for _ in range(100):
        with database.connect() as connection:
            beats.add(connection.execute(sa.text("select beat from leases")).scalar())
        if len(beats) > 2:
            break
        time.sleep(0.02)
    lease.release()
    assert len(beats) > 2


@pytest.mark.parametrize(
    ("age", "changed", "expected"),
    [
        (0, {}, True),
        (4, {}, True),
        (6, {}, False),
        (0, {"process_started": "1"}, False),
        (0, {"boot": "another", "pid": 2**22 + 1}, True),
        (6, {"boot": "another"}, False),
        (0, {"pid": 2**22 + 1}, False),
        (0, {"host": "elsewhere", "pid": 1, "boot": "another"}, True),
        (6, {"host": "elsewhere"}, False),
    ],
)
def test_a_lease_counts_while_it_is_fresh_and_its_process_is_there(
    database: sa.Engine, age: float, changed: dict[str, object], expected: bool
) -> None:
    put(database, age=age, **changed)
    assert alive(database) == ({"x_1"} if expected else set())


@pytest.mark.parametrize("hidden", ["/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"])
def test_where_nobody_can_tell_whose_pid_it_is_the_beats_alone_count(
    database: sa.Engine, monkeypatch: pytest.MonkeyPatch, hidden: str
) -> None:
    def refusing(read: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(path: object, *given: Any, **named: Any) -> Any:
            if str(path) == hidden:
                raise PermissionError(hidden)
            return read(path, *given, **named)

        return refuse

    monkeypatch.setattr(Path, "read_text", refusing(Path.read_text))
    monkeypatch.setattr(os, "readlink", refusing(os.readlink))
    assert pid_space() == ""
    put(database, pid=2**22 + 1)
    assert alive(database) == {"x_1"}


def test_a_process_that_was_killed_is_not_there() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        assert process_started(process.pid) is not None
        process.kill()
        process.wait()
        assert process_started(process.pid) is None


def test_old_leases_are_forgotten(database: sa.Engine) -> None:
    put(database, age=4_000)
    put(database, executor="x_2", age=10)
    with database.begin() as connection:
        forget_dead(connection)
        assert connection.execute(sa.text("select executor from leases")).scalars().all() == ["x_2"]
