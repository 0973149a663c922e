"""The fence on both databases: whoever owns a run writes, and a hand-over lands before a commit or after it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.builders import OWNER

from kapelle.errors import OwnershipLost
from kapelle.run.fence import RunFence
from kapelle.settings import load_settings
from kapelle.store.dialect import Statement, dialect_of
from kapelle.store.engine import open_engine
from kapelle.store.migrate import migrate
from kapelle.store.tables import runs

FENCE = RunFence(run="run_1", generation=1, workflow="run_1:g1", xid="mine")
OWN = Statement(
    "insert into {workflow_status} (workflow_uuid, status, owner_xid, created_at, updated_at) "
    "values ('run_1\\:g1', 'PENDING', 'mine', 0, 0)"
)
HAND_OVER = Statement("update {workflow_status} set owner_xid = 'other' where workflow_uuid = 'run_1\\:g1'")


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    fields = {"database_url": request.getfixturevalue("postgres_url")} if request.param == "postgres" else {}
    engine = open_engine(load_settings(home=tmp_path, **fields))
    migrate(engine)
    with engine.begin() as connection:
        if dialect_of(engine).name == "sqlite":
            connection.exec_driver_sql(
                "create table workflow_status (workflow_uuid, status, owner_xid, created_at, updated_at)"
            )
        row = {"id": "run_1", "owner": OWNER, "task": "{}", "status": "running", "created": "", "seq": 2}
        connection.execute(sa.insert(runs), row)
        connection.execute(OWN.on(connection))
    yield engine
    engine.dispose()


def change(engine: sa.Engine, statement: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(Statement(statement).on(connection), values)


def test_the_owner_draws_numbers_one_after_the_other(database: sa.Engine) -> None:
    with database.begin() as connection:
        assert [FENCE.pass_through(connection, events) for events in (2, 0, 3, 1)] == [3, 5, 5, 8]
    with database.connect() as connection:
        assert connection.execute(sa.select(runs.c.seq)).scalar() == 8


@pytest.mark.parametrize(
    "lost",
    [
        "update {workflow_status} set owner_xid = 'other'",
        "update {workflow_status} set owner_xid = null",
        "update {workflow_status} set status = 'CANCELLED'",
        "update {workflow_status} set status = 'ENQUEUED'",
        "update runs set generation = 2",
        "delete from {workflow_status}",
        "delete from runs",
    ],
)
def test_nobody_else_passes(database: sa.Engine, lost: str) -> None:
    change(database, lost)
    with pytest.raises(OwnershipLost), database.begin() as connection:
        FENCE.pass_through(connection, 1)


def test_a_hand_over_waits_for_the_commit_that_passed_before_it(database: sa.Engine) -> None:
    order: list[str] = []

    def hand_over() -> None:
        with database.begin() as connection:
            connection.execute(HAND_OVER.on(connection))
        order.append("handed over")

    with database.begin() as connection:
        FENCE.pass_through(connection, 1)
        thread = threading.Thread(target=hand_over)
        thread.start()
        time.sleep(0.3)
        order.append("committing")
    thread.join(timeout=10)
    assert order == ["committing", "handed over"]


def test_a_commit_waits_for_the_hand_over_before_it_and_finds_no_row(database: sa.Engine) -> None:
    outcome: list[object] = []

    def commit() -> None:
        try:
            with database.begin() as connection:
                outcome.append(FENCE.pass_through(connection, 1))
        except OwnershipLost as error:
            outcome.append(error)

    with database.begin() as connection:
        connection.execute(HAND_OVER.on(connection))
        thread = threading.Thread(target=commit)
        thread.start()
        time.sleep(0.3)
        assert outcome == []
    thread.join(timeout=10)
    (found,) = outcome
    assert isinstance(found, OwnershipLost)
    with database.connect() as connection:
        assert connection.execute(sa.select(runs.c.seq)).scalar() == 2
