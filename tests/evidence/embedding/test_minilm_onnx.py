"""The quick runtime may stand in for the exact one: near vectors, exact questions, a graph that is kept and renewed."""

import os
from pathlib import Path

import numpy as np
import pytest

from kapelle.errors import UnreadableSource
from kapelle.evidence.embedding import minilm_graph
from kapelle.evidence.embedding.minilm import MiniLM
from kapelle.evidence.embedding.minilm_onnx import FastMiniLM
from kapelle.evidence.embedding.weights import FILES, fetch

pytestmark = pytest.mark.slow

TEXTS = [
    "Invoices\nInvoices are kept for ten years; credit notes for six.",
    "the boundary layer over a flat plate at supersonic speed is studied with and without suction . " * 8,
    "été à Zürich",
    "def charge(account): return ledger.add(account)",
    "a",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return fetch(tmp_path_factory.mktemp("weights"))
    except UnreadableSource as error:
        pytest.skip(f"the weights cannot be fetched here: {error}")


def test_its_vectors_are_close_to_the_exact_ones(folder: Path) -> None:
    fast, exact = FastMiniLM(folder), MiniLM(folder)
    cosines = np.einsum("ij,ij->i", fast.embed(TEXTS).vectors, exact.embed(TEXTS).vectors)
    assert cosines.min() >= 0.99, cosines
    assert cosines.min() < 0.99999, "these would not be whole numbers"


def test_questions_are_exact(folder: Path) -> None:
    fast, exact = FastMiniLM(folder), MiniLM(folder)
    assert np.array_equal(fast.embed(TEXTS[:2], query=True).vectors, exact.embed(TEXTS[:2], query=True).vectors)


def test_a_text_has_exactly_the_same_vector_beside_others(folder: Path) -> None:
    fast = FastMiniLM(folder)
    together = fast.embed(TEXTS).vectors
    assert np.array_equal(together[2], fast.embed([TEXTS[2]]).vectors[0])


def test_a_graph_is_built_once(folder: Path) -> None:
    first = minilm_graph.graph_of(folder)
    before = first.stat().st_mtime_ns
    assert minilm_graph.graph_of(folder) == first
    assert first.stat().st_mtime_ns == before


def test_a_graph_of_another_version_or_of_other_weights_is_replaced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = minilm_graph.graph_of(folder)
    monkeypatch.setattr(minilm_graph, "VERSION", minilm_graph.VERSION + 1)
    second = minilm_graph.graph_of(folder)
    assert second != first
    assert not first.exists()
    monkeypatch.setitem(FILES, "model.safetensors", "0" * 64)
    assert minilm_graph.graph_of(folder) not in (first, second)
    assert [one.name for one in folder.glob(".building-*")] == []


@pytest.mark.skipif(os.getuid() == 0, reason="nothing is read-only to root")
def test_where_it_cannot_be_written_that_is_said(folder: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    for name in FILES:
        (closed / name).symlink_to(folder / name)
    closed.chmod(0o500)
    with pytest.raises(UnreadableSource, match="cannot be written"):
        minilm_graph.graph_of(closed)
