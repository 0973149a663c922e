"""Deciders, sweepers and askers on connections of their own at the same moment, as processes have them."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from kapelle import clock
from kapelle.errors import UnknownVersion
from kapelle.run.approvals import approval_rows, expiry
from kapelle.run.approvals.approval import ApprovalRequest, Asking, Verdict
from kapelle.settings import load_settings
from kapelle.store.commit import Writer
from kapelle.store.engine import open_engine
from kapelle.store.migrate import migrate
from kapelle.store.tables import approval_audit, events, runs

NOW = clock.now()
ROUNDS, PROCESSES = 15, 4


@pytest.fixture(params=["sqlite", "postgres"])
def writers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Writer]]:
    given = {"database_url": request.getfixturevalue("postgres_url")} if request.param == "postgres" else {}
    engines = [open_engine(load_settings(home=tmp_path, **given)) for _ in range(PROCESSES)]
    migrate(engines[0])
    made = [Writer(engine, patience=20, on_trouble=lambda _: None) for engine in engines]
    yield made
    for writer, engine in zip(made, engines, strict=True):
        writer.close()
        engine.dispose()


def ask(connection: sa.Connection, number: int) -> None:
    run = f"run_{number}"
    row = {"id": run, "owner": "a/b", "task": "{}", "status": "waiting", "created": "x"}
    connection.execute(sa.insert(runs), row)
    asked = ApprovalRequest(id=f"apr_{number}", run=run, path="ok", action="a", created=NOW, expires_at=NOW)
    approval_rows.put(connection, Asking(expires_in=100).request(asked), "a/b")


def at_once(works: list[Callable[[], None]]) -> None:
    """Each in a thread of its own, all beginning together."""
    start, raised = threading.Barrier(len(works)), []

    def work(one: Callable[[], None]) -> None:
        start.wait(10)
        try:
            one()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=work, args=(one,)) for one in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not raised


def decided(connection: sa.Connection, number: int, by: str, seconds: float) -> bool:
    at = NOW + timedelta(seconds=seconds)
    return approval_rows.decide(connection, Verdict(f"apr_{number}", "a/b", "approved", by, at)).error is None


def test_each_question_is_decided_once_whoever_comes_at_the_same_moment(writers: list[Writer]) -> None:
    writers[0].write_now(lambda connection: [ask(connection, number) for number in range(ROUNDS)])
    won: list[tuple[int, str]] = []

    def decide_all(index: int, writer: Writer) -> None:
        for number in range(ROUNDS):
            if writer.write_now(lambda connection, n=number: decided(connection, n, f"p{index}", 1)):  # type: ignore[misc]
                won.append((number, f"p{index}"))

    at_once([lambda i=i, w=w: decide_all(i, w) for i, w in enumerate(writers)])  # type: ignore[misc]
    assert sorted(number for number, _ in won) == list(range(ROUNDS))
    found = writers[0].write_now(lambda connection: approval_rows.find(connection, owner="a/b"))
    assert {(int(one.id.removeprefix("apr_")), one.by) for one in found} == set(won)
    rows = writers[0].write_now(lambda connection: connection.execute(sa.select(approval_audit.c.what)).all())
    assert Counter(row.what for row in rows) == {
        "requested": ROUNDS,
        "decided": ROUNDS,
        "lost": ROUNDS * (PROCESSES - 1),
    }


def test_a_decision_and_the_expiry_at_the_same_moment_settle_a_question_once(writers: list[Writer]) -> None:
    writers[0].write_now(lambda connection: [ask(connection, number) for number in range(ROUNDS)])
    woken: list[str] = []

    def sweep(writer: Writer) -> None:
        def attend(connection: sa.Connection) -> list[str]:
            found: list[str] = []
            expiry.attend(connection, NOW + timedelta(seconds=101), lambda _, run, path: found.append(run))
            return found

        for _ in range(3):
            woken.extend(writer.write_now(attend))

    def decide_all(writer: Writer) -> None:
        for number in reversed(range(ROUNDS)):
            if writer.write_now(lambda connection, n=number: decided(connection, n, "bo", 99)):  # type: ignore[misc]
                woken.append(f"run_{number}")

    sweepers, deciders = writers[:2], writers[2:]
    works = [*(lambda w=w: sweep(w) for w in sweepers), *(lambda w=w: decide_all(w) for w in deciders)]  # type: ignore[misc]
    at_once(works)
    assert sorted(woken) == sorted(f"run_{number}" for number in range(ROUNDS))
    told = writers[0].write_now(lambda connection: connection.execute(sa.select(events.c.run, events.c.kind)).all())
    assert Counter((row.run, row.kind) for row in told if row.kind == "approval.decided") == {
        (f"run_{number}", "approval.decided"): 1 for number in range(ROUNDS)
    }


def test_a_question_of_a_newer_version_is_shown_and_left_to_those_who_can_read_it(writers: list[Writer]) -> None:
    writer = writers[0]
    writer.write_now(lambda connection: [ask(connection, number) for number in range(2)])
    newer = sa.text("update approvals set request = replace(request, :old, :new) where id = 'apr_0'")
    versions = {"old": '"schema_version": 1', "new": '"schema_version": 9'}
    assert writer.write_now(lambda connection: connection.execute(newer, versions).rowcount) == 1
    first, second = writer.write_now(lambda connection: approval_rows.find(connection, owner="a/b"))
    assert "schema version 9" in first.unreadable
    assert (first.id, first.run, second.unreadable, second.action) == ("apr_0", "run_0", "", "a")
    verdict = Verdict("apr_0", "a/b", "approved", "bo", NOW)
    refused = writer.write_now(lambda connection: approval_rows.decide(connection, verdict)).error
    assert isinstance(refused, UnknownVersion)
    late = NOW + timedelta(seconds=200)
    expired = writer.write_now(lambda connection: expiry.attend(connection, late, lambda *_: None))
    assert [one.id for one in expired if one.decision] == ["apr_1"]
