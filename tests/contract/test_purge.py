"""Retention on both databases: what goes, what stays, and that nothing goes unwritten."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.builders import plan_of, step
from tests.contract.engines import opened, settings_of
from tests.embedders import WordVectors

from kapelle import clock
from kapelle.assemble import index_of
from kapelle.errors import BadInput, NotFound, Purged, Refused, StoreUnavailable
from kapelle.evidence.index import Index
from kapelle.evidence.load import document_of
from kapelle.handles import Run
from kapelle.orchestrator import Orchestrator
from kapelle.plan.model import Plan
from kapelle.run.again.rerun import fork_of
from kapelle.run.kept import purge_corpora, purge_rows
from kapelle.run.kept.purge import Paced, first_of
from kapelle.store.engine import open_engine
from kapelle.tools.decorator import tool

DAY = 86_400.0
BIG = "x" * 100_000


@tool
async def big(name: str, given: Any = None) -> dict[str, str]:
    """Give something large."""
    return {"name": name, "text": BIG}


@pytest.fixture(params=["sqlite", "postgres"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Orchestrator]:
    async with opened(request.param, tmp_path, big, **settings_of(request.param, request)) as (home, _):
        yield home


async def ended(home: Orchestrator, *steps: Any, **fields: Any) -> Run:
    run = await home.start("do it", plan=plan_of(*(steps or (step("a"), step("b", "a")))), **fields)
    await run.wait()
    return run


def count(home: Orchestrator, table: str, where: str = "1=1") -> int:
    engine = open_engine(home.settings)
    with engine.connect() as connection:
        table = f"dbos.{table}" if table == "workflow_status" and engine.dialect.name == "postgresql" else table
        found = connection.execute(sa.text(f"select count(*) from {table} where {where}")).scalar()
    engine.dispose()
    return int(found or 0)


def archived(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [
        json.loads(line) for file in sorted(folder.glob(f"{kind}-*.jsonl")) for line in file.read_text().splitlines()
    ]


def gone(report: Any) -> dict[str, int]:
    return {one.kind: one.rows for one in report.kinds}


async def test_the_settings_say_what_goes_and_when(house: Orchestrator, tmp_path: Path) -> None:
    await ended(house)
    with clock.shifted(29 * DAY):
        assert gone(await house.purge()) == {"text": 0, "journal": 0, "approvals": 0, "sessions": 0, "corpora": 0}
    assert count(house, "workflow_status") == 1
    with clock.shifted(31 * DAY):
        assert gone(await house.purge())["text"] == 0
        assert count(house, "workflow_status") == 0
    with clock.shifted(181 * DAY):
        assert gone(await house.purge())["text"] == 2
        assert gone(await house.purge())["text"] == 0
    assert count(house, "events") > 0


async def test_a_run_without_its_text_still_lists_and_shows_and_says_what_is_missing(
    house: Orchestrator, tmp_path: Path
) -> None:
    run = await ended(house)
    before = await run.status()
    report = await house.purge(["text"], older_than=0)
    assert gone(report) == {"text": 2}
    record = await run.status()
    assert record.output == before.output == "b"
    assert set(record.purged) == {"text"}
    assert [one.id for one in await house.runs()] == [run.id]
    assert [(one.path, one.status, one.output) for one in await run.steps()] == [
        ("a", "succeeded", None),
        ("b", "succeeded", None),
    ]
    assert (await run.result()).text == "b"
    assert [event.seq async for event in run.events()] == list(range(1, record.seq + 1))
    for refused in (run.rerun(from_="b"), run.fork(from_="b"), house.record(run.id), house.replay(run.id)):
        with pytest.raises(Purged, match=f"{run.id}.*outputs of its steps"):
            await refused
    rows = archived(tmp_path / "archive", "text")
    assert {json.loads(one["row"]["result"])["output"] for one in rows} == {"a", "b"}


async def test_without_its_events_a_run_still_streams_to_an_end(house: Orchestrator) -> None:
    run = await ended(house)
    assert gone(await house.purge(["events"], older_than=0))["events"] == (await run.status()).seq
    assert [event async for event in run.events()] == []
    with pytest.raises(Purged, match="its events"):
        await house.replay(run.id)
    with pytest.raises(Purged, match="its events"):
        await run.rerun(from_="b")


async def test_a_dry_run_counts_what_a_real_one_takes_and_takes_nothing(house: Orchestrator, tmp_path: Path) -> None:
    await ended(house, step("a", uses="big"), step("b", "a", uses="big"), session="s")
    kinds = ["text", "journal", "events", "sessions"]
    dry = await house.purge(kinds, older_than=0, dry_run=True)
    assert not (tmp_path / "archive").exists()
    assert count(house, "blobs") == 2
    real = await house.purge(kinds, older_than=0)
    assert gone(dry) == gone(real)
    assert gone(real)["text"] == 4
    for one, other in zip(dry.kinds, real.kinds, strict=True):
        assert other.bytes == pytest.approx(one.bytes, rel=0.05, abs=500), one.kind
    assert {one.kind: one.bytes for one in real.kinds}["text"] > 200_000
    assert count(house, "blobs") == 0


async def test_runs_that_have_not_ended_keep_everything(house: Orchestrator) -> None:
    later = clock.to_iso(clock.now().replace(year=2999))
    waiting = step("w", "a", uses="nap", inputs={"given": later})
    run = await ended(house, step("a", uses="big"), waiting)
    assert (await run.status()).status == "waiting"
    with clock.shifted(4_000 * DAY):
        report = await house.purge(["text", "journal", "events", "approvals", "runs"], older_than=0)
    assert gone(report) == dict.fromkeys(("text", "journal", "events", "approvals", "runs"), 0)
    (done, *_) = await run.steps()
    assert done.output == {"name": "a", "text": BIG}


async def test_a_payload_that_a_kept_run_refers_to_stays(house: Orchestrator) -> None:
    old = await ended(house, step("a", uses="big"))
    with clock.shifted(200 * DAY):
        new = await ended(house, step("a", uses="big"))
        await house.purge()
        assert "text" in (await old.status()).purged
        assert [one.output for one in await old.steps()] == [None]
        assert count(house, "blobs") == 1
        assert [one.output for one in await new.steps()] == [{"name": "a", "text": BIG}]
    with clock.shifted(400 * DAY):
        await house.purge()
        assert count(house, "blobs") == 0


async def test_texts_that_a_collection_shows_or_a_kept_run_has_read_stay(
    request: pytest.FixtureRequest, house: Orchestrator, tmp_path: Path
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("# Invoices\n\nInvoices are kept for ten years.\n")
    await house.ingest("docs", folder)
    search = {"kind": "search", "id": "s", "inputs": {"query": "invoices"}, "corpora": ["docs"]}
    plan = {"steps": [search], "output": "s"}
    house.parts.corpora["docs"] = folder

    async def read() -> Run:
        run = await house.start("how long", plan=Plan.model_validate(plan))
        await run.wait()
        return run

    await read()
    assert count(house, "run_evidence") == 1
    (folder / "a.md").write_text("# Invoices\n\nInvoices are kept for six years.\n")
    await house.ingest("docs", folder)
    with clock.shifted(100 * DAY):
        await read()
    assert count(house, "evidence_documents") == 2
    with clock.shifted(190 * DAY):
        await house.purge(["text"])
    assert count(house, "evidence_documents") == 1
    (line,) = [one for one in archived(tmp_path / "archive", "text") if one["table"] == "evidence_documents"]
    assert "ten years" in line["row"]["text"]
    with clock.shifted(400 * DAY):
        await house.purge(["text"])
    # No run holds it any more; the collection does.
    assert (count(house, "run_evidence"), count(house, "evidence_documents")) == (0, 1)


async def test_whole_runs_go_with_all_that_is_theirs_and_their_audit_stays(house: Orchestrator, tmp_path: Path) -> None:
    run = await house.start("do it", plan=plan_of(step("a", uses="big"), step("p", "a", uses="put")), session="s")
    await run.wait()
    (asked,) = await run.approvals()
    await asked.approve(by="bo")
    await run.resume()
    await run.wait()
    kept = await ended(house)
    await house.purge(["runs"], older_than=0, every_owner=True, archive=tmp_path / "else", dry_run=True)
    assert count(house, "runs") == 2
    with clock.shifted(10 * DAY):
        later = await ended(house)
        await house.purge(["runs"], older_than=5, archive=tmp_path / "else")
    assert [one.id for one in await house.runs()] == [later.id]
    for table in ("steps", "events", "approvals", "run_evidence", "parts", "journal"):
        assert count(house, table, f"run <> '{later.id}'") == 0, table
    assert (count(house, "blobs"), count(house, "workflow_status")) == (0, 1)
    with pytest.raises(NotFound):
        await house.get(kept.id).status()
    tables = {one["table"] for one in archived(tmp_path / "else", "runs")}
    assert {"runs", "steps", "events", "approvals", "blobs"} <= tables
    assert [one.what for one in await house.history(run=run.id)] == ["requested", "decided"]
    assert [one.run for one in await house.sessions.history("s")] == [run.id]
    with clock.shifted(800 * DAY):
        await house.purge(["approvals"])
    assert await house.history(run=run.id) == []


async def test_sessions_that_are_not_used_go_with_their_turns(house: Orchestrator, tmp_path: Path) -> None:
    await ended(house, session="old")
    await house.sessions.create("large", state={"text": BIG})
    with clock.shifted(20 * DAY):
        await house.sessions.create("new")
    with clock.shifted(31 * DAY):
        report = await house.purge(["sessions"])
    assert gone(report) == {"sessions": 4}
    assert (count(house, "sessions"), count(house, "session_turns"), count(house, "blobs")) == (1, 0, 0)
    tables = [one["table"] for one in archived(tmp_path / "archive", "sessions")]
    assert sorted(tables) == ["blobs", "session_turns", "sessions", "sessions"]


async def test_what_cannot_be_archived_is_not_deleted(house: Orchestrator, tmp_path: Path) -> None:
    run = await ended(house)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="archive"):
        await house.purge(["text"], older_than=0, archive=tmp_path / "file")
    assert [one.output for one in await run.steps()] == ["a", "b"]
    assert (await run.status()).purged == {}


async def test_the_archive_is_for_this_user_alone(house: Orchestrator, tmp_path: Path) -> None:
    await ended(house)
    await house.purge(["text"], older_than=0)
    (file,) = (tmp_path / "archive").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


async def test_a_run_that_was_begun_again_meanwhile_is_left_alone(house: Orchestrator) -> None:
    run = await ended(house)
    engine = open_engine(house.settings)
    with engine.connect() as connection:
        (old,) = purge_rows.old_runs(connection, "text", clock.now(), None, after="", limit=10)
    await run.rerun(from_="b")
    await run.wait()
    with engine.begin() as connection:
        assert purge_rows.take(connection, "text", old, marks=True) is False
    engine.dispose()
    assert [one.output for one in await run.steps()] == ["a", "b"]


async def test_a_rerun_that_was_looked_at_before_the_purge_is_refused(house: Orchestrator) -> None:
    run = await ended(house)
    again = await run.look_ahead(from_="b")
    await house.purge(["text"], older_than=0)
    with pytest.raises(Refused, match="meanwhile"):
        await house.parts.engine.rerun(again)
    with pytest.raises(Refused, match="meanwhile"):
        await house.parts.engine.fork(again, fork_of(again))
    assert len(await house.runs()) == 1


async def test_a_fork_keeps_its_payloads_when_its_source_is_purged(house: Orchestrator) -> None:
    run = await ended(house, step("a", uses="big"), step("b", "a"))
    with clock.shifted(200 * DAY):
        fork = await run.fork(from_="b")
        await fork.wait()
        await house.purge(["text"])
        assert [one.output for one in await run.steps()] == [None, None]
        assert [one.output for one in await fork.steps() if one.path == "a"] == [{"name": "a", "text": BIG}]


@pytest.mark.parametrize(
    ("kinds", "fields", "said"),
    [
        (["texts"], {}, "texts"),
        (["events"], {}, "for ever"),
        ([], {"older_than": -1}, "older_than"),
        ([], {"older_than": float("nan")}, "older_than"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, kinds: list[Any], fields: dict[str, Any], said: str
) -> None:
    async with opened("sqlite", tmp_path) as (home, _):
        with pytest.raises(BadInput, match=said):
            await home.purge(kinds, **fields)


_DIES = """
import asyncio, os, sys
from kapelle.orchestrator import Orchestrator
from kapelle.run.kept import purge_corpora, purge_rows
from kapelle.settings import load_settings

