"""What every Embedder must do; each implementation is a parameter of the fixture."""

import threading
import uuid
from pathlib import Path

import numpy as np
import pytest
from tests.provider_stub import Stub

from kapelle.agents.embedding import make_embedder
from kapelle.errors import UnreadableSource
from kapelle.evidence.embedding.embedder import Embedded, Embedder
from kapelle.evidence.embedding.minilm import MiniLM
from kapelle.evidence.embedding.minilm_onnx import FastMiniLM
from kapelle.evidence.embedding.weights import fetch


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return fetch(tmp_path_factory.mktemp("weights"))
    except UnreadableSource as error:
        pytest.skip(f"the weights cannot be fetched here: {error}")


@pytest.fixture(params=["minilm", "minilm on onnxruntime", "provider"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    if request.param == "minilm":
        return MiniLM(request.getfixturevalue("weights"))
    if request.param == "minilm on onnxruntime":
        return FastMiniLM(request.getfixturevalue("weights"))
    stub: Stub = request.getfixturevalue("provider")
    return make_embedder(f"openai:plain/{uuid.uuid4().hex}", Embedded, base_url=stub.base_url)


TEXTS = ["Invoices are kept for ten years.", "The cat sat on the mat.", "ten years of invoices", "été", "a " * 5_000]


def test_a_row_for_each_text_of_length_one(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS).vectors
    assert vectors.shape[0] == len(TEXTS)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_texts_of_one_meaning_are_nearer(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS).vectors
    assert vectors[0] @ vectors[2] > vectors[0] @ vectors[1]


def test_a_text_has_the_same_vector_alone_and_among_others(embedder: Embedder) -> None:
    together = embedder.embed(TEXTS).vectors
    alone = np.concatenate([embedder.embed([text]).vectors for text in TEXTS])
    assert np.allclose(together, alone, atol=1e-4)


def test_questions_are_of_the_same_space(embedder: Embedder) -> None:
    question = embedder.embed(["How long are invoices kept?"], query=True).vectors[0]
    vectors = embedder.embed(TEXTS).vectors
    assert question @ vectors[0] > question @ vectors[1]


def test_no_text_has_no_row(embedder: Embedder) -> None:
    made = embedder.embed([])
    assert made.vectors.shape[0] == 0
    assert made.usage.input_tokens == 0


def test_an_empty_text_has_a_vector_all_the_same(embedder: Embedder) -> None:
    assert np.allclose(np.linalg.norm(embedder.embed(["", "a"]).vectors, axis=1), 1, atol=1e-5)


def test_it_says_what_it_takes_before_and_after(embedder: Embedder) -> None:
    assert embedder.estimate(TEXTS).input_tokens > 0
    assert embedder.embed(TEXTS).usage.input_tokens > 0
    assert embedder.estimate([]).input_tokens == 0


def test_it_has_a_name(embedder: Embedder) -> None:
    assert embedder.name


def test_several_threads_may_embed_at_once(embedder: Embedder) -> None:
    expected = embedder.embed(TEXTS[:3]).vectors
    got: list[bool] = []

    def embed() -> None:
        got.append(np.allclose(embedder.embed(TEXTS[:3]).vectors, expected, atol=1e-5))

    threads = [threading.Thread(target=embed) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [True] * 4
