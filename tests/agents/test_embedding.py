"""A provider's vectors over the wire: batches, limits, faults, costs."""

import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr
from pydantic_ai.embeddings import EmbeddingModel, EmbeddingResult
from tests.asking import KEY
from tests.provider_stub import DIMENSION, Stub

from kapelle.agents.embedding import ProviderEmbedder, embedder_from, embedder_of, make_embedder
from kapelle.errors import BadInput, MissingExtra, ModelUnavailable
from kapelle.evidence.embedding.embedder import Embedded, Embedder
from kapelle.settings import load_settings


def embedder_at(stub: Stub, fault: str = "plain", **chosen: Any) -> ProviderEmbedder[Embedded]:
    name = f"openai:{fault}/{uuid.uuid4().hex}"
    chosen = {"max_retries": 0, "backoff": 0.01, **chosen}
    return make_embedder(name, Embedded, base_url=stub.base_url, api_key=SecretStr(KEY), **chosen)


def sent(stub: Stub, embedder: ProviderEmbedder[Embedded]) -> list[Any]:
    return [one["body"] for one in stub.seen(embedder.model.model_name)]


def test_many_texts_go_in_several_requests_and_come_back_in_order(provider: Stub) -> None:
    embedder = embedder_at(provider)
    texts = [f"word{i}" for i in range(70)]
    made = embedder.embed(texts)
    assert made.vectors.shape == (70, DIMENSION)
    assert [len(body["input"]) for body in sent(provider, embedder)] == [32, 32, 6]
    assert made.usage.requests == 3
    assert made.usage.input_tokens == 70
    for place in (0, 40, 69):
        assert np.allclose(made.vectors[place], embedder.embed([texts[place]]).vectors[0])


def test_long_texts_are_cut_and_parted_by_their_tokens(provider: Stub) -> None:
    embedder = embedder_at(provider)
    embedder.embed(["é" * 100_000, *["a" * 16_000] * 20])
    bodies = sent(provider, embedder)
    assert len(bodies[0]["input"][0]) == 8_192, "two bytes a letter"
    assert all(sum(len(text.encode()) for text in body["input"]) // 3 <= 100_000 for body in bodies)
    assert len(bodies) == 2


def test_a_chosen_dimension_is_asked_for_and_part_of_the_name(provider: Stub) -> None:
    embedder = embedder_at(provider, dimension=8)
    embedder.embed(["a"])
    assert sent(provider, embedder)[0]["dimensions"] == 8
    assert embedder.name.endswith("@8")


@pytest.mark.parametrize("fault", ["429-once", "500-once", "cut-once"])
def test_what_passes_is_tried_again(provider: Stub, fault: str) -> None:
    embedder = embedder_at(provider, fault, max_retries=1)
    assert embedder.embed(["a"]).vectors.shape == (1, DIMENSION)
    assert len(sent(provider, embedder)) == 2


@pytest.mark.parametrize(
    ("fault", "words", "times"),
    [("401", "refuses the credentials", 1), ("500-always", "tried 3 times", 3), ("html", "no answer|cannot", 3)],
)
def test_what_does_not_pass_is_said(provider: Stub, fault: str, words: str, times: int) -> None:
    embedder = embedder_at(provider, fault, max_retries=2)
    with pytest.raises(ModelUnavailable, match=words) as caught:
        embedder.embed(["a"])
    assert len(sent(provider, embedder)) == times
    assert not caught.value.retryable
    assert KEY not in str(caught.value)


def test_a_slow_provider_frees_the_caller(provider: Stub) -> None:
    with pytest.raises(ModelUnavailable, match=r"within 0\.2 s"):
        embedder_at(provider, "slow", timeout=0.2).embed(["a"])


@pytest.mark.parametrize(("fault", "words"), [("too-few", "1 vectors for 2 texts"), ("nan", "without a direction")])
def test_vectors_that_cannot_be_used_are_refused(provider: Stub, fault: str, words: str) -> None:
    with pytest.raises(ModelUnavailable, match=words):
        embedder_at(provider, fault).embed(["a", "b"])


def test_usage_that_is_not_reported_is_unmeasured(provider: Stub) -> None:
    usage = embedder_at(provider, "no-usage").embed(["a"]).usage
    assert (usage.unmeasured, usage.usd) == (1, None)


def test_an_estimate_is_a_price_where_one_is_known() -> None:
    known = make_embedder("openai:text-embedding-3-small", Embedded, api_key=SecretStr(KEY))
    estimate = known.estimate(["abc" * 1_000] * 1_000)
    assert estimate.input_tokens == 1_000_000
    assert estimate.requests == 10, "by tokens rather than by texts"
    assert estimate.usd == Decimal("0.02")
    assert not estimate.unmeasured


def test_an_estimate_without_a_price_says_so(provider: Stub) -> None:
    estimate = embedder_at(provider).estimate(["a"])
    assert (estimate.usd, estimate.unmeasured) == (None, 1)


def test_the_settings_give_address_and_key(provider: Stub) -> None:
    settings = load_settings(llm={"base_url": provider.base_url, "api_key": KEY})
    embedder: Embedder = embedder_from(settings, "openai:small", Embedded)
    assert embedder.embed(["a"]).vectors.shape == (1, DIMENSION)


def test_a_provider_that_does_not_embed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="provider:model"):
        make_embedder("small", Embedded)
    with pytest.raises(MissingExtra, match=r"pydantic-ai-slim\[cohere\]"):
        make_embedder("cohere:embed-v4.0", Embedded, api_key=SecretStr(KEY))


class Counting(EmbeddingModel):
    """An embedding model of one's own."""

    model_name = "letters"
    system = "house"

    async def embed(self, inputs: Any, *, input_type: Any, settings: Any = None) -> EmbeddingResult:
        """Count two letters, and what is asked for."""
        texts, _ = self.prepare_embed(inputs, settings)
        vectors = [[text.count("a"), text.count("b"), float(input_type == "query")] for text in texts]
        return EmbeddingResult(
            vectors, inputs=texts, input_type=input_type, model_name=self.model_name, provider_name=self.system
        )


def test_a_model_of_ones_own_is_told_questions_from_texts() -> None:
    embedder = embedder_of(Counting(), Embedded)
    assert embedder.name == "house:letters"
    assert embedder.embed(["aa"]).vectors.tolist() == [[1.0, 0.0, 0.0]]
    assert embedder.embed(["zz"], query=True).vectors.tolist() == [[0.0, 0.0, 1.0]]
