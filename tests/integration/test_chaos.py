"""A small storm in every test run; the whole one is `make chaos`."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.chaos.judge import Findings
from tests.chaos.scenarios import Size, commit_scenario, effect_scenario, random_scenario

from kapelle.store.engine import open_url
from kapelle.store.migrate import migrate

SMALL = Size(runs=6, workers=2, kills=3, stops=1, patience=90.0)
Scenario = Callable[[Path, str, Size, int], Awaitable[Findings]]


@pytest.mark.parametrize(
    ("database", "scenario"),
    [
        ("sqlite", random_scenario),
        ("postgres", random_scenario),
        ("sqlite", commit_scenario),
        ("sqlite", effect_scenario),
    ],
    ids=["random-sqlite", "random-postgres", "commits", "effects"],
)
async def test_nothing_is_lost_or_repeated_when_workers_die(
    database: str, scenario: Scenario, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgres" else f"sqlite:///{tmp_path / 'kapelle.db'}"
    engine = open_url(url)
    migrate(engine)
    engine.dispose()
    found = await scenario(tmp_path, url, SMALL, 7)
    assert found.ok, found
