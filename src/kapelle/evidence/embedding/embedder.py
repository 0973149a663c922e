"""The `Embedder` port: what turns texts into vectors that are near when the texts mean much the same."""

from collections.abc import Sequence
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


def text_to_embed(header: str, section: str, text: str) -> str:
    """What of a passage is embedded: its headings above what a reader sees of it.

    The headings are the largest single gain measured on short passages: they say what `it` is.
    """
    return "\n".join(part for part in (header, section, text) if part)
