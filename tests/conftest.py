"""Every test begins in a folder of its own, with no setting of this machine and no memory of secrets."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.postgres import Server, bring_up, empty, serving
from tests.provider_stub import Stub, serving_models

from kapelle.settings import ALIASES
from kapelle.telemetry import redact


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--quick` is for a word within a minute."""
    parser.addoption("--quick", action="store_true", help="without Postgres, durable engines and what is marked slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the files that take minutes, or one worker waits at the end; leave out what is not wanted."""
    items.sort(key=lambda item: not {"integration", "contract", "property"}.intersection(item.path.parts))
    if not config.getoption("--quick"):
        return
    slow = [item for item in items if _takes_long(item)]
    left_out = set(slow)
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=slow)


def _takes_long(item: pytest.Item) -> bool:
    """Whether it is marked so, needs a server, or holds a durable engine to a contract (inline is held to the same)."""
    parameters = {str(one) for one in getattr(getattr(item, "callspec", None), "params", {}).values()}
    durable = "contract" in item.path.parts and "sqlite" in parameters
    server = "postgres" in getattr(item, "fixturenames", ()) or "postgres" in parameters
    return durable or server or item.get_closest_marker("slow") is not None


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in list(os.environ):
        if name in ALIASES or name.startswith(("KAPELLE_", "ORCH_", "ORCHESTRATOR_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("KAPELLE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    known = set(redact._known)
    yield
    redact._known.clear()
    redact._known.update(known)


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A Postgres server, started when the first test asks for it."""
    # Workers of one session name it the same way, and share its server.
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    with serving(session) as server:
        yield server


@pytest.fixture(scope="session")
def _recycled(postgres: Server) -> Iterator[str]:
    with postgres.database() as url:
        bring_up(url)
        yield url


@pytest.fixture
def postgres_url(postgres: Server, _recycled: str) -> Iterator[str]:
    """A database of the test's own, at the present schema; made once, and emptied after each test."""
    yield _recycled
    empty(_recycled)


@pytest.fixture
def empty_postgres_url(postgres: Server) -> Iterator[str]:
    """A database of the test's own, with nothing in it."""
    with postgres.database() as url:
        yield url


@pytest.fixture(scope="session")
def provider() -> Iterator[Stub]:
    """A model provider over HTTP, started when the first test asks for it."""
    with serving_models() as stub:
        yield stub
