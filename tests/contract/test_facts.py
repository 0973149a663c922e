"""What a batch says of a run, written on both databases: all of it by its owner, or nothing."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.builders import OWNER

from kapelle.errors import OwnershipLost
from kapelle.run.checkpoint import Part, RunChange
from kapelle.run.facts import Facts, write
from kapelle.run.facts import alone as facts_alone
from kapelle.run.fence import RunFence
from kapelle.settings import load_settings
from kapelle.store.dialect import Statement, dialect_of
from kapelle.store.engine import open_engine
from kapelle.store.migrate import migrate
from kapelle.store.tables import events, parts, runs, steps, writers
from kapelle.store.transact_loop_postgres import PostgresLoop
from kapelle.store.transact_postgres import Mark

FENCE = RunFence(run="run_1", generation=1, workflow="run_1:g1", xid="mine")
OWN = Statement(
    "insert into {workflow_status} (workflow_uuid, status, owner_xid, created_at, updated_at) "
    "values ('run_1\\:g1', 'PENDING', 'mine', 0, 0)"
)
WRITER = "w_1"


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    fields = {"database_url": request.getfixturevalue("postgres_url")} if request.param == "postgres" else {}
    yield from opened(tmp_path, fields)


@pytest.fixture
def on_server(postgres_url: str, tmp_path: Path) -> Iterator[sa.Engine]:
    yield from opened(tmp_path, {"database_url": postgres_url})


def opened(home: Path, fields: dict[str, Any]) -> Iterator[sa.Engine]:
    engine = open_engine(load_settings(home=home, **fields))
    migrate(engine)
    with engine.begin() as connection:
        if dialect_of(engine).name == "sqlite":
            connection.exec_driver_sql(
                "create table workflow_status (workflow_uuid, status, owner_xid, created_at, updated_at)"
            )
        row = {"id": "run_1", "owner": OWNER, "task": "{}", "plan": "{}", "status": "queued", "created": "", "seq": 2}
        connection.execute(sa.insert(runs), row)
        connection.execute(sa.insert(writers), {"id": WRITER, "number": 4, "at": 0})
        connection.execute(OWN.on(connection))
    yield engine
    engine.dispose()


def result(path: str, status: str = "succeeded", text: str = "{}") -> dict[str, object]:
    return {"path": path, "revision": 0, "status": status, "result": text, "payload": None}


def event(kind: str, path: str | None = None) -> dict[str, object]:
    return {"path": path, "execution": 1 if path else None, "kind": kind, "data": '{"a": "\x00ü"}'}


def facts(*paths: str, told: int = 1, change: RunChange | None = None, status: str = "succeeded") -> Facts:
    told_of = [event("note"), *(event("step.finished", path) for path in paths)]
    return Facts(
        results=[result(path, status) for path in paths],
        events=told_of[:told] if told == 0 else told_of,
        at="2030-01-01T00:00:00.000Z",
        change=change,
    )


def written(engine: sa.Engine) -> tuple[list[str], list[tuple[int, str]], int]:
    """Paths of the steps, numbers and kinds of the events, the run's last number."""
    with engine.connect() as connection:
        return (
            list(connection.execute(sa.select(steps.c.path).order_by(steps.c.seq, steps.c.path)).scalars()),
            [tuple(row) for row in connection.execute(sa.select(events.c.seq, events.c.kind).order_by(events.c.seq))],
            int(connection.execute(sa.select(runs.c.seq)).scalar_one()),
        )


def by_transaction(engine: sa.Engine, said: Facts, fence: RunFence = FENCE) -> None:
    with engine.begin() as connection:
        write(connection, fence, said)


def alone(engine: sa.Engine, said: Facts, fence: RunFence = FENCE, *, number: int = 5) -> None:
    made = facts_alone(fence, said)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            row = made.statement.row(connection, made.given_with(Mark(WRITER, number)))
        except sa.exc.DataError as error:
            raise made.refusals[error.orig.sqlstate] from error  # type: ignore[union-attr]
    made.read(row)


def by_the_loop(engine: sa.Engine, said: Facts, fence: RunFence = FENCE) -> None:
    async def send() -> None:
        sender = PostgresLoop(engine)
        try:
            await sender.run(facts_alone(fence, said))
        finally:
            sender.close()

    asyncio.run(send())


Way = Callable[..., None]
WAYS: dict[str, Way] = {"sqlite": by_transaction, "postgres": by_transaction, "alone": alone, "loop": by_the_loop}


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[sa.Engine, Way]]:
    own = request.param == "sqlite"
    fields = {} if own else {"database_url": request.getfixturevalue("postgres_url")}
    for engine in opened(tmp_path, fields):
        yield engine, WAYS[request.param]


