"""all-MiniLM-L6-v2 on numpy alone: a forward pass of six BERT layers, exact to the reference to 1e-5."""

import json
import mmap
import os
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from kapelle.budget.model import Usage
from kapelle.evidence.embedding.blas import one_thread
from kapelle.evidence.embedding.embedder import Embedded, Seen
from kapelle.evidence.embedding.weights import NAME
from kapelle.evidence.embedding.wordpiece import BEGIN, END, WordPiece

LIMIT = 256
"""Word pieces of a text that count; the model was trained with 128 and is published with 256."""
PLACES = 512
"""Word pieces that the model can place at all: what is read together when sentences are looked at."""
WIDTH = 384
"""Components of a vector."""
HEADS = 12
LAYERS = 6
TINY = np.float32(1e-12)
_MASKED = np.float32(-1e4)
_BATCH_PIECES = 2_048
"""Pieces run through the layers at once: more need memory and gain nothing."""
_WORKERS = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="kapelle-embed")

Floats: TypeAlias = NDArray[np.float32]


class MiniLM:
    """An `Embedder` over `model.safetensors` and `vocab.txt` of a folder; about 90 MB, read when first needed.

    Wang et al., MiniLM, NeurIPS 2020; Reimers and Gurevych, Sentence-BERT, EMNLP 2019 (mean of the last layer).
    """

    name = NAME

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tokens: WordPiece | None = None
        self._weights: _Weights | None = None
        self._loading = threading.Lock()

    def embed(self, texts: Sequence[str], *, query: bool = False) -> Embedded:
        """See `Embedder.embed`; questions and texts are embedded alike."""
        tokens, weights = self._loaded()
        ids = [tokens.encode(text, LIMIT) for text in texts]
        vectors = np.empty((len(ids), WIDTH), np.float32)

        def run(batch: list[int]) -> None:
            vectors[batch] = _forward(weights, *padded([ids[i] for i in batch]))

        with one_thread():
            if len(ids) == 1:
                run([0])
            else:
                list(_WORKERS.map(run, batches(ids)))
        return Embedded(vectors, Usage(input_tokens=sum(map(len, ids))))

    def look(
        self, question: str, passages: Sequence[Sequence[str]], weight: Callable[[str], float]
    ) -> list[list[Seen]]:
        """See `WordEmbedder.look`."""
        tokens, weights = self._loaded()
        asked = [(weight(word), ids) for word, ids in tokens.words(question)]
        ids = [one for _, pieces in asked for one in pieces][: PLACES - 2]
        heavy = np.array([heavy for heavy, pieces in asked for _ in pieces][: PLACES - 2], np.float32)
        with one_thread():
            own = _layers(weights, np.array([[BEGIN, *ids, END]]))[0]
            mean = unit(own.mean(0, keepdims=True))[0]
            words = unit(own[1:-1])

            def seen(passage: Sequence[str]) -> list[Seen]:
                return [_seen(sentence, words, heavy, mean) for sentence in _in_context(weights, tokens, passage)]

            return list(_WORKERS.map(seen, passages))

    def estimate(self, texts: Sequence[str]) -> Usage:
        """See `Embedder.estimate`; it costs time only."""
        return estimate(texts)

    def _loaded(self) -> tuple[WordPiece, "_Weights"]:
        with self._loading:
            if self._tokens is None or self._weights is None:
                self._weights = _Weights.read(self._folder / "model.safetensors")
                self._tokens = WordPiece.read(self._folder / "vocab.txt")
            return self._tokens, self._weights


