"""Attending to approvals: cheap when nothing is due, once for each however many attend."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from kapelle import clock
from kapelle.run.approvals import approval_rows, expiry
from kapelle.run.approvals.approval import ApprovalRequest, Asking
from kapelle.settings import load_settings
from kapelle.store.engine import open_engine
from kapelle.store.migrate import migrate
from kapelle.store.tables import events, runs

NOW = clock.now()


@pytest.fixture
def connection(tmp_path: Path) -> "sa.Connection":
    engine = open_engine(load_settings(home=tmp_path))
    migrate(engine)
    with engine.connect() as made:
        yield made  # type: ignore[misc]
    engine.dispose()


def ask(connection: sa.Connection, number: int, *, seconds: float = 100, status: str = "waiting") -> None:
    run = f"run_{number}"
    row = {"id": run, "owner": "a/b", "task": "{}", "status": status, "created": "x"}
    connection.execute(sa.insert(runs), row)
    asked = ApprovalRequest(id=f"apr_{number}", run=run, path="ok", action="a", created=NOW, expires_at=NOW)
    approval_rows.put(connection, Asking(expires_in=seconds).request(asked), "a/b")


def attend(connection: sa.Connection, seconds: float) -> tuple[set[str], list[tuple[str, str]]]:
    woken: list[tuple[str, str]] = []
    told = expiry.attend(connection, NOW + timedelta(seconds=seconds), lambda _, run, path: woken.append((run, path)))
    return {one.run for one in told}, woken


def test_what_is_due_is_attended_to_once(connection: sa.Connection) -> None:
    ask(connection, 1)
    ask(connection, 2, seconds=1_000)
    assert attend(connection, 10) == (set(), [])
    assert attend(connection, 80) == ({"run_1"}, [])
    assert attend(connection, 81) == (set(), [])
    assert attend(connection, 101) == ({"run_1"}, [("run_1", "ok")])
    assert attend(connection, 102) == (set(), [])
    kinds = [row.kind for row in connection.execute(sa.select(events.c.kind).order_by(events.c.seq))]
    assert kinds == ["approval.expiring", "approval.decided"]


def test_more_than_one_round_takes_are_left_for_the_next(connection: sa.Connection) -> None:
    for number in range(250):
        ask(connection, number)
    woken = [len(attend(connection, 101)[1]) for _ in range(4)]
    assert woken == [100, 100, 50, 0]


def test_questions_of_runs_that_ended_are_closed_silently(connection: sa.Connection) -> None:
    ask(connection, 1, status="cancelled")
    assert attend(connection, 101) == (set(), [])
    assert not expiry.is_due(connection, NOW + timedelta(seconds=102))
    (record,) = approval_rows.find(connection, owner="a/b")
    assert (record.decision, record.by) == ("rejected", "withdrawn")
    assert connection.execute(sa.select(sa.func.count()).select_from(events)).scalar() == 0


@pytest.mark.slow
def test_five_thousand_pending_questions_cost_two_looks_into_an_index(connection: sa.Connection) -> None:
    for number in range(5_000):
        ask(connection, number, seconds=10_000)
    plans = []
    raw = connection.connection.dbapi_connection
    assert raw is not None
    seen: list[str] = []
    raw.set_trace_callback(seen.append)  # type: ignore[attr-defined]
    began = time.perf_counter()
    for _ in range(20):
        assert not expiry.is_due(connection, NOW)
    each = (time.perf_counter() - began) / 20
    raw.set_trace_callback(None)  # type: ignore[attr-defined]
    for statement in {one for one in seen if one.startswith("SELECT")}:
        plans += [row[3] for row in connection.exec_driver_sql(f"explain query plan {statement}").fetchall()]
    assert len(plans) == 2
    assert all("USING INDEX" in plan or "USING COVERING INDEX" in plan for plan in plans), plans
    assert each < 0.02
