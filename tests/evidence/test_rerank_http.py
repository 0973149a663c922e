"""A reranking service over HTTP: what is sent to each, and what becomes of its faults."""

import time
import uuid
from typing import Any

import pytest
from pydantic import SecretStr
from tests.asking import KEY
from tests.provider_stub import Stub

from kapelle.errors import ModelUnavailable, SettingsError
from kapelle.evidence.rerank_http import HttpReranker
from kapelle.resilience.classify import classify


def reranker_at(stub: Stub, fault: str = "plain", dialect: Any = "jina", **chosen: Any) -> HttpReranker:
    chosen = {"max_retries": 0, "backoff": 0.01, **chosen}
    name = f"{fault}/{uuid.uuid4().hex}"
    return HttpReranker(dialect, name, f"{stub.root}/{dialect}/rerank", SecretStr(KEY), **chosen)


@pytest.mark.parametrize(("dialect", "most"), [("cohere", "top_n"), ("jina", "top_n"), ("voyage", "top_k")])
async def test_a_service_is_asked_in_its_dialect(provider: Stub, dialect: str, most: str) -> None:
    reranker = reranker_at(provider, dialect=dialect)
    await reranker.rerank("q", ["a", "b"])
    (sent,) = provider.seen(reranker.model)
    assert sent["body"][most] == 2
    assert sent["body"]["documents"] == ["a", "b"]
    assert ("return_documents" in sent["body"]) is (dialect != "cohere")
    assert sent["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("fault", ["429-once", "500-once", "cut-once"])
async def test_what_passes_is_tried_again(provider: Stub, fault: str) -> None:
    reranker = reranker_at(provider, fault, max_retries=1)
    began = time.monotonic()
    assert len((await reranker.rerank("q", ["a", "b"])).scores) == 2
    assert len(provider.seen(reranker.model)) == 2
    assert (time.monotonic() - began >= 1) is (fault == "429-once")


@pytest.mark.parametrize(
    ("fault", "words", "times"),
    [
        ("401", "401; check the key", 1),
        ("404", "404; check address and model", 1),
        ("html", "no list of scores", 1),
        ("429-long", "429", 1),
        ("500-always", "500; it was tried 3 times", 3),
        ("cut-always", "cannot be reached.*tried 3 times", 3),
    ],
)
async def test_what_does_not_pass_is_said(provider: Stub, fault: str, words: str, times: int) -> None:
    reranker = reranker_at(provider, fault, max_retries=2)
    with pytest.raises(ModelUnavailable, match=words) as caught:
        await reranker.rerank("q", ["a"])
    assert len(provider.seen(reranker.model)) == times
    assert classify(caught.value) == "permanent"


async def test_a_slow_service_frees_the_caller(provider: Stub) -> None:
    with pytest.raises(ModelUnavailable, match=r"within 0\.2 s"):
        await reranker_at(provider, "slow", timeout=0.2).rerank("q", ["a"])


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="'' is no address"):
        HttpReranker("tei")
    with pytest.raises(SettingsError, match="needs the name of a model"):
        HttpReranker("cohere")
    assert HttpReranker("cohere", "rerank-v3.5").address == "https://api.cohere.com/v2/rerank"
