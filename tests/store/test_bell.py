"""What one process tells is heard in another, whichever of the two began to listen or to tell first."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from kapelle.settings import load_settings
from kapelle.store.bell import Bell, events_of
from kapelle.store.engine import open_engine
from kapelle.store.migrate import migrate


@pytest.fixture(params=["sqlite", "postgres"])
def bells(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Bell, Bell, sa.Engine]]:
    """Two bells over one database, each with connections of its own, and the connections of the first."""
    fields = {"database_url": request.getfixturevalue("postgres_url")} if request.param == "postgres" else {}
    engines = [open_engine(load_settings(home=tmp_path, **fields)) for _ in range(2)]
    migrate(engines[0])
    one, other = (Bell(engine) for engine in engines)
    yield one, other, engines[0]
    for bell, engine in zip((one, other), engines, strict=True):
        bell.close()
        engine.dispose()


def write(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.text("insert into outbox (id, owner, run, body, created) values (random(), '', '', '', '')")
        )


@pytest.mark.parametrize("tells_first", [False, True])
def test_what_is_told_after_a_commit_is_heard_elsewhere(bells: tuple[Bell, Bell, sa.Engine], tells_first: bool) -> None:
    one, other, engine = bells
    if tells_first:
        # Whoever listens has told something itself before.
        other.tell(events_of("run_0"))
    heard = threading.Event()
    leave = other.listen(events_of("run_1"), heard.set)
    for _ in range(50):
        write(engine)
        one.tell(events_of("run_1"))
        if heard.wait(0.1):
            break
    assert heard.is_set()
    leave()


@pytest.mark.parametrize("committed", [True, False])
def test_what_is_rung_with_a_transaction_is_heard_when_it_is_committed(
    bells: tuple[Bell, Bell, sa.Engine], committed: bool
) -> None:
    one, other, engine = bells
    heard: list[str] = []
    first = threading.Event()
    other.listen("first", first.set)
    other.listen("second", lambda: heard.append("second"))
    with engine.connect() as connection:
        one.ring(connection, "second")
        if committed:
            connection.commit()
        else:
            connection.rollback()
    for _ in range(50):
        with engine.begin() as connection:
            one.ring(connection, "first")
        if first.wait(0.1):
            break
    assert first.is_set()
    # A listener may be called once more than it must: when it begins, and the rows are the truth.
    if committed:
        assert "second" in heard
