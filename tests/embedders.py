"""An embedder for tests: exact, quick, and it counts what it is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kapelle.budget.model import Usage
from kapelle.evidence.embedding.embedder import Embedded
from kapelle.evidence.embedding.minilm import unit
from kapelle.language.words import stems

MEANS = {"holidai": "leav", "vacat": "leav", "automobil": "car", "vehicl": "car", "bill": "invoic"}
"""Stems that mean the same as others: what search by words alone misses."""


@dataclass
class WordVectors:
    """A vector of hashed stems, where words that mean the same are one."""

    name: str = "words-64"
    dimension: int = 64
    asked: list[str] = field(default_factory=list)
    """Every text it embedded."""

    def embed(self, texts: Sequence[str], *, query: bool = False) -> Embedded:
        self.asked.extend(texts)
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            for stem in stems(text):
                word = MEANS.get(stem, stem)
                vectors[row, sum(ord(letter) * 31**place for place, letter in enumerate(word)) % self.dimension] += 1
        return Embedded(unit(vectors), Usage(input_tokens=len(texts)))

    def estimate(self, texts: Sequence[str]) -> Usage:
        return Usage(input_tokens=len(texts))
