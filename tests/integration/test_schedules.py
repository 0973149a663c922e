"""Schedules with real workers: each time is one run, however many they are and whatever becomes of them."""

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.integration.conftest import Place

from kapelle.store.engine import open_url


@pytest.fixture(params=["sqlite", "postgres"])
def field(request: pytest.FixtureRequest, place: Place) -> Place:
    if request.param == "postgres":
        place.environment["KAPELLE_DATABASE_URL"] = request.getfixturevalue("postgres_url")
    return place


def worker(place: Place) -> subprocess.Popen[str]:
    process = place.begin("worker", "--json")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["pid"]
    return process


def begun(place: Place) -> list[tuple[str, str]]:
    """Key and status of every run."""
    url = place.environment.get("KAPELLE_DATABASE_URL") or f"sqlite:///{place.folder / 'home' / 'kapelle.db'}"
    engine = open_url(url)
    with engine.connect() as connection:
        found = connection.execute(sa.text("select key, status from runs order by key")).all()
    engine.dispose()
    return [(row.key, row.status) for row in found]


def until(says: Callable[[], Any], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not says():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)


def stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 0, told


def test_each_time_is_one_run_with_two_workers_and_none_after_the_end(field: Place) -> None:
    made = field.run("schedule", "often", "* * * * * *", "say", "the", "time")
    assert made.returncode == 0, made.stderr
    workers = [worker(field), worker(field)]
    until(lambda: sum(status != "queued" for _, status in begun(field)) >= 4)
    # One dies without a word, and one comes: the times go on.
    workers[0].kill()
    workers[0].communicate()
    there = len(begun(field))
    until(lambda: len(begun(field)) >= there + 3)
    workers.append(worker(field))
    there = len(begun(field))
    until(lambda: len(begun(field)) >= there + 2)
    (listed,) = field.json("schedules")["schedules"]  # type: ignore[misc, attr-defined]
    assert (listed["name"], listed["cron"]) == ("often", "* * * * * *")
    ended = field.run("unschedule", "often")
    assert ended.returncode == 0, ended.stderr
    time.sleep(1.5)
    last = len(begun(field))
    time.sleep(3)
    found = begun(field)
    assert len(found) == last
    times = Counter(key for key, _ in found)
    assert set(times.values()) == {1}
    assert all(key.startswith("schedule:often:2") and key.endswith(".000Z") for key in times)
    until(lambda: all(status not in ("queued", "running") for _, status in begun(field)))
    for process in workers[1:]:
        stop(process)


def test_a_schedule_survives_the_end_of_every_worker(place: Place) -> None:
    assert place.run("schedule", "often", "* * * * * *", "say the time").returncode == 0
    first = worker(place)
    until(lambda: len(begun(place)) >= 2)
    stop(first)
    there = len(begun(place))
    time.sleep(2.5)
    assert len(begun(place)) == there
    second = worker(place)
    until(lambda: len(begun(place)) >= there + 2)
    stop(second)


def test_what_cannot_be_scheduled_is_refused_with_the_field(place: Place, tmp_path: Path) -> None:
    for arguments, said in (
        (("x", "every day", "hello"), "`cron`"),
        (("x", "61 * * * *", "hello"), "`cron`"),
        (("a/b", "* * * * *", "hello"), "`name`"),
        (("x", "* * * * *", ""), "prompt"),
    ):
        done = place.run("schedule", *arguments)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    done = place.run("unschedule", "x")
    assert (done.returncode, "no schedule `x`" in done.stderr) == (2, True)
    assert place.json("schedules") == {"schedules": []}
