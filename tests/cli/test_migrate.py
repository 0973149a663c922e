"""`kapelle migrate` copies a whole database either way, again with the same outcome, and never over newer rows."""

import asyncio
import json
import os
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.builders import OWNER, plan_of, step
from tests.contract.engines import opened, until
from tests.embedders import WordVectors

from kapelle import clock
from kapelle.assemble import index_of
from kapelle.cli.main import run
from kapelle.evidence.load import document_of
from kapelle.run.kept import purge_corpora
from kapelle.run.kept.purge import Purge
from kapelle.run.kept.retention import Kind
from kapelle.run.launch import client_of, make_tables
from kapelle.run.leases import pid_space, process_started
from kapelle.run.model import ENDED
from kapelle.run.schedules import TICK
from kapelle.store.copy import BATCH, TABLES
from kapelle.store.dialect import Statement
from kapelle.store.engine import open_url
from kapelle.store.migrate import migrate
from kapelle.store.tables import TAKEN_BY, metadata, runs, steps
from kapelle.store.version import HEAD

STATUSES = ("queued", "planning", "running", "waiting", "verifying", *sorted(ENDED))
AT = "2026-11-20T10:00:00.000Z"


@contextmanager
def database(url: str) -> Iterator[sa.Engine]:
    engine = open_url(url)
    migrate(engine)
    try:
        yield engine
    finally:
        engine.dispose()


def a_row(table: sa.Table, number: int, run: str) -> dict[str, Any]:
    """A row with something in every column."""
    made: dict[str, Any] = {}
    for column in table.columns:
        match column.type:
            case sa.Boolean():
                made[column.name] = bool(number % 2)
            case sa.Integer() | sa.BigInteger():
                made[column.name] = number
            case sa.Float():
                made[column.name] = number + 0.5
            case sa.LargeBinary():
                made[column.name] = bytes([0, 255, number % 256]) * 1_000
            case _:
                made[column.name] = f"{column.name} {number} ü\0🎻"
        if any(key.column is runs.c.id for key in column.foreign_keys):
            made[column.name] = run
    return made


def fill(engine: sa.Engine, seed: int = 0) -> None:
    """Runs of every status, and in every table rows of each."""
    dice = random.Random(seed)
    with engine.begin() as connection:
        for place, status in enumerate(STATUSES):
            id = f"run_{place:02}"
            was = {"status": status, "executor": "x_gone", "seq": 3, "purged": json.dumps({"text": AT})}
            row = a_row(runs, place, "") | {"id": id, **was}
            connection.execute(sa.insert(runs), row)
            for table in TABLES:
                if table is runs:
                    continue
                rows = [
                    a_row(table, place * 1_000 + number, id)
                    for number in range(1, dice.randrange(3, 10) if place else 2 * BATCH)
                ]
                if table.name == "session_turns":
                    continue
                connection.execute(sa.insert(table), rows)
        turns, sessions = metadata.tables["session_turns"], metadata.tables["sessions"]
        for session in connection.execute(sa.select(sessions)).mappings().all():
            turn = a_row(turns, session["version"], "run_00")
            connection.execute(sa.insert(turns), turn | {"owner": session["owner"], "session": session["id"]})
    index = index_of(engine, WordVectors())
    for number in range(5):
        index.put(
            "notes", [document_of(f"{number}.md", f"# Note {number}\n\nThe pump {number} is broken.\n")], owner=OWNER
        )
    index.calibrate("notes", 0.7, owner=OWNER)
    index.write_contexts_by("notes", "openai:writer", owner=OWNER)
    (first,) = index.passages("notes", index.of_source("notes", "0.md", owner=OWNER, most=1), owner=OWNER).values()
    index.put_contexts("notes", "0.md", first.sha256, {first.id: "Of a broken fountain."}, owner=OWNER)
    with engine.begin() as connection:  # the vector that it had before
        purge_corpora.take(connection, purge_corpora.changes(connection, purge_corpora.VECTORS, None)[0])
    index.put("books", [document_of("b.md", "# Book\n\nWe keep books of every pump.\n")], owner="acme/bob")
    index.calibrate("books", 0.4, owner="acme/bob")
    schedule(engine, "daily", "ü")