def test_events_are_numbered_one_after_the_other(way: tuple[sa.Engine, Way]) -> None:
    engine, put = way
    put(engine, facts("a", "b"))
    assert written(engine) == (["a", "b"], [(3, "note"), (4, "step.finished"), (5, "step.finished")], 5)
    with engine.connect() as connection:
        assert connection.execute(sa.select(events.c.data).where(events.c.seq == 3)).scalar() == '{"a": "\x00ü"}'
        assert connection.execute(sa.select(steps.c.seq)).scalars().all() == [3, 3]


def test_nothing_but_the_run_s_own_row_may_change(way: tuple[sa.Engine, Way]) -> None:
    engine, put = way
    put(engine, facts(told=0, change=RunChange(status="running")))
    assert written(engine) == ([], [], 2)
    with engine.connect() as connection:
        row = connection.execute(sa.select(runs)).mappings().one()
    assert (row["status"], row["started"], row["ended"], row["plan"]) == (
        "running",
        "2030-01-01T00:00:00.000Z",
        None,
        "{}",
    )


@pytest.mark.parametrize(
    "lost",
    [
        "update {workflow_status} set owner_xid = 'other'",
        "update {workflow_status} set status = 'CANCELLED'",
        "update runs set generation = 2",
        "delete from {workflow_status}",
    ],
)
def test_whoever_lost_the_run_writes_nothing(way: tuple[sa.Engine, Way], lost: str) -> None:
    engine, put = way
    with engine.begin() as connection:
        connection.execute(Statement(lost).on(connection))
    with pytest.raises(OwnershipLost):
        put(engine, facts("a", change=RunChange(status="running")))
    assert written(engine) == ([], [], 2)


def test_a_step_that_is_recorded_takes_everything_back(way: tuple[sa.Engine, Way]) -> None:
    engine, put = way
    by_transaction(engine, facts("a"))
    with pytest.raises(OwnershipLost, match="recorded already"):
        put(engine, facts("b", "a"))
    assert written(engine) == (["a"], [(3, "note"), (4, "step.finished")], 4)


def test_a_suspended_step_is_recorded_again(way: tuple[sa.Engine, Way]) -> None:
    engine, put = way
    by_transaction(engine, facts("a", status="suspended"))
    put(engine, facts("a"))
    with engine.connect() as connection:
        assert connection.execute(sa.select(steps.c.status, steps.c.seq)).all() == [("succeeded", 5)]


def test_an_item_s_owner_writes_into_the_run(way: tuple[sa.Engine, Way]) -> None:
    engine, put = way
    fence = RunFence("run_1", 1, "run_1:g1", "mine", Part("m", 3))
    with pytest.raises(OwnershipLost):
        put(engine, facts("m/3/a"), fence)
    with engine.begin() as connection:
        connection.execute(sa.insert(parts), {"run": "run_1", "path": "m", "number": 3, "status": "queued"})
    put(engine, facts("m/3/a"), fence, **({"number": 6} if put is alone else {}))
    assert written(engine)[0] == ["m/3/a"]


def test_a_run_that_is_parked_or_ends_says_so_in_its_row(database: sa.Engine) -> None:
    wake = datetime(2031, 1, 1, tzinfo=UTC)
    by_transaction(database, facts(change=RunChange(status="waiting", waiting_for="date:x", parked=True, wake_at=wake)))
    with database.connect() as connection:
        row = connection.execute(sa.select(runs)).mappings().one()
        assert (row["parked"], row["waiting_for"], row["wake_at"]) == (True, "date:x", "2031-01-01T00:00:00.000Z")
    by_transaction(database, facts(change=RunChange(status="succeeded", output={"ü": [1]})))
    with database.connect() as connection:
        row = connection.execute(sa.select(runs)).mappings().one()
        assert (row["status"], row["output"], row["ended"]) == ("succeeded", '{"ü": [1]}', "2030-01-01T00:00:00.000Z")
        assert (row["parked"], row["waiting_for"], row["wake_at"]) == (True, None, "2031-01-01T00:00:00.000Z")


def test_a_cancellation_is_seen_by_whoever_writes_next(database: sa.Engine) -> None:
    with database.begin() as connection:
        connection.execute(sa.update(runs).values(cancel_requested=True))
    with database.begin() as connection:
        assert write(connection, FENCE, facts()).cancelled


@pytest.mark.parametrize("number", [3, 4])
def test_a_statement_that_comes_too_late_writes_nothing(on_server: sa.Engine, number: int) -> None:
    with pytest.raises(OwnershipLost):
        alone(on_server, facts("a"), number=number)
    assert written(on_server) == ([], [], 2)
    with on_server.connect() as connection:
        assert connection.execute(sa.select(writers.c.number)).scalar() == 4


def test_a_statement_of_a_writer_without_a_row_writes_nothing(on_server: sa.Engine) -> None:
    with on_server.begin() as connection:
        connection.execute(sa.delete(writers))
    with pytest.raises(OwnershipLost):
        alone(on_server, facts("a"))
    assert written(on_server) == ([], [], 2)
