"""Models by name: `provider:model` to something that can be asked."""

import importlib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeAlias

from pydantic import SecretStr

from kapelle.agents.loop import keep_open
from kapelle.budget.model import Usage
from kapelle.errors import BadInput, MissingExtra, SettingsError
from kapelle.settings import Settings
from kapelle.telemetry.redact import remember

try:
    import pydantic_ai
    from pydantic_ai.exceptions import UserError
    from pydantic_ai.models import Model as TheirModel
    from pydantic_ai.models import infer_model
    from pydantic_ai.providers import Provider, infer_provider_class

    from kapelle.agents.price import Tariff
except ImportError as error:
    raise MissingExtra("openai") from error

# It would print on the first run of a process, between our own lines.
pydantic_ai.BANNER_ENABLED = False

Spent: TypeAlias = Callable[[Usage], None]
_CHAT = "openai-chat"
"""How Pydantic AI names the protocol that most other services speak."""
_OPENAI = re.compile(r"https://api\.openai\.com(/|$)")
_GROUP = re.compile(r"pydantic-ai-slim\[([\w,\-]+)\]")
_VARIABLE = re.compile(r"`([A-Z][A-Z0-9_]{3,})`")


@dataclass(frozen=True, eq=False)
class Model:
    """A model that may be asked: what callers hold, so that the library beneath stays in `agents`."""

    name: str
    """`provider:model`."""
    tariff: Tariff = field(repr=False)
    theirs: TheirModel = field(repr=False)
    """Pydantic AI's object; for modules of `agents` only."""
    max_retries: int = 3
    """Attempts after the first."""
    backoff: float = 1.0
    """Seconds before the first retry."""
    trace: bool = False
    """Log each request's size and usage, never its text."""
    spent: Spent | None = field(default=None, repr=False)
    """Told what each request took, also when nothing comes of it in the end; in the caller's thread."""

    def metered(self, spent: Spent) -> "Model":
        """The same model, whose every request is told to `spent`, whoever makes it."""
        return replace(self, spent=spent)

    @property
    def price_known(self) -> bool:
        """Whether what it costs is known; a cap on money cannot be held where it is not."""
        return self.tariff.known

    @property
    def window(self) -> int | None:
        """Tokens it can read and write together, or None where that is not known."""
        return self.theirs.context_window

    def estimate(self, *, requests: int, input_tokens: int, output_tokens: int) -> Usage:
        """A Usage of what is about to be asked; `unmeasured` where no price is known."""
        return self.tariff.estimate(requests=requests, input_tokens=input_tokens, output_tokens=output_tokens)

    @property
    def always_says_why_it_ended(self) -> bool:
        """Whether an answer without a reason for its end was cut off; Ollama never says."""
        return "OpenAIChatModel" in {cls.__name__ for cls in type(self.theirs).__mro__} and self.provider != "ollama"

    @property
    def provider(self) -> str:
        """The first part of its name."""
        return self.name.partition(":")[0]


def make_model(
    name: str,
    *,
    base_url: str | None = None,
    api_key: SecretStr | None = None,
    max_retries: int = 3,
    backoff: float = 1.0,
    trace: bool = False,
) -> Model:
    """Make a model of its name; nothing is sent.

    Args:
        base_url: another address: of a service that speaks OpenAI's protocol where the provider is `openai` or one
            that Pydantic AI does not know, else of the provider's own protocol.
        api_key: the provider's key; None: the provider's own variable, such as `ANTHROPIC_API_KEY`.

    Raises:
        BadInput: the name is not `provider:model`, or nobody knows the provider.
        SettingsError: there is no key, or the address is none.
        MissingExtra: the provider's package is not installed.
    """
    provider, model = split_name(name)
    key = api_key.get_secret_value() if api_key else None
    remember([key] if key else [])
    made = _made(provider, model, base_url, key)
    tariff = Tariff(model, made.system if base_url is None else None, made.base_url)
    return Model(name, tariff, made, max_retries, backoff, trace)


def model_from(settings: Settings, name: str | None = None) -> Model:
    """The model that the settings name, or `name` with what they say of its provider.

    Whether one may be used is the caller's decision: a key in the environment is no permission to spend.

    Raises:
        As `make_model`.
    """
    llm = settings.llm
    name = name or settings.model or f"{llm.provider}:{llm.model}"
    base_url, api_key = access(settings, split_name(name)[0])
    return make_model(
        name,
        base_url=base_url,
        api_key=api_key,
        max_retries=llm.max_retries,
        backoff=llm.backoff,
        trace=llm.trace,
    )


