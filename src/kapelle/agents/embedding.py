"""Vectors of a provider: any Pydantic AI `EmbeddingModel` behind the shape of our `Embedder` port."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import SecretStr

from kapelle.agents.loop import keep_open, wait_for
from kapelle.agents.models import access, make_provider, missing, split_name
from kapelle.agents.patience import last_of
from kapelle.budget.model import Usage
from kapelle.errors import BadInput, MissingExtra, ModelUnavailable
from kapelle.resilience.guarded import GaveUp, guarded
from kapelle.settings import Settings

try:
    import numpy as np
    from numpy.typing import NDArray
except ImportError as error:
    raise MissingExtra("embed") from error

from pydantic_ai.embeddings import EmbeddingModel, EmbeddingResult, infer_embedding_model
from pydantic_ai.embeddings.settings import EmbeddingSettings
from pydantic_ai.exceptions import AgentRunError, UserError

from kapelle.agents.failure import spent_on, unavailable
from kapelle.agents.price import Tariff, tokens_of

Floats: TypeAlias = NDArray[np.float32]
E = TypeVar("E")
Made: TypeAlias = Callable[[Floats, Usage], E]
"""Makes a result of vectors, shape (texts, dimension), and what they took."""

_TEXTS = {"openai": 2_048, "azure": 2_048, "cohere": 96, "voyageai": 128, "google": 100}
"""Texts that one request may hold, as each provider documents."""
_FEW = 32
"""The same where nobody says: what Hugging Face's own server takes unless it is told otherwise."""
_TOKENS = 100_000
"""Tokens of one request; the strictest of the providers takes 120,000."""
_LONGEST = 8_192
"""Tokens of one text, where the model's limit is not known."""
_BYTES_OF_TOKEN = 2
"""Texts are cut where each token would be this short: rather too early than refused."""