def estimate(texts: Sequence[str]) -> Usage:
    """What embedding some texts takes: about a word piece for four characters."""
    return Usage(input_tokens=sum(min(len(text) // 4 + 2, LIMIT) for text in texts))


def _in_context(weights: "_Weights", tokens: WordPiece, sentences: Sequence[str]) -> Iterator[Floats]:
    """The vectors of each sentence's pieces, read together with as many sentences around it as fit."""
    cut = [[one for _, ids in tokens.words(sentence) for one in ids][: PLACES - 2] for sentence in sentences]
    first = 0
    while first < len(cut):
        last, length = first, 2
        while last < len(cut) and length + len(cut[last]) <= PLACES:
            length += len(cut[last])
            last += 1
        made = _layers(weights, np.array([[BEGIN, *(one for ids in cut[first:last] for one in ids), END]]))[0]
        at = 1
        for ids in cut[first:last]:
            yield made[at : at + len(ids)]
            at += len(ids)
        first = last


def _seen(sentence: Floats, words: Floats, heavy: Floats, mean: Floats) -> Seen:
    if not len(sentence) or not heavy.sum():
        return 0.0, 0.0
    meaning = float(unit(sentence.mean(0, keepdims=True))[0] @ mean)
    best = (words @ unit(sentence.copy()).T).max(1)
    return meaning, float((heavy * best).sum() / heavy.sum())


def batches(ids: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """The places of texts, grouped by length so that little is padded."""
    batch: list[int] = []
    for place in sorted(range(len(ids)), key=lambda i: len(ids[i])):
        if batch and (len(batch) + 1) * len(ids[place]) > _BATCH_PIECES:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def padded(ids: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], Floats]:
    """Ids as a matrix filled up with 0, and 1 where an id stands."""
    shape = (len(ids), max(map(len, ids)))
    matrix, mask = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    for row, line in enumerate(ids):
        matrix[row, : len(line)] = line
        mask[row, : len(line)] = 1
    return matrix, mask


@dataclass(frozen=True, slots=True)
class _Dense:
    """x @ weight + bias."""

    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        y: Floats = x @ self.weight
        y += self.bias
        return y


@dataclass(frozen=True, slots=True)
class _Norm:
    """Layer normalization."""

    scale: Floats
    shift: Floats

    def __call__(self, x: Floats) -> Floats:
        x = x - x.mean(-1, keepdims=True)
        x /= np.sqrt(np.einsum("...i,...i->...", x, x)[..., None] / np.float32(WIDTH) + TINY)
        x *= self.scale
        x += self.shift
        return x


@dataclass(frozen=True, slots=True)
class _Layer:
    """One transformer layer; queries, keys and values are made by one product."""

    heads: _Dense
    joined: _Dense
    after_heads: _Norm
    wide: _Dense
    narrow: _Dense
    after_wide: _Norm

    def __call__(self, x: Floats, bias: Floats) -> Floats:
        count, length, _ = x.shape
        flat = x.reshape(-1, WIDTH)
        split = self.heads(flat).reshape(count, length, 3, HEADS, WIDTH // HEADS).transpose(2, 0, 3, 1, 4)
        attended = _softmax(split[0] @ split[1].transpose(0, 1, 3, 2), bias) @ split[2]
        flat = self.after_heads(flat + self.joined(attended.transpose(0, 2, 1, 3).reshape(-1, WIDTH)))
        flat = self.after_wide(flat + self.narrow(_gelu(self.wide(flat))))
        return flat.reshape(count, length, WIDTH)


@dataclass(frozen=True, slots=True)
class _Weights:
    words: Floats
    places: Floats
    first: _Norm
    layers: tuple[_Layer, ...]

    @classmethod
    def read(cls, path: Path) -> "_Weights":
        tensors = read_tensors(path)
        places = (
            tensors["embeddings.position_embeddings.weight"] + tensors["embeddings.token_type_embeddings.weight"][0]
        )
        return cls(
            words=tensors["embeddings.word_embeddings.weight"],
            places=places,
            first=_Norm(tensors["embeddings.LayerNorm.weight"], tensors["embeddings.LayerNorm.bias"]),
            layers=tuple(_layer(tensors, f"encoder.layer.{number}.") for number in range(LAYERS)),
        )


def _layer(tensors: dict[str, Floats], prefix: str) -> _Layer:
    def dense(*names: str) -> _Dense:
        weight = np.concatenate([tensors[f"{prefix}{name}.weight"] for name in names])
        return _Dense(np.ascontiguousarray(weight.T), np.concatenate([tensors[f"{prefix}{n}.bias"] for n in names]))

    def norm(name: str) -> _Norm:
        return _Norm(tensors[f"{prefix}{name}.weight"], tensors[f"{prefix}{name}.bias"])

    heads = dense("attention.self.query", "attention.self.key", "attention.self.value")
    # The scores are divided by the root of a head's width: once in the weights instead of at every text.
    root = np.float32((WIDTH // HEADS) ** -0.5)
    heads.weight[:, :WIDTH] *= root
    heads.bias[:WIDTH] *= root
    return _Layer(
        heads=heads,
        joined=dense("attention.output.dense"),
        after_heads=norm("attention.output.LayerNorm"),
        wide=dense("intermediate.dense"),
        narrow=dense("output.dense"),
        after_wide=norm("output.LayerNorm"),
    )


def read_tensors(path: Path) -> dict[str, Floats]:
    """The float tensors of a safetensors file: an 8-byte length, a JSON header, raw little-endian data."""
    with path.open("rb") as file:
        view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    (length,) = struct.unpack("<Q", view[:8])
    header = json.loads(view[8 : 8 + length])
    return {
        name: np.frombuffer(
            view, "<f4", count=int(np.prod(about["shape"])), offset=8 + length + about["data_offsets"][0]
        ).reshape(about["shape"])
        for name, about in header.items()
        if name != "__metadata__" and about["dtype"] == "F32"
    }


def _softmax(scores: Floats, bias: Floats) -> Floats:
    scores += bias
    scores -= scores.max(-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(-1, keepdims=True)
    return scores


def _gelu(x: Floats) -> Floats:
    """GELU by tanh (Hendrycks and Gimpel, 2016), in place; the vectors differ from erf's by less than 1e-4."""
    inner = np.square(x)
    inner *= np.float32(0.044715)
    inner += 1
    inner *= x
    inner *= np.float32(0.7978845608)
    np.tanh(inner, out=inner)
    inner += 1
    inner *= x
    inner *= np.float32(0.5)
    return inner


def _layers(weights: _Weights, ids: NDArray[np.int64], mask: Floats | None = None) -> Floats:
    x = weights.first(weights.words[ids] + weights.places[: ids.shape[1]])
    bias = np.zeros((1, 1, 1, 1), np.float32) if mask is None else ((1 - mask) * _MASKED)[:, None, None, :]
    for layer in weights.layers:
        x = layer(x, bias)
    return x


def _forward(weights: _Weights, ids: NDArray[np.int64], mask: Floats) -> Floats:
    x = _layers(weights, ids, mask)
    mean = np.einsum("ijk,ij->ik", x, mask) / mask.sum(1, keepdims=True)
    return unit(mean)


def unit(vectors: Floats) -> Floats:
    """Rows brought to length 1, in place; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True).astype(np.float32)
    lengths[lengths == 0] = 1
    vectors /= lengths
    return vectors
