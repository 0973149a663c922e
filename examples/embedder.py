"""Bring your own embedder: anything with a name, `embed` and `estimate`; here, hashed parts of words."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kapelle.budget.model import Usage
from kapelle.evidence.embedding.embedder import Embedded, Embedder, text_to_embed
from kapelle.evidence.load import document_of
from kapelle.evidence.split import split

HANDBOOK = Path(__file__).parent / "handbook"


class Trigrams:
    """Texts are near when they share groups of three letters: `invoices` and `invoicing` do."""

    name = "trigrams-512"  # vectors of two names are never compared: change it when the vectors change

    def embed(self, texts: Sequence[str], *, query: bool = False) -> Embedded:
        """One row a text, each of length 1; questions and texts alike."""
        vectors = np.zeros((len(texts), 512), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            folded = f" {' '.join(text.lower().split())} "
            for start in range(len(folded) - 2):
                row[zlib.crc32(folded[start : start + 3].encode()) % 512] += 1
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return Embedded(vectors / np.maximum(lengths, 1e-9), Usage(input_tokens=sum(map(len, texts))))

    def estimate(self, texts: Sequence[str]) -> Usage:
        """It costs time only."""
        return Usage(input_tokens=sum(map(len, texts)))


def main() -> None:
    """Find the passage of the handbook that is nearest to each question."""
    embedder: Embedder = Trigrams()
    documents = [document_of(file.name, file.read_text()) for file in sorted(HANDBOOK.glob("*.md"))]
    passages = [passage for document in documents for passage in split(document)]
    texts = [text_to_embed(passage.header, passage.section, passage.text) for passage in passages]
    print(f"{embedder.name}: {len(texts)} passages, about {embedder.estimate(texts).input_tokens} letters")
    vectors = embedder.embed(texts).vectors
    for question in ("invoicing records", "travelling by train"):
        near = vectors @ embedder.embed([question], query=True).vectors[0]
        best = passages[int(near.argmax())]
        print(f"{question}: {best.source}:{best.start}-{best.end}")


if __name__ == "__main__":
    main()
