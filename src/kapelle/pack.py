"""Pack: a bundle of tools, agents, corpora and strategies for one domain, and its discovery."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

from kapelle.agents.spec import AgentSpec
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


def discover(settings: Settings) -> Iterator[Pack]:
    """Make every installed pack: each entry point of the group is a function `(Settings) -> Pack`."""
    for point in entry_points(group=GROUP):
        make: Callable[[Settings], Pack] = point.load()
        yield make(settings)
