"""Which embedder the settings choose, what is loaded for it, and what is said where there is none."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.embedders import WordVectors

from kapelle.assemble import embedder_of, why_no_embedder
from kapelle.errors import MissingExtra, SettingsError
from kapelle.evidence.embedding.weights import FILES, weights_folder
from kapelle.orchestrator import Orchestrator
from kapelle.settings import Settings, load_settings


def settings_of(embedder: str = "auto", **fields: object) -> Settings:
    return load_settings(corpus={"embedder": embedder}, **fields)


@pytest.fixture
def fetched(tmp_path: Path) -> Path:
    """A home with files of the right names: which embedder is chosen needs no more."""
    home = tmp_path / "with"
    weights_folder(home).mkdir(parents=True)
    for name in FILES:
        (weights_folder(home) / name).write_text("")
    return home


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the extras."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None)


def test_auto_takes_what_was_fetched(fetched: Path) -> None:
    chosen = embedder_of(settings_of(home=fetched))
    assert chosen is not None
    assert chosen.name == "all-MiniLM-L6-v2"
    assert why_no_embedder(settings_of(home=fetched)) == ""


def test_auto_does_without_and_says_what_to_do(tmp_path: Path) -> None:
    assert embedder_of(settings_of(home=tmp_path)) is None
    assert "kapelle corpus fetch-embedder" in why_no_embedder(settings_of(home=tmp_path))


@pytest.mark.usefixtures("bare")
def test_auto_names_the_missing_extra_too(tmp_path: Path, fetched: Path) -> None:
    both = why_no_embedder(settings_of(home=tmp_path))
    assert "kapelle[embed]" in both and "fetch-embedder" in both
    extra = why_no_embedder(settings_of(home=fetched))
    assert "kapelle[embed]" in extra and "fetch-embedder" not in extra


def test_minilm_that_is_not_there_is_an_error_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="KAPELLE_CORPUS__EMBEDDER.*kapelle corpus fetch-embedder"):
        embedder_of(settings_of("minilm", home=tmp_path))


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("name", ["minilm", "openai:text-embedding-3-small"])
def test_an_embedder_that_is_named_needs_its_extra(name: str, fetched: Path) -> None:
    with pytest.raises(MissingExtra, match="embed"):
        embedder_of(settings_of(name, home=fetched))


def test_none_is_none_and_no_reason_is_told(fetched: Path) -> None:
    assert embedder_of(settings_of("none", home=fetched)) is None
    assert why_no_embedder(settings_of("none", home=fetched)) == ""


def test_one_choice_is_one_embedder_and_another_key_another(fetched: Path) -> None:
    assert embedder_of(settings_of(home=fetched)) is embedder_of(settings_of("minilm", home=fetched))
    keys = [{"api_key": SecretStr(key)} for key in ("a", "a", "b")]
    a, same, other = (embedder_of(settings_of("openai:e", llm=one)) for one in keys)
    assert a is same and a is not other


@pytest.mark.parametrize("given", ["openai", "open ai", ":x", "x:", "fast"])
def test_a_name_that_is_none_is_refused_with_those_that_are(given: str) -> None:
    with pytest.raises(SettingsError, match="KAPELLE_CORPUS__EMBEDDER.*auto, minilm, none or provider:model"):
        settings_of(given)


def test_the_name_that_a_collection_bears_is_a_choice_too(fetched: Path) -> None:
    assert settings_of("all-MiniLM-L6-v2").corpus.embedder == "minilm"


async def test_an_embedder_of_ones_own_finds_by_meaning_in_both_engines(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# Cars\n\nEach automobile is washed weekly.\n")
    (tmp_path / "docs" / "b.md").write_text("# Food\n\nBread is baked daily.\n")
    for engine in ("inline", "durable"):
        house = Orchestrator(
            corpora={"docs": tmp_path / "docs"}, embedder=WordVectors(), packs=[], engine=engine,  # type: ignore[arg-type]
        )  # fmt: skip
        async with house:
            found = await house.search("vehicle")
            assert found.hits[0].source == "a.md", engine
            assert found.hits[0].scores["cosine"] > 0.3
            assert found.note == ""
            costs = house.parts.ratings.costs("docs", owner=house.settings.owner)
            assert [one.texts for one in costs] == [2]


def test_nothing_of_an_embedder_is_loaded_before_it_embeds(fetched: Path) -> None:
    code = (
        "import sys\nfrom kapelle.assemble import embedder_of\nfrom kapelle.settings import load_settings\n"
        "for name in ('auto', 'openai:text-embedding-3-small'):\n"
        "    assert embedder_of(load_settings(corpus={'embedder': name})) is not None\n"
        "print([name for name in ('numpy', 'onnxruntime', 'pydantic_ai') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"KAPELLE_HOME": str(fetched), "PATH": ""}, capture_output=True, text=True
    )
    assert done.stdout == "[]\n", done.stderr
