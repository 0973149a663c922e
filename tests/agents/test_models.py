"""Names become models, or errors that say what to do."""

import subprocess
import sys

import pytest
from pydantic import SecretStr
from tests.asking import KEY

from kapelle.agents.models import make_model, model_from
from kapelle.errors import BadInput, MissingExtra, SettingsError
from kapelle.settings import load_settings
from kapelle.telemetry.redact import MASK, redact_text

SECRET = SecretStr(KEY)


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_BASE_URL", "OLLAMA_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_a_model_of_openai_has_a_price_and_a_window() -> None:
    model = make_model("openai:gpt-4o-mini", api_key=SECRET)
    assert model.price_known
    assert model.window == 128_000
    assert model.theirs.base_url == "https://api.openai.com/v1/"


def test_an_address_of_ones_own_has_no_price_unless_it_is_a_providers() -> None:
    assert not make_model("openai:gpt-4o-mini", base_url="http://127.0.0.1:8000/v1", api_key=SECRET).price_known
    assert make_model("openai:deepseek-chat", base_url="https://api.deepseek.com", api_key=SECRET).price_known
    assert make_model("openai:gpt-4o-mini", base_url="https://api.openai.com/v1", api_key=SECRET).price_known


def test_a_service_that_nobody_knows_is_reached_by_its_address() -> None:
    model = make_model("house:qwen3", base_url="http://127.0.0.1:8000/v1")
    assert model.name == "house:qwen3"
    assert model.theirs.model_name == "qwen3"


def test_ollama_never_says_why_an_answer_ended() -> None:
    assert not make_model("ollama:qwen3", base_url="http://127.0.0.1:11434/v1").always_says_why_it_ended
    assert make_model("house:qwen3", base_url="http://127.0.0.1:8000/v1").always_says_why_it_ended


def test_the_providers_own_client_does_not_retry() -> None:
    model = make_model("openai:gpt-4o-mini", api_key=SECRET)
    assert model.theirs.client.max_retries == 0  # type: ignore[attr-defined]  # the library's own object


@pytest.mark.parametrize("name", ["gpt-4o-mini", ":gpt", "openai:", " : "])
def test_a_name_without_both_parts_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="provider:model"):
        make_model(name)


def test_a_provider_that_nobody_knows_is_refused() -> None:
    with pytest.raises(BadInput, match="nobody knows the provider `acme`"):
        make_model("acme:large")


def test_a_key_that_is_missing_is_named() -> None:
    with pytest.raises(SettingsError, match="`OPENAI_API_KEY`"):
        make_model("openai:gpt-4o-mini")


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="`KAPELLE_LLM__BASE_URL`: 'localhost:8000'"):
        make_model("openai:gpt", base_url="localhost:8000")


def test_a_package_that_is_missing_is_named_with_its_line() -> None:
    with pytest.raises(MissingExtra, match=r"pip install 'pydantic-ai-slim\[anthropic\]'"):
        make_model("anthropic:claude-sonnet-4-5", api_key=SECRET)


def test_the_settings_name_model_address_and_key() -> None:
    settings = load_settings(
        llm={"model": "m", "base_url": "http://127.0.0.1:8000/v1", "api_key": KEY, "max_retries": 1}
    )
    model = model_from(settings)
    assert (model.name, model.max_retries) == ("openai:m", 1)
    assert model.theirs.base_url == "http://127.0.0.1:8000/v1/"
    assert model_from(load_settings(model="openai:other", llm={"api_key": KEY})).name == "openai:other"


def test_the_key_of_one_provider_is_not_sent_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(llm={"api_key": KEY, "base_url": "http://127.0.0.1:8000/v1"})
    monkeypatch.setenv("DEEPSEEK_API_KEY", "canary-of-another-provider")
    model = model_from(settings, "deepseek:deepseek-chat")
    assert model.theirs.base_url == "https://api.deepseek.com"
    assert model.theirs.client.api_key == "canary-of-another-provider"  # type: ignore[attr-defined]
    # Read by the library from the environment, and taken out of all that is told.
    assert redact_text("it was canary-of-another-provider") == f"it was {MASK}"


def test_the_same_model_made_again_shares_its_connections() -> None:
    one, other = (make_model("openai:gpt-4o-mini", api_key=SECRET) for _ in range(2))
    assert one.theirs is other.theirs


def test_a_model_does_not_show_its_key() -> None:
    model = make_model("openai:gpt-4o-mini", api_key=SECRET)
    assert KEY not in repr(model) + str(model)
    assert "gpt-4o-mini" in repr(model)


def test_help_loads_no_library_of_models() -> None:
    code = """
import sys
from kapelle.cli.main import main
sys.argv = ["kapelle", "--help"]
try:
    main()
except SystemExit:
    pass
print("LOADED", *sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.partition("LOADED")[2].split()
    assert "kapelle.cli.main" in loaded
    assert not {name.split(".")[0] for name in loaded} & {"pydantic_ai", "openai", "genai_prices", "numpy"}
