"""Packs are found by their entry points."""

import importlib.metadata
from pathlib import Path

import pytest

from kapelle.pack import GROUP, Pack, discover
from kapelle.settings import Settings, load_settings


def test_the_incident_pack_is_installed() -> None:
    assert "incident" in {pack.name for pack in discover(load_settings())}


def test_each_entry_point_makes_a_pack_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        def load(self) -> object:
            def make(settings: Settings) -> Pack:
                return Pack("mine", corpora={"here": settings.home})

            return make

    asked: list[str] = []

    def points(*, group: str) -> list[Point]:
        asked.append(group)
        return [Point()]

    monkeypatch.setattr("kapelle.pack.entry_points", points)
    (found,) = discover(load_settings(home=Path("/x")))
    assert found == Pack("mine", corpora={"here": Path("/x")})
    assert asked == [GROUP]
    assert importlib.metadata.entry_points