def die(*_, **__):
    os._exit(9)

purge_rows.take = die

async def main() -> None:
    async with Orchestrator(settings=load_settings(home=sys.argv[1], owner="acme/ann"), packs=[]) as house:
        await house.purge(["text"], older_than=0)

asyncio.run(main())
"""


async def test_a_crash_between_archive_and_delete_archives_again_and_loses_nothing(tmp_path: Path) -> None:
    async with opened("sqlite", tmp_path) as (home, _):
        run = await ended(home)
    ended_ = subprocess.run([sys.executable, "-c", _DIES, str(tmp_path)], capture_output=True, timeout=60)
    assert ended_.returncode == 9, ended_.stderr
    (file,) = (tmp_path / "archive").iterdir()
    assert len(archived(file.parent, "text")) == 2
    with file.open("a") as out:
        out.write('{"kind": "te')
    async with opened("sqlite", tmp_path) as (home, _):
        assert [one.output for one in await home.get(run.id).steps()] == ["a", "b"]
        assert gone(await home.purge(["text"], older_than=0)) == {"text": 2}
    lines = file.read_text().splitlines()
    assert len(lines) == 5
    assert [json.loads(line)["row"]["path"] for place, line in enumerate(lines) if place != 2] == ["a", "b", "a", "b"]


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_a_worker_does_it_for_every_owner_by_the_settings(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fields = settings_of(engine, request)
    async with opened(engine, tmp_path, owner="acme/bo", **fields) as (home, _):
        run = await ended(home)
    async with opened(engine, tmp_path, serves=True, **fields) as (home, _):
        durable: Any = home.parts.engine
        await durable._retain()
        assert count(home, "runs", "purged is not null") == 0
        with clock.shifted(200 * DAY):
            await durable._retain()
        assert count(home, "runs", "purged is not null") == 1
    async with opened(engine, tmp_path, owner="acme/bo", **fields) as (home, _):
        assert set((await home.get(run.id).status()).purged) == {"text"}


async def test_only_the_first_of_several_workers_does_it(tmp_path: Path) -> None:
    async with opened("sqlite", tmp_path, serves=True) as (home, _):
        durable: Any = home.parts.engine
        mine = durable._lease.executor
        engine = open_engine(home.settings)
        with engine.connect() as connection:
            assert first_of(connection, mine)
        with engine.begin() as connection:
            connection.execute(
                sa.text(
                    "insert into leases select '0first', host, pid, boot, process_started, beat, queues from leases "
                    "where executor = :mine"
                ),
                {"mine": mine},
            )
            assert not first_of(connection, mine)
            connection.execute(sa.text("delete from leases where executor = '0first'"))
        engine.dispose()


async def test_it_is_begun_in_its_time_and_never_twice_at_once() -> None:
    begun, release = [], asyncio.Event()

    async def work() -> None:
        begun.append(time.monotonic())
        await release.wait()
        raise StoreUnavailable("no")

    paced = Paced(work, first=0.05, every=0.05)
    await paced.nudge()
    assert begun == []
    for _ in range(10):
        await asyncio.sleep(0.02)
        await paced.nudge()
    assert len(begun) == 1
    release.set()
    for _ in range(10):
        await asyncio.sleep(0.02)
        await paced.nudge()
    assert len(begun) > 1
    await paced.close()


async def test_walks_go_on_while_it_is_at_work(house: Orchestrator) -> None:
    for _ in range(30):
        await ended(house)
    purging = asyncio.create_task(house.purge(["text", "journal", "events", "runs"], older_than=0))
    wide = plan_of(*(step(f"s{number}") for number in range(60)), step("z", *(f"s{number}" for number in range(60))))
    run = await house.start("go on", plan=wide)
    assert (await run.wait()).status == "succeeded"
    await purging
    # What ended after the purge was asked for is too young for it.
    assert [one.id for one in await house.runs()] == [run.id]
    assert len(await run.steps()) == 61


async def test_only_one_owners_runs_go_unless_all_are_meant(tmp_path: Path) -> None:
    async with opened("sqlite", tmp_path, owner="acme/bo") as (home, _):
        await ended(home)
    async with opened("sqlite", tmp_path) as (home, _):
        await ended(home)
        assert gone(await home.purge(["text"], older_than=0)) == {"text": 2}
        assert gone(await home.purge(["text"], older_than=0, every_owner=True)) == {"text": 2}


@pytest.fixture
def notes(house: Orchestrator) -> Iterator[Index]:
    """An index with vectors beside the house's own, over the same database."""
    assert house.parts  # the tables are there
    engine = open_engine(house.settings)
    index = index_of(engine, WordVectors())
    for name in ("pumps", "boats", "cars"):
        index.put("notes", [document_of(f"{name}.md", f"# Note\n\nThe {name} are blue.\n")], owner=house.settings.owner)
    yield index
    engine.dispose()


