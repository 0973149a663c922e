"""The `Reranker` port: what looks at a query and a text together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kapelle.budget.model import Usage


@dataclass(frozen=True, slots=True)
class Reranked:
    """Scores of texts for a query, in the order of the texts, and what they cost."""

    scores: tuple[float, ...]
    """Higher is better; of one call they may be compared with each other only."""
    usage: Usage = field(default_factory=Usage)


class Reranker(Protocol):
    """Scores texts against a query: a cross-encoder, a provider's service, a model that is asked."""

    @property
    def name(self) -> str:
        """Names the model: told with every ranking it made."""

    async def rerank(self, query: str, texts: Sequence[str]) -> Reranked:
        """Score texts for a query; as many scores as texts.

        Raises:
            ModelUnavailable: the service cannot be reached, refuses, or its answer cannot be used.
        """
