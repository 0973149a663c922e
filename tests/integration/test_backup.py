"""A backup taken while a run is walked is one moment of it; restored, the run goes on from that moment."""

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from tests.integration.conftest import Place
from tests.integration.test_kill import STEPS, run_of, wait_for_marks
from tests.postgres import Server, libpq_url, program

from kapelle.store.engine import open_url

SLOW = "0.5"
"""Seconds a step takes while the backup is made: it must see the run under way."""


def steps_in(url: str, run: str) -> set[str]:
    """The paths of the steps that a database has as finished."""
    engine = open_url(url)
    with engine.connect() as connection:
        statement = sa.text("select path from steps where run = :run and status = 'succeeded'")
        found = set(connection.execute(statement, {"run": run}).scalars())
    engine.dispose()
    return found


def back_up_file(place: Place) -> str:
    """As docs/backup.md says for SQLite."""
    backup = place.folder / "backup.db"
    with closing(sqlite3.connect(place.folder / "home" / "kapelle.db")) as connection:
        connection.execute("vacuum into ?", (str(backup),))
    return f"sqlite:///{backup}"


def back_up_server(url: str, folder: Path) -> Path:
    """As docs/backup.md says for Postgres."""
    dump = folder / "kapelle.dump"
    subprocess.run([program("pg_dump"), "-Fc", "-f", str(dump), libpq_url(url)], check=True, timeout=60)
    return dump


def go_on_from(place: Place, run: str, url: str) -> None:
    """Resume the run in the restored database, and hold its outcome to what the backup had."""
    kept = steps_in(url, run)
    done = {line.split()[1]: line.split()[2] for line in place.marks if line.startswith("done")}
    assert 0 < len(kept) < STEPS
    (place.folder / "marks.txt").unlink()
    resumed = place.run("resume", run, KAPELLE_DATABASE_URL=url)
    assert resumed.returncode == 0, resumed.stderr
    again = {line.split()[1]: line.split()[2] for line in place.marks if line.startswith("done")}
    assert kept.isdisjoint(again), "what the backup had as finished is not done again"
    assert len(steps_in(url, run)) > len(kept)
    # What was finished after the backup is done again, and known by its key to whoever was written to.
    assert {path: done[path] for path in again if path in done} == {
        path: key for path, key in again.items() if path in done
    }
    watched = place.run("watch", run, "--no-follow", "--json", KAPELLE_DATABASE_URL=url)
    numbers = [json.loads(line)["seq"] for line in watched.stdout.splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_file_is_backed_up_while_a_run_is_walked_and_restored(place: Place) -> None:
    process = place.begin("solve", "go", "--strategy", "ten", "--json", STEP_SECONDS=SLOW)
    wait_for_marks(place, 8, process)
    url = back_up_file(place)
    process.communicate(timeout=60)
    run = run_of(place)
    assert len(steps_in(f"sqlite:///{place.folder / 'home' / 'kapelle.db'}", run)) > len(steps_in(url, run))
    go_on_from(place, run, url)


def test_a_server_is_backed_up_while_a_run_is_walked_and_restored(
    place: Place, postgres: Server, postgres_url: str
) -> None:
    place.environment["KAPELLE_DATABASE_URL"] = postgres_url
    process = place.begin("solve", "go", "--strategy", "ten", "--json", STEP_SECONDS=SLOW)
    wait_for_marks(place, 8, process)
    dump = back_up_server(postgres_url, place.folder)
    process.communicate(timeout=60)
    run = run_of(place)
    with postgres.database() as url:
        subprocess.run([program("pg_restore"), "--no-owner", "-d", libpq_url(url), str(dump)], check=True, timeout=60)
        go_on_from(place, run, url)