def access(settings: Settings, provider: str) -> tuple[str | None, SecretStr | None]:
    """Address and key of a provider; those of the settings belong to the provider that they name."""
    llm = settings.llm
    theirs = provider in (llm.provider, f"{llm.provider}-chat", f"{llm.provider}-responses")
    return (llm.base_url, llm.api_key) if theirs else (None, None)


def split_name(name: str) -> tuple[str, str]:
    """Provider and model of a name.

    Raises:
        BadInput: the name has not both.
    """
    provider, _, model = name.partition(":")
    if not provider.strip() or not model.strip():
        raise BadInput(f"`model`: {name!r} is not `provider:model`, such as `openai:gpt-5-mini`")
    return provider.strip(), model.strip()


def make_provider(provider: str, base_url: str | None, api_key: str | None) -> "Provider[Any]":  # Any: its SDK's client
    """The client of a provider: it sends each request once, and its key is taken out of all that is told.

    Raises:
        As `make_model`.
    """
    if base_url is not None and not re.match(r"https?://[^\s/]", base_url):
        raise SettingsError(
            f"setting `KAPELLE_LLM__BASE_URL`: {base_url!r} is no address such as http://127.0.0.1:8000/v1"
        )
    try:
        made = _provider(provider, base_url, api_key)
    except ImportError as error:
        raise missing(error) from None
    except UserError as error:
        variable = _VARIABLE.search(str(error))
        which = f"`{variable.group(1)}`" if variable else "the provider's variables"
        raise SettingsError(f"`{provider}` has no key: set {which}, or `KAPELLE_LLM__API_KEY`") from None
    client = made.client
    if hasattr(client, "max_retries"):
        client.max_retries = 0  # retries have one owner, `resilience.guarded`
    key = getattr(client, "api_key", None)
    remember([key] if isinstance(key, str) else [])
    return made


@lru_cache(maxsize=64)
def _made(provider: str, model: str, base_url: str | None, api_key: str | None) -> TheirModel:
    """One object, and so one pool of connections, for what is the same."""
    client = make_provider(provider, base_url, api_key)
    kind = _CHAT if _is_compatible(provider, base_url) else provider
    try:
        made = infer_model(f"{kind}:{model}", provider_factory=lambda _: client)
    except ImportError as error:
        raise missing(error) from None
    except UserError:
        raise BadInput(f"`model`: provider `{provider}` has no model {model!r}") from None
    keep_open(made)
    return made


def _provider(provider: str, base_url: str | None, api_key: str | None) -> "Provider[Any]":  # Any: its SDK's client
    if _is_compatible(provider, base_url):
        # Imported by name: it needs OpenAI's package, which who uses another provider may not have.
        compatible = importlib.import_module("pydantic_ai.providers.openai_compatible")
        made: Provider[Any] = compatible.OpenAICompatibleProvider(provider, base_url=base_url, api_key=api_key)
        return made
    if not _is_known(provider):
        raise BadInput(
            f"`model`: nobody knows the provider `{provider}`; name one such as openai, anthropic or google, or give "
            "the address of a service that speaks OpenAI's protocol (`KAPELLE_LLM__BASE_URL`)"
        )
    cls = infer_provider_class(provider)
    given = {name: value for name, value in (("base_url", base_url), ("api_key", api_key)) if value is not None}
    taken = inspect.signature(cls).parameters
    for name in given:
        if name not in taken:
            raise SettingsError(f"setting `KAPELLE_LLM__{name.upper()}`: provider `{provider}` does not take one")
    return cls(**given)


def _is_compatible(provider: str, base_url: str | None) -> bool:
    """Whether OpenAI's protocol is spoken with a service that is not OpenAI."""
    if base_url is None or _OPENAI.match(base_url):
        return False
    return provider in ("openai", _CHAT) or not _is_known(provider)


def _is_known(provider: str) -> bool:
    try:
        infer_provider_class(provider)
    except ValueError:
        return False
    except ImportError:
        return True  # known, and its package is not there
    return True


def missing(error: ImportError) -> MissingExtra:
    group = _GROUP.search(str(error))
    extra = group.group(1) if group else "openai"
    return MissingExtra(extra, package="kapelle" if extra == "openai" else "pydantic-ai-slim")
