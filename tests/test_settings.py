"""Where a setting may come from, what wins, and what is said of a wrong one."""

from pathlib import Path

import pytest

from kapelle.errors import SettingsError
from kapelle.settings import ALIASES, Settings, load_settings


def test_without_anything_said_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAPELLE_HOME")
    settings = load_settings()
    assert settings.home == Path.home() / ".kapelle"
    assert settings.url == f"sqlite:///{Path.home() / '.kapelle' / 'kapelle.db'}"
    assert (settings.tools.timeout, settings.tools.max_retries, settings.tools.backoff) == (10.0, 3, 1.0)
    assert settings.planner.mode == settings.executor.mode == "deterministic"


def test_a_nested_field_has_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAPELLE_RUN__WIDTH", "3")
    monkeypatch.setenv("KAPELLE_TELEMETRY__LOG_LEVEL", "debug")
    settings = load_settings()
    assert (settings.run.width, settings.telemetry.log_level) == (3, "debug")


SAMPLES = {
    "mode": "llm",
    "timeout": "7",
    "max_retries": "2",
    "backoff": "0.5",
    "trace": "true",
    "require_postgres": "1",
    "rerank_mode": "llm",
}


@pytest.mark.parametrize("name", ALIASES)
def test_every_older_name_is_accepted(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = ALIASES[name]
    if path == ("require_postgres",):
        monkeypatch.setenv("KAPELLE_DATABASE_URL", "postgresql://host/name")
    monkeypatch.setenv(name, "9" if "timeout" in path[-1] else SAMPLES.get(path[-1], "sqlite:///x"))
    node: object = load_settings()
    default: object = Settings.model_construct()
    for key in path:
        node, default = getattr(node, key), getattr(default, key, None)
    assert node is not None
    assert node != default


def test_what_is_given_wins_over_the_environment_and_that_over_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.kapelle]\nowner = 'file/toml'\nmodel = 'file:toml'\napp = 'a:b'\n")
    (tmp_path / ".env").write_text("KAPELLE_OWNER=file/env\nKAPELLE_MODEL=file:env\n")
    monkeypatch.setenv("KAPELLE_OWNER", "real/env")
    settings = load_settings()
    assert (settings.owner, settings.model, settings.app) == ("real/env", "file:env", "a:b")
    assert load_settings(owner="given/it").owner == "given/it"


def test_the_present_name_wins_over_an_older_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_TOOL_TIMEOUT_S", "5")
    monkeypatch.setenv("KAPELLE_TOOLS__TIMEOUT", "6")
    assert load_settings().tools.timeout == 6


def test_an_older_name_in_a_file_is_accepted(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ORCHESTRATOR_TOOL_MAX_RETRIES=1\n")
    assert load_settings().tools.max_retries == 1


def test_an_empty_variable_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAPELLE_MODEL", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    settings = load_settings()
    assert settings.model is None
    assert settings.llm.api_key is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("KAPELLE_RUN__WIDTH", "many-hunter22", "setting `KAPELLE_RUN__WIDTH`: input should be a valid integer"),
        ("KAPELLE_RUN__WIDTH", "0", "greater than or equal to 1"),
        ("KAPELLE_TOOLS__TIMEOUT", "-1", "setting `KAPELLE_TOOLS__TIMEOUT`: input should be greater than 0"),
        ("ORCHESTRATOR_TOOL_TIMEOUT_S", "hunter22", "setting `ORCHESTRATOR_TOOL_TIMEOUT_S`"),
        ("ORCHESTRATOR_PLANNER_MODE", "hunter22", "setting `ORCHESTRATOR_PLANNER_MODE`"),
        ("KAPELLE_RUN__WIDHT", "3", "setting `KAPELLE_RUN__WIDHT`"),
        (
            "KAPELLE_RUN_WIDTH",
            "3",
            "there is none of this name; did you mean `KAPELLE_RUN__WIDTH`?",
        ),
        ("KAPELLE_DATABSE_URL", "sqlite:///hunter22", "did you mean `KAPELLE_DATABASE_URL`?"),
        ("KAPELLE_OWNER", "hunter22", "setting `KAPELLE_OWNER`: value error, expected `tenant/user`"),
    ],
)
def test_a_wrong_setting_is_told_by_its_name_and_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert words in str(raised.value)
    assert "hunter22" not in str(raised.value)


@pytest.mark.parametrize("name", ["KAPELLE_SERVICE_HOST", "KAPELLE_PORT", "KAPELLE_PORT_8080_TCP_ADDR"])
def test_what_kubernetes_sets_for_a_service_of_our_name_is_not_ours(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    without = load_settings()
    monkeypatch.setenv(name, "tcp://10.0.0.1:8080")
    assert load_settings() == without


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        (".env", "KAPELLE_DATABSE_URL=x\n", "`KAPELLE_DATABSE_URL`: there is none of this name; did you mean"),
        ("pyproject.toml", "[tool.kapelle]\ncolour = 1\n", r"`\[tool.kapelle\] colour`: .*`kapelle config` lists"),
        ("pyproject.toml", "[tool.kapelle]\nmodle = 'a:b'\n", r"`\[tool.kapelle\] modle`: .*`KAPELLE_MODEL`"),
    ],
)
def test_a_name_that_is_none_in_a_file_is_told(file: str, text: str, words: str) -> None:
    Path(file).write_text(text)
    with pytest.raises(SettingsError, match=words):
        load_settings()


def test_a_broken_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.kapelle\n")
    with pytest.raises(SettingsError, match="settings files"):
        load_settings()


def test_a_key_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "hunter22")
    settings = load_settings()
    assert "hunter22" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.secrets == ("hunter22",)


def test_postgres_can_be_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCH_REQUIRE_POSTGRES", "1")
    with pytest.raises(SettingsError, match="KAPELLE_DATABASE_URL"):
        load_settings()
    assert load_settings(database_url="postgresql://h/d").require_postgres


def test_postgres_can_be_required_in_a_file() -> None:
    Path("pyproject.toml").write_text("[tool.kapelle]\nrequire_postgres = true\n")
    with pytest.raises(SettingsError, match="postgresql://"):
        load_settings()


def test_the_home_may_begin_with_a_tilde() -> None:
    assert load_settings(home="~/k").home == Path.home() / "k"