def shown(home: Orchestrator) -> set[str]:
    engine = open_engine(home.settings)
    with engine.connect() as connection:
        found = set(connection.execute(sa.text("select source from evidence_documents")).scalars())
    engine.dispose()
    return found


def read(home: Orchestrator, run: Run, source: str) -> None:
    """Note that a run has read a source, as a search does."""
    engine = open_engine(home.settings)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "insert into run_evidence (run, path, source, sha256) "
                "select :run, 'a', source, sha256 from evidence_documents where source = :source"
            ),
            {"run": run.id, "source": source},
        )
    engine.dispose()


async def test_what_a_corpus_leaves_behind_goes_after_a_while(
    house: Orchestrator, notes: Index, tmp_path: Path
) -> None:
    owner = house.settings.owner
    run = await ended(house)
    read(house, run, "boats.md")
    notes.delete("notes", owner=owner, sources=["pumps.md", "boats.md"])
    assert gone(await house.purge(["corpora"], dry_run=True)) == {"corpora": 0}
    assert gone(await house.purge(["corpora"])) == {"corpora": 0}
    with clock.shifted(6 * DAY):
        assert gone(await house.purge())["corpora"] == 0
    with clock.shifted(8 * DAY):
        report = await house.purge(["corpora"], dry_run=True)
        assert gone(report) == {"corpora": 3}  # a text, and two vectors
        assert gone(await house.purge(["corpora"])) == {"corpora": 3}
        assert gone(await house.purge(["corpora"])) == {"corpora": 0}
    assert shown(house) == {"boats.md", "cars.md"}
    assert count(house, "evidence_vectors") == 1
    assert [one["row"]["source"] for one in archived(house.settings.home / "archive", "corpora")] == ["pumps.md"]
    near = notes.nearest("notes", "blue cars", owner=owner, k=3)
    assert near is not None and len(near.matches) == 1
    # What the run has read goes with the run's own text.
    await house.purge(["text"], older_than=0)
    assert shown(house) == {"cars.md"}