def schedule(engine: sa.Engine, *names: str, cron: str = "0 7 * * *") -> None:
    """Schedules of those names, as DBOS keeps them."""
    make_tables(engine)
    client = client_of(engine)
    client.apply_schedules(
        [
            {
                "schedule_name": f"{OWNER}/{name}",
                "workflow_name": TICK,
                "schedule": cron,
                "context": {"name": name, "owner": OWNER, "cron": cron, "task": {"prompt": "look"}},
                "queue_name": "ticks",
            }
            for name in names
        ]
    )
    client.destroy()


def scheduled(engine: sa.Engine) -> list[tuple[Any, ...]]:
    client = client_of(engine)
    found = client.list_schedules()
    client.destroy()
    return sorted((one["schedule_name"], one["schedule"], one["queue_name"], str(one["context"])) for one in found)


def contents(engine: sa.Engine) -> dict[str, list[Any]]:
    """Everything that was copied, as it stands."""
    with engine.connect() as connection:
        found = {
            table.name: [
                {name: value for name, value in row.items() if name != "executor"}
                for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings()
            ]
            for table in TABLES
        }
    found["schedules"] = scheduled(engine)
    index = index_of(engine, WordVectors())
    for owner in (OWNER, "acme/bob"):
        found[f"{owner} kept"] = [
            (one.answers_from, one.contexts_by, one.passages) for one in index.collections(owner=owner)
        ]
        found[f"{owner} contexts"] = [hit.source for hit in index.search("notes", "fountain", owner=owner)]
        for collection in ("notes", "books"):
            hits = index.search(collection, "a broken pump of books", owner=owner)
            found[f"{owner} {collection}"] = sorted((hit.source, hit.text, hit.start) for hit in hits)
            near = index.nearest(collection, "a broken pump of books", owner=owner, k=10)
            found[f"{owner} {collection} near"] = [round(cosine, 4) for _, cosine in near.matches] if near else []
            found[f"{owner} {collection} sources"] = [
                one.model_dump() for one in index.sources(collection, owner=owner)
            ]
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


@pytest.fixture(params=["sqlite to postgres", "postgres to sqlite"])
def ways(request: pytest.FixtureRequest, postgres_url: str, tmp_path: Path) -> tuple[str, str]:
    file = f"sqlite:///{tmp_path / 'a.db'}"
    return (file, postgres_url) if request.param == "sqlite to postgres" else (postgres_url, file)


