"""An ingest that is killed again and again loses nothing that was written, and does nothing twice."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

from tests.evidence.files import docx, pdf, write
from tests.integration.conftest import Place

from kapelle.evidence.model import sha256_of

KILLS = 20
SEED = 7


def live(database: Path) -> dict[str, str]:
    """What is committed: sources and their versions; what is checked is read as any other process would read it."""
    if not database.exists():
        return {}
    with closing(sqlite3.connect(database)) as connection:
        try:
            return dict(connection.execute("SELECT source, sha256 FROM evidence_live WHERE collection = 'corpus'"))
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return {}  # killed before the schema was there


def check(database: Path) -> None:
    """The words agree with the passages, the passages with the documents."""
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%fts5%' AND type = 'table'")
        for (name,) in found.fetchall():  # none where it was killed before the first batch
            connection.execute(f"INSERT INTO {name} ({name}, rank) VALUES ('integrity-check', 1)")
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        orphans = connection.execute(
            "SELECT count(*) FROM evidence_passages p JOIN evidence_collections c ON c.id = p.collection "
            "WHERE NOT EXISTS (SELECT 1 FROM evidence_live l WHERE l.owner = c.owner AND l.collection = c.name "
            "AND l.source = p.source AND l.sha256 = p.sha256)"
        ).fetchone()
        assert orphans == (0,)


def test_an_ingest_killed_twenty_times_loses_nothing_and_does_nothing_twice(place: Place) -> None:
    chance = random.Random(SEED)
    root = place.folder / "corpus"
    database = Path(place.environment["KAPELLE_HOME"]) / "kapelle.db"
    acknowledged: dict[str, str] = {}
    growing = 0
    killed_inside = 0
    for _ in range(KILLS):
        for n in range(growing, growing + 150):  # it grows between two kills
            write(root, {f"{n % 7}/{n:05}.md": f"# Note {n}\n\n" + f"Sentence {n} about invoices and trains. " * 120})
        write(root, {f"f{growing}.pdf": pdf(f"Contract {growing}."), f"f{growing}.docx": docx(f"Report {growing}.")})
        growing += 150
        process = place.begin("corpus", "add", str(root), "--json")
        _wait_for_writing(process, database, len(acknowledged), chance)
        if process.poll() is None:
            killed_inside += 1
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        now = live(database)
        assert acknowledged.items() <= now.items()
        acknowledged = now
    assert killed_inside >= KILLS // 2
    check(database)

    done = place.run("corpus", "add", str(root), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["skipped"] == []
    assert report["unchanged"] == len(acknowledged)
    assert (report["added"], report["changed"], report["removed"]) == (growing + 2 * KILLS - len(acknowledged), 0, 0)
    found = live(database)
    assert len(found) == growing + 2 * KILLS
    for file in root.rglob("*.md"):
        assert found[file.relative_to(root).as_posix()] == sha256_of(file.read_text())
    check(database)
    assert _converting(place) == set(), "converting processes outlive the command"


def _wait_for_writing(process: subprocess.Popen[str], database: Path, before: int, chance: random.Random) -> None:
    """Until a random moment, most often while documents are being written."""
    began = time.monotonic()
    if chance.random() < 0.2:
        time.sleep(chance.uniform(0, 1.5))
        return
    while process.poll() is None and len(live(database)) <= before and time.monotonic() - began < 20:
        time.sleep(0.01)
    time.sleep(chance.uniform(0, 0.15))


def _converting(place: Place) -> set[str]:
    """Converting processes of this place that hold on after a moment."""
    time.sleep(0.5)
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = ((process / name).read_bytes() for name in ("cmdline", "environ"))
        except OSError:
            continue  # it ended meanwhile, or is another user's
        if b"kapelle.evidence.convert" in command and place.environment["KAPELLE_HOME"].encode() in environment:
            found.add(process.name)
    return found
