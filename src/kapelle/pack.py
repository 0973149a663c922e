"""Pack: a bundle of tools, agents, corpora and strategies for one domain, and its discovery."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from inspect import signature
from pathlib import Path

from kapelle.agents.spec import AgentSpec
from kapelle.evidence.index import Index
from kapelle.evidence.rerank import Reranker
from kapelle.plan.strategies import Strategy
from kapelle.settings import Settings
from kapelle.tools.model import Tool

GROUP = "kapelle.packs"


@dataclass(frozen=True, slots=True)
class Pack:
    """What one domain brings."""

    name: str
    tools: tuple[Tool, ...] = ()
    agents: tuple[AgentSpec, ...] = ()
    corpora: dict[str, Path] = field(default_factory=dict)
    strategies: tuple[Strategy, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)
    """Names by which a task may require a citation, and the sources they stand for."""


@dataclass(frozen=True, slots=True)
class Means:
    """What the orchestrator lends its packs; each is made when it is first asked for."""

    index: Callable[[], Index]
    """Where its corpora are: a pack's collections stand in the same database, under an owner of their own."""
    reranker: Callable[[], Reranker | None]
    """Ranks by a model, where one is named; None where none is."""


def discover(settings: Settings, means: Means | None = None) -> Iterator[Pack]:
    """Make every installed pack: each entry point is `(Settings) -> Pack`, or `(Settings, Means) -> Pack`."""
    for point in entry_points(group=GROUP):
        make: Callable[..., Pack] = point.load()
        yield make(settings, means) if len(signature(make).parameters) > 1 else make(settings)