def copy(source: str, target: str, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, int]]:
    """What the command says of each table."""
    assert run(["migrate", "--from", source, "--to", target, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["verified"] is True
    return {one.pop("table"): one for one in said["tables"]}


def test_everything_is_copied_and_again_changes_nothing(
    ways: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = ways
    with database(source) as here:
        fill(here)
        before = contents(here)
        said = copy(source, target, capsys)
        assert contents(here) == before
    with database(target) as there:
        assert contents(there) == before
        assert {name for name, one in said.items() if one["written"] != one["source"]} == set()
        assert min(one["source"] for one in said.values()) > 1
        with there.connect() as connection:
            assert connection.execute(sa.select(runs.c.executor).distinct()).scalars().all() == [None]
        again = copy(source, target, capsys)
        assert {one["written"] for one in again.values()} == {0}
        assert contents(there) == before


def test_there_and_back_is_the_same(postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, last = f"sqlite:///{tmp_path / 'a.db'}", f"sqlite:///{tmp_path / 'b.db'}"
    with database(first) as here:
        fill(here)
        before = contents(here)
    copy(first, postgres_url, capsys)
    copy(postgres_url, last, capsys)
    with database(last) as there:
        assert contents(there) == before


def test_what_went_on_in_the_source_is_brought_up_and_what_went_on_in_the_target_stays(
    ways: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = ways
    with database(source) as here, database(target) as there:
        fill(here)
        copy(source, target, capsys)
        go_on(here, "run_00", "here")
        go_on(there, "run_01", "there")
        copy(source, target, capsys)
        with there.connect() as connection:
            told = dict(connection.execute(sa.text("select run, data from events where kind = 'later'")).all())
            ids = connection.execute(sa.select(steps.c.run).where(steps.c.path == "later")).scalars().all()
        assert told == {"run_00": "here", "run_01": "there"}
        assert sorted(ids) == ["run_00", "run_01"]


def go_on(engine: sa.Engine, run: str, data: str) -> None:
    with engine.begin() as connection:
        last = connection.execute(sa.text("select max(seq) from events where run = :run"), {"run": run}).scalar()
        connection.execute(sa.update(runs).where(runs.c.id == run).values(seq=last + 1))
        event = {"run": run, "seq": last + 1, "at": AT, "kind": "later", "data": data}
        connection.execute(sa.insert(metadata.tables["events"]), event)
        result = {"run": run, "path": "later", "revision": 0, "seq": last + 1, "status": "succeeded", "result": "{}"}
        connection.execute(sa.insert(steps), result)


def test_a_run_that_went_on_in_both_is_refused_and_nothing_is_copied(
    ways: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = ways
    with database(source) as here, database(target) as there:
        fill(here)
        copy(source, target, capsys)
        for engine, data in ((here, "here"), (there, "there")):
            go_on(engine, "run_00", data)
        go_on(here, "run_01", "here")
        before = contents(there)
        assert run(["migrate", "--from", source, "--to", target]) == 2
        assert "`run_00`" in capsys.readouterr().err
        assert contents(there) == before


def put_ended(engine: sa.Engine) -> None:
    """A run that ended, with something that each kind of purge takes."""
    run = {"id": "run_e", "owner": OWNER, "status": "succeeded", "ended": AT, "seq": 3, "purged": None, "stuck": None}
    of_run = {"owner": OWNER, "run": "run_e"}
    text = {"source": "a.md", "sha256": "s"}
    output = {"result": '{"path": "a", "output": 1}', "blob": "s", "status": "succeeded", "superseded": False}
    rows = {
        "runs": [run],
        "events": [{**of_run, "seq": seq} for seq in (1, 2, 3)],
        "steps": [{**of_run, **output, "path": path} for path in "ab"],
        "evidence_documents": [{"owner": OWNER, **text}],
        **{name: [{**of_run, **text}] for name in ("journal", "approvals", "outbox", "run_evidence", "blobs")},
    }
    with engine.begin() as connection:
        for table in TABLES:
            for own in rows.get(table.name, ()):
                known = {name: value for name, value in own.items() if name in table.c}
                connection.execute(sa.insert(table), a_row(table, 7, "run_e") | known)


def purge(engine: sa.Engine, kind: Kind) -> None:
    make_tables(engine)
    bites = Purge(engine, lambda workflows: None, {kind: clock.now()}, None, archive=None, dry_run=False).bites()
    assert list(bites)


def rows_of(engine: sa.Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        return {table.name: [tuple(row) for row in connection.execute(sa.select(table))] for table in TABLES}


@pytest.mark.parametrize("kind", TAKEN_BY)
def test_what_was_purged_in_the_target_does_not_come_back(
    kind: Kind, ways: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = ways
    with database(source) as here, database(target) as there:
        put_ended(here)
        copy(source, target, capsys)
        before = rows_of(there)
        purge(there, kind)
        purged = rows_of(there)
        gone = {name for name, rows in before.items() if rows and not purged[name]}
        assert gone == {*TAKEN_BY[kind], *(["blobs"] if kind == "text" else [])}
        assert {one["written"] for one in copy(source, target, capsys).values()} == {0}
        assert rows_of(there) == purged


@pytest.mark.parametrize("kind", ["text", "events"])
def test_what_was_purged_in_the_source_stays_in_the_target(
    kind: Kind, ways: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = ways
    with database(source) as here, database(target) as there:
        put_ended(here)
        copy(source, target, capsys)
        before = rows_of(there)
        purge(here, kind)
        assert {one["written"] for one in copy(source, target, capsys).values()} == {0}
        assert rows_of(there) == before


def test_a_text_and_a_payload_that_others_hold_too_are_copied(
    ways: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = ways
    with database(source) as here, database(target) as there:
        put_ended(here)
        copy(source, target, capsys)
        purge(there, "text")
        with here.begin() as connection:
            other = a_row(runs, 8, "") | {"id": "run_o", "owner": OWNER, "status": "queued", "purged": None}
            connection.execute(sa.insert(runs), other)
            step_row = {"path": "a", "revision": 0, "seq": 1, "status": "succeeded", "result": "{}", "blob": "s"}
            connection.execute(sa.insert(steps), {**step_row, "run": "run_o"})
            read = {"run": "run_o", "path": "a", "source": "a.md", "sha256": "s"}
            connection.execute(sa.insert(metadata.tables["run_evidence"]), read)
        told = copy(source, target, capsys)
        assert {name for name, one in told.items() if one["written"]} == {
            "runs", "steps", "run_evidence", "evidence_documents", "blobs",
        }  # fmt: skip


@pytest.mark.parametrize("purged", ["source", "target"])
def test_a_run_without_events_that_went_on_in_both_is_refused_too(
    purged: str, ways: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = ways
    with database(source) as here, database(target) as there:
        put_ended(here)
        copy(source, target, capsys)
        for engine, data in ((here, "here"), (there, "there")):
            go_on(engine, "run_e", data)
        with (there if purged == "target" else here).begin() as connection:
            connection.execute(sa.update(steps).where(steps.c.path == "later").values(result='{"other": 1}'))
        purge(there if purged == "target" else here, "events")
        assert run(["migrate", "--from", source, "--to", target]) == 2
        assert "`run_e`" in capsys.readouterr().err


def test_a_run_that_ended_and_was_purged_in_the_source_replaces_its_copy(
    ways: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = ways
    with database(source) as here, database(target) as there:
        put_ended(here)
        copy(source, target, capsys)
        go_on(here, "run_e", "here")
        purge(here, "events")
        copy(source, target, capsys)
        found = rows_of(there)
        assert found["events"] == []
        assert [row[1] for row in found["steps"]] == ["a", "b", "later"]


def test_a_database_in_use_is_refused(ways: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    source, target = ways
    with database(source) as here:
        row = {
            "executor": "x_1",
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "boot": pid_space(),
            "process_started": process_started(os.getpid()),
            "beat": time.time(),
        }
        with here.begin() as connection:
            connection.execute(sa.insert(metadata.tables["leases"]), row)
        assert run(["migrate", "--from", source, "--to", target]) == 1
        assert f"process {os.getpid()} on {socket.gethostname()}; stop it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sqlite-path", "nowhere.db"], "there is no file `nowhere.db`"),
        (["--from", "sqlite:///x.db", "--sqlite-path", "x.db"], "give one of them"),
        (["--from", "sqlite:///empty.db"], "there is no Kapelle database at `empty.db`"),
        (["--from", "mysql://db/x"], "`mysql` is not supported"),
    ],
)
def test_a_source_that_cannot_be_copied_is_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty.db").touch()
    assert run(["migrate", "--to", "sqlite:///to.db", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not Path("nowhere.db").exists()


@pytest.mark.parametrize("path", ["a.db", "folder/../a.db", "link.db"])
def test_a_database_is_not_copied_into_itself(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "a.db")
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with database(url):
        pass
    for source, target in ((url, f"sqlite:///{tmp_path}/{path}"), (f"sqlite:///{tmp_path}/{path}", url)):
        assert run(["migrate", "--from", source, "--to", target]) == 2
        assert "the same database" in capsys.readouterr().err


def test_without_a_source_the_schema_is_brought_up_to_date(
    empty_postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["migrate", "--database-url", empty_postgres_url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) | {"database": ""} == {"database": "", "schema": HEAD, "was": None}
    assert run(["migrate", "--database-url", empty_postgres_url]) == 0
    assert f"schema {HEAD}, is up to date" in capsys.readouterr().out


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_a_run_that_was_started_with_a_delay_waits_for_its_time_where_it_was_copied_to(
    engine: str, postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    urls = {"sqlite": f"sqlite:///{tmp_path / 'a.db'}", "postgres": postgres_url}
    other = "postgres" if engine == "sqlite" else "sqlite"
    async with opened(engine, tmp_path, database_url=urls[engine]) as (house, _):
        late = await house.start("do it", plan=plan_of(step("a")), here=False, delay=3_600)
        soon = await house.start("do it", plan=plan_of(step("b")), here=False, delay=0.01)
        not_before = (await late.status()).not_before
        assert not_before is not None
    copy(urls[engine], urls[other], capsys)
    async with opened(other, tmp_path / "other", database_url=urls[other], serves=True) as (house, ledger):
        assert await until(house, soon.id, *ENDED) == "succeeded"
        async with asyncio.timeout(10):
            while (await house.get(late.id).status()).generation == 1:
                await asyncio.sleep(0.05)
        standing = await house.get(late.id).status()
        assert (standing.status, standing.not_before, ledger.calls) == ("queued", not_before, ["b"])
    delayed = Statement("select delay_until_epoch_ms from {workflow_status} where status = 'DELAYED'")
    with database(urls[other]) as there, there.connect() as connection:
        until_ms = connection.execute(delayed.on(connection)).scalar_one()
    assert until_ms / 1000 == pytest.approx(not_before.timestamp(), abs=1)


async def test_schedules_are_copied_and_those_of_the_target_stay(
    empty_postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened("sqlite", tmp_path) as (house, _):
        before = await house.schedule("a", "0 7 * * mon-fri", "report", session="s")
        await house.schedule("b", "0 8 * * *", "look")
    source = f"sqlite:///{tmp_path / 'kapelle.db'}"
    told = copy(source, empty_postgres_url, capsys)
    assert told["schedules"] == {"source": 2, "written": 2, "target": 2}
    async with opened("postgres", tmp_path / "other", database_url=empty_postgres_url) as (house, _):
        first, _ = await house.schedules()
        assert (first.name, first.cron, first.task) == ("a", "0 7 * * mon-fri", before.task)
        await house.schedule("b", "0 9 * * *", "look later")
        await house.unschedule("a")
        await house.schedule("c", "0 9 * * *", "look at another")
    assert copy(source, empty_postgres_url, capsys)["schedules"] == {"source": 2, "written": 1, "target": 3}
    back = f"sqlite:///{tmp_path / 'back.db'}"
    assert copy(empty_postgres_url, back, capsys)["schedules"] == {"source": 3, "written": 3, "target": 3}
    with database(back) as there:
        crons = [(name, cron) for name, cron, _, _ in scheduled(there)]
    assert crons == [(f"{OWNER}/a", "0 7 * * mon-fri"), (f"{OWNER}/b", "0 9 * * *"), (f"{OWNER}/c", "0 9 * * *")]


async def test_unfinished_runs_go_on_where_they_were_copied_to(
    postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened("sqlite", tmp_path) as (house, ledger):
        asks = await house.start("do it", plan=plan_of(step("a"), step("w", "a", uses="put")), approve="writes")
        waits = await asks.wait()
        ended = await (await house.start("do it", plan=plan_of(step("c")))).wait()
    assert (waits.status, ended.status) == ("waiting", "succeeded")
    copy(f"sqlite:///{tmp_path / 'kapelle.db'}", postgres_url, capsys)
    async with opened("postgres", tmp_path / "other", database_url=postgres_url) as (house, ledger):
        assert (await house.get(ended.id).status()).status == "succeeded"
        (asked,) = await house.approvals(run=waits.id)
        await asked.approve(by="bo")
        run = house.get(waits.id)
        await run.resume()
        assert (await run.wait()).status == "succeeded"
        # What was finished in the other database is not done again.
        assert ledger.calls == ["w"]
        events = [event.seq async for event in run.events()]
        assert events == list(range(1, len(events) + 1))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "nope"], "`--from` is not a database URL"),
        (["--from", "mysql://a/b"], "`--from`: `mysql` is not supported"),
        (["--to", "nope"], "`--to` is not a database URL"),
    ],
)
def test_the_option_that_holds_no_database_is_named(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run(["migrate", *arguments]) == 2
    assert words in capsys.readouterr().err