async def test_asked_for_as_of_now_it_goes_now(house: Orchestrator, notes: Index) -> None:
    notes.delete("notes", owner=house.settings.owner)
    assert gone(await house.purge(["corpora"], older_than=0, dry_run=True)) == {"corpora": 6}
    assert count(house, "evidence_vectors") == 3
    assert gone(await house.purge(["corpora"], older_than=0)) == {"corpora": 6}
    assert count(house, "evidence_vectors") == 0
    assert shown(house) == set()


async def test_what_is_used_again_stays(house: Orchestrator, notes: Index) -> None:
    owner = house.settings.owner
    notes.delete("notes", owner=owner)
    await house.purge(["corpora"])
    pumps = document_of("pumps.md", "# Note\n\nThe pumps are blue.\n")
    notes.put("notes", [pumps], owner=owner)
    with clock.shifted(8 * DAY):
        assert gone(await house.purge(["corpora"], dry_run=True)) == {"corpora": 4}
        assert gone(await house.purge(["corpora"])) == {"corpora": 4}
        notes.delete("notes", owner=owner)
        assert gone(await house.purge(["corpora"])) == {"corpora": 0}
    assert shown(house) == {"pumps.md"}


async def test_what_is_used_between_the_look_and_the_delete_stays(house: Orchestrator, notes: Index) -> None:
    owner = house.settings.owner
    notes.delete("notes", owner=owner)
    engine = open_engine(house.settings)
    for table, left in ((purge_corpora.TEXTS, 1), (purge_corpora.VECTORS, 1)):
        with engine.begin() as connection:
            unused, used = purge_corpora.changes(connection, table, owner)
            assert len(unused) == 3 and not used
            purge_corpora.mark(connection, unused, clock.now())
            due = purge_corpora.due(connection, table, clock.now(), owner, 10)
        notes.put("notes", [document_of("cars.md", "# Note\n\nThe cars are blue.\n")], owner=owner)
        with engine.begin() as connection:
            assert len(purge_corpora.take(connection, due)) == 2
        assert count(house, table) == left
        notes.delete("notes", owner=owner)
    engine.dispose()


async def test_another_owners_texts_stay(house: Orchestrator, notes: Index) -> None:
    notes.put("theirs", [document_of("x.md", "# X\n\nTheir pumps are red.\n")], owner="acme/bob")
    notes.delete("theirs", owner="acme/bob")
    await house.purge(["corpora"], older_than=0)
    assert "x.md" in shown(house)
    await house.purge(["corpora"], older_than=0, every_owner=True)
    assert "x.md" not in shown(house)