@dataclass(frozen=True, eq=False)
class ProviderEmbedder(Generic[E]):
    """An `Embedder` over a provider's model; safe to be called from several threads."""

    name: str
    """`provider:model`, and `@dimension` where one was chosen."""
    model: EmbeddingModel
    tariff: Tariff
    made: Made[E]
    dimension: int | None = None
    max_retries: int = 3
    backoff: float = 1.0
    timeout: float = 60.0
    """Seconds for one request."""
    longest: int | None = None
    """Tokens a text is cut at; None: the model's own limit."""

    def embed(self, texts: Sequence[str], *, query: bool = False) -> E:
        """Embed texts, each cut at the model's limit; `query` says they are questions.

        Raises:
            ModelUnavailable: the model cannot be reached or refuses, or its vectors cannot be used.
        """
        return wait_for(lambda: self._embed([text or " " for text in texts], query))

    def estimate(self, texts: Sequence[str]) -> Usage:
        """What embedding some texts would take and cost; `unmeasured` where no price is known."""
        longest = self.longest or _LONGEST
        tokens = [min(tokens_of(text), longest) for text in texts]
        return self.tariff.estimate(requests=len(list(self._batches(tokens))), input_tokens=sum(tokens))

    async def _embed(self, texts: Sequence[str], query: bool) -> E:
        longest = self.longest or await self.model.max_input_tokens() or _LONGEST
        cut = [_cut(text, longest) for text in texts]
        usage = Usage()
        vectors: list[Floats] = []
        for batch in self._batches([tokens_of(text) for text in cut]):
            made, took = await self._request(cut[batch], query)
            vectors.append(made)
            usage += took
        if len({part.shape[1] for part in vectors}) > 1:
            raise self._unusable("vectors of several lengths")
        return self.made(np.concatenate(vectors) if vectors else np.empty((0, 0), np.float32), usage)

    def _batches(self, tokens: Sequence[int]) -> Iterator[slice]:
        """Stretches of texts that one request may hold, in order."""
        most = _TEXTS.get(self.tariff.provider or "", _FEW)
        start = held = 0
        for place, count in enumerate(tokens):
            if place > start and (place - start == most or held + count > _TOKENS):
                yield slice(start, place)
                start, held = place, 0
            held += count
        if tokens:
            yield slice(start, len(tokens))

    async def _request(self, texts: Sequence[str], query: bool) -> tuple[Floats, Usage]:
        before = Usage()

        async def attempt(_: int) -> EmbeddingResult:
            nonlocal before
            try:
                async with asyncio.timeout(self.timeout):
                    return await self.model.embed(
                        texts, input_type="query" if query else "document", settings=self._settings()
                    )
            except AgentRunError as error:
                before += spent_on(error)
                failed = unavailable(error, self.name, answered=False)
            except TimeoutError:
                before += Usage(requests=1, usd=None, unmeasured=1)
                failed = ModelUnavailable(f"model `{self.name}` did not answer within {self.timeout:g} s")
            except (AttributeError, TypeError, ValueError):
                # What providers' clients raise over a page where JSON was expected, or a list without vectors.
                before += Usage(requests=1, usd=None, unmeasured=1)
                failed = ModelUnavailable(f"model `{self.name}` answered with something that is no answer")
            except UserError:
                failed = ModelUnavailable(f"model `{self.name}` does not embed what it was given", retryable=False)
            raise failed from None

        try:
            done = await guarded(attempt, what=self.name, max_retries=self.max_retries, backoff=self.backoff)
        except GaveUp as gave_up:
            gone = gave_up
        else:
            return self._checked(done.value, len(texts)), before + self.tariff.usage(done.value.usage)
        raise last_of(gone) from None

    def _settings(self) -> EmbeddingSettings:
        settings = EmbeddingSettings(truncate=True)
        if self.dimension is not None:
            settings["dimensions"] = self.dimension
        return settings

    def _checked(self, result: EmbeddingResult, count: int) -> Floats:
        if len(result.embeddings) != count:
            raise self._unusable(f"{len(result.embeddings)} vectors for {count} texts")
        if len({len(vector) for vector in result.embeddings}) != 1:
            raise self._unusable("vectors of several lengths")
        vectors = np.asarray(result.embeddings, np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(vectors).all() or not (lengths > 0).all():
            raise self._unusable("vectors without a direction")
        unit: Floats = (vectors / lengths).astype(np.float32)
        return unit

    def _unusable(self, what: str) -> ModelUnavailable:
        return ModelUnavailable(f"model `{self.name}` answered with {what}", retryable=False)


def make_embedder(
    name: str,
    made: Made[E],
    *,
    base_url: str | None = None,
    api_key: SecretStr | None = None,
    dimension: int | None = None,
    max_retries: int = 3,
    backoff: float = 1.0,
    timeout: float = 60.0,
) -> ProviderEmbedder[E]:
    """Make an embedder of its name, such as `openai:text-embedding-3-small`; nothing is sent.

    Args:
        made: makes a result of vectors and usage: `Embedded` of our port.
        base_url, api_key: as of `make_model`.
        dimension: components of a vector, where the model offers a choice.

    Raises:
        BadInput: the name is not `provider:model`, or the provider does not embed.
        SettingsError: there is no key, or the address is none.
        MissingExtra: the provider's package is not installed.
    """
    provider, model = split_name(name)
    theirs = _made(provider, model, base_url, api_key.get_secret_value() if api_key else None)
    tariff = Tariff(model, theirs.system if base_url is None else None, theirs.base_url)
    shown = name if dimension is None else f"{name}@{dimension}"
    return ProviderEmbedder(shown, theirs, tariff, made, dimension, max_retries, backoff, timeout)


def embedder_of(model: EmbeddingModel, made: Made[E]) -> ProviderEmbedder[E]:
    """An embedder over an `EmbeddingModel` of your own."""
    return ProviderEmbedder(
        f"{model.system}:{model.model_name}", model, Tariff(model.model_name, model.system, model.base_url), made
    )


def embedder_from(settings: Settings, name: str, made: Made[E], *, dimension: int | None = None) -> ProviderEmbedder[E]:
    """An embedder of its name, with what the settings say of its provider.

    Raises:
        As `make_embedder`.
    """
    base_url, api_key = access(settings, split_name(name)[0])
    return make_embedder(
        name,
        made,
        base_url=base_url,
        api_key=api_key,
        dimension=dimension,
        max_retries=settings.llm.max_retries,
        backoff=settings.llm.backoff,
    )


@lru_cache(maxsize=16)
def _made(provider: str, model: str, base_url: str | None, api_key: str | None) -> EmbeddingModel:
    client: Any = make_provider(provider, base_url, api_key)  # Any: what it is a client of differs by provider
    kind = "openai" if client.__class__.__name__ == "OpenAICompatibleProvider" else provider
    try:
        made = infer_embedding_model(f"{kind}:{model}", provider_factory=lambda _: client)
    except ImportError as error:
        raise missing(error) from None
    except UserError:
        raise BadInput(f"`embedder`: provider `{provider}` does not embed; name one such as openai or cohere") from None
    keep_open(client)
    return made


def _cut(text: str, tokens: int) -> str:
    """A text cut so that it has at most so many tokens, at the end of a character."""
    return text.encode()[: tokens * _BYTES_OF_TOKEN].decode(errors="ignore")
