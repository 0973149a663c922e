"""A `Reranker` over a service that speaks `/rerank`, as Cohere, Jina, Voyage and Hugging Face's TEI do."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

import httpx2
from pydantic import BaseModel, JsonValue, SecretStr, TypeAdapter, ValidationError

from kapelle.agents.patience import LONGEST_WAIT, last_of
from kapelle.budget.model import Usage
from kapelle.errors import ModelUnavailable, SettingsError
from kapelle.evidence.rerank import Reranked
from kapelle.evidence.rerank_scores import in_order
from kapelle.resilience.guarded import GaveUp, guarded
from kapelle.telemetry.redact import remember

Dialect: TypeAlias = Literal["cohere", "jina", "voyage", "tei"]
URLS: Mapping[Dialect, str] = {
    "cohere": "https://api.cohere.com/v2/rerank",
    "jina": "https://api.jina.ai/v1/rerank",
    "voyage": "https://api.voyageai.com/v1/rerank",
}
"""Where each answers; TEI runs at an address of one's own."""
_MOST = 1_000
"""Texts of one request, which all of them take."""
_SLOW_DOWN = (408, 425, 429)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _Scored(BaseModel):
    index: int
    relevance_score: float


class _ScoredByTei(BaseModel):
    index: int
    score: float


class _Taken(BaseModel):
    total_tokens: int


class _Answer(BaseModel):
    """What Cohere, Jina (`results`) and Voyage (`data`) answer."""

    results: list[_Scored] = []
    data: list[_Scored] = []
    usage: _Taken | None = None


_TEI: TypeAdapter[list[_ScoredByTei]] = TypeAdapter(list[_ScoredByTei])
_Scores: TypeAlias = tuple[list[tuple[int, float]], Usage]


@dataclass(frozen=True, slots=True)
class HttpReranker:
    """Scores by a service; each text is cut by it where its model ends."""

    dialect: Dialect
    model: str = ""
    """The service's model, such as `rerank-v3.5`; TEI serves one."""
    url: str = ""
    """Its address with the path; empty: the provider's own."""
    api_key: SecretStr | None = field(default=None, repr=False)
    timeout: float = 8.0
    """Seconds for one attempt."""
    max_retries: int = 3
    backoff: float = 1.0

    def __post_init__(self) -> None:
        if not self.address.startswith(("http://", "https://")):
            raise SettingsError(
                f"reranker `{self.name}`: {self.address!r} is no address such as http://127.0.0.1:8080/rerank"
            )
        if self.dialect != "tei" and not self.model:
            raise SettingsError(f"reranker `{self.dialect}` needs the name of a model, such as `rerank-v3.5`")
        remember([self.api_key.get_secret_value()] if self.api_key else [])

    @property
    def name(self) -> str:
        """`dialect:model`."""
        return f"{self.dialect}:{self.model}" if self.model else self.dialect

    @property
    def address(self) -> str:
        """Where requests go."""
        return self.url or URLS.get(self.dialect, "")

    async def rerank(self, query: str, texts: Sequence[str]) -> Reranked:
        """See `Reranker.rerank`; `usage.usd` is None, since no list has the price of a search."""
        scores: list[float] = []
        usage = Usage()
        for start in range(0, len(texts), _MOST):
            part = texts[start : start + _MOST]
            pairs, took = await self._ask(query, part)
            scores += in_order(pairs, len(part), self.name)
            usage += took
        return Reranked(tuple(scores), usage)

    async def _ask(self, query: str, texts: Sequence[str]) -> _Scores:
        async def attempt(_: int) -> _Scores:
            return _read(self.dialect, await self._post(_body(self.dialect, self.model, query, texts)), self.name)

        try:
            done = await guarded(attempt, what=self.name, max_retries=self.max_retries, backoff=self.backoff)
        except GaveUp as gave_up:
            failed = gave_up
        else:
            return done.value
        raise last_of(failed) from None

    async def _post(self, body: dict[str, JsonValue]) -> bytes:
        headers = {"authorization": f"Bearer {self.api_key.get_secret_value()}"} if self.api_key else {}
        local = urlsplit(self.address).hostname in _LOOPBACK  # no proxy is asked for what runs on this machine
        try:
            async with (
                asyncio.timeout(self.timeout),
                httpx2.AsyncClient(
                    timeout=self.timeout, trust_env=not local, verify=_certificates(), headers=headers
                ) as client,
            ):
                answer = await client.post(self.address, json=body)
        except (httpx2.TimeoutException, TimeoutError):
            failed = ModelUnavailable(f"reranker `{self.name}` did not answer within {self.timeout:g} s")
        except httpx2.HTTPError as error:
            failed = ModelUnavailable(f"reranker `{self.name}` cannot be reached ({type(error).__name__})")
        else:
            if answer.is_success:
                return answer.content
            failed = _refused(self.name, answer)
        raise failed


def _body(dialect: Dialect, model: str, query: str, texts: Sequence[str]) -> dict[str, JsonValue]:
    if dialect == "tei":
        return {"query": query, "texts": list(texts), "truncate": True, "raw_scores": False}
    most = "top_k" if dialect == "voyage" else "top_n"
    body: dict[str, JsonValue] = {"model": model, "query": query, "documents": list(texts), most: len(texts)}
    return body if dialect == "cohere" else {**body, "return_documents": False}


def _read(dialect: Dialect, content: bytes, name: str) -> _Scores:
    unmeasured = Usage(requests=1, usd=None, unmeasured=1)
    try:
        if dialect == "tei":
            return [(one.index, one.score) for one in _TEI.validate_json(content)], unmeasured
        answer = _Answer.model_validate_json(content)
    except ValidationError:
        raise ModelUnavailable(
            f"reranker `{name}` answered what is no list of scores; check that it speaks the dialect `{dialect}`",
            retryable=False,
        ) from None
    pairs = [(one.index, one.relevance_score) for one in (*answer.results, *answer.data)]
    taken = answer.usage
    return pairs, unmeasured if taken is None else Usage(requests=1, input_tokens=taken.total_tokens, usd=None)


def _refused(name: str, answer: httpx2.Response) -> ModelUnavailable:
    """What a status means; the body is left out, it may repeat what was sent."""
    status = answer.status_code
    again = status >= 500 or status in _SLOW_DOWN
    wait = _seconds(answer.headers.get("retry-after", ""))
    told = "; check the key" if status in (401, 403) else "; check address and model" if status == 404 else ""
    return ModelUnavailable(
        f"reranker `{name}` answered {status}{told}",
        retryable=again and (wait is None or wait <= LONGEST_WAIT),
        retry_after=wait,
    )


def _seconds(told: str) -> float | None:
    try:
        seconds = float(told)
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


@cache
def _certificates() -> ssl.SSLContext:
    """Made once: reading the certificates takes longer than a call."""
    return httpx2.create_ssl_context()
