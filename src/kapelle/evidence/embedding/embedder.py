"""The `Embedder` port: what turns texts into vectors that are near when the texts mean much the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from kapelle.budget.model import Usage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors: TypeAlias = "NDArray[np.float32]"
    """One row a text, each of length 1: the dot product of two rows is their cosine."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors, and what they cost."""

    vectors: "Vectors"
    """Shape (texts, dimension)."""
    usage: Usage = field(default_factory=Usage)


class Embedder(Protocol):
    """A model of meaning; safe to be called from several threads."""

    @property
    def name(self) -> str:
        """Names the model and its version: vectors of two names are never compared."""

    def embed(self, texts: Sequence[str], *, query: bool = False) -> Embedded:
        """Embed texts, each cut at the model's limit; `query` says they are questions, which some models tell apart.

        Raises:
            ModelUnavailable: the model cannot be reached or refuses; nothing was embedded.
        """

    def estimate(self, texts: Sequence[str]) -> Usage:
        """What embedding some texts would take and cost; `unmeasured` where no price is known."""


Seen: TypeAlias = tuple[float, float | None]
"""Of a sentence: the cosine of question and sentence, and the sum over the question's words of the cosine to the most
similar word of the sentence, each as heavy as the word is (None where the embedder has no vectors of words)."""
Look: TypeAlias = Callable[[str, Sequence[Sequence[str]], Callable[[str], float]], list[list[Seen]] | None]
"""Looks at a question and the sentences of some passages, given the weight of each of the question's words."""


class WordEmbedder(Embedder, Protocol):
    """An embedder that has a vector for each word of a text too, made by all that stands around it."""

    def look(
        self, question: str, passages: Sequence[Sequence[str]], weight: Callable[[str], float]
    ) -> list[list[Seen]]:
        """Look at the sentences of passages; each sentence is read with the others of its passage.

        Late interaction: Khattab and Zaharia, ColBERT, SIGIR 2020; over sentences in the context of their passage:
        Günther et al., Late Chunking, 2024.
        """


def text_to_embed(header: str, section: str, text: str, *, context: str = "") -> str:
    """What of a passage is embedded: its headings, and its context, above what a reader sees of it.

    The headings are the largest single gain measured on short passages: they say what `it` is.
    """
    return "\n".join(part for part in (header, section, context, text) if part)
