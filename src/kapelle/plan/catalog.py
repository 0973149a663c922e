"""Catalog: everything a plan may name, derived from what is registered."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from pydantic import JsonValue

from kapelle.agents.spec import AgentSpec
from kapelle.budget.model import Usage
from kapelle.evidence.options import SearchOptions
from kapelle.tools.model import Tool

MostUsage: TypeAlias = Callable[[str, SearchOptions | None], Usage]
"""At most what a search with such options takes of the model of that name; without options an answer."""


@dataclass(frozen=True)
class Catalog:
    """Tools, agents and corpora, by name."""

    tools: dict[str, Tool] = field(default_factory=dict)
    agents: dict[str, AgentSpec] = field(default_factory=dict)
    corpora: frozenset[str] = frozenset()
    tool_timeout: float = 10.0
    """Seconds one attempt of a call may take when neither the tool nor the step says."""
    most: MostUsage | None = None
    """What a step may take of a model at most; None: no step is priced."""

    @cached_property
    def entries(self) -> list[dict[str, JsonValue]]:
        """What a planner, a person or another program may read of it."""
        return [
            *(_entry("tool", tool) for tool in self.tools.values()),
            *(_entry("agent", spec) for spec in self.agents.values()),
            *(_corpus(name) for name in sorted(self.corpora)),
        ]

    @cached_property
    def hash(self) -> str:
        """Changes when a tool, a schema or a corpus does: 16 hex digits of SHA-256."""
        text = json.dumps(self.entries, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _corpus(name: str) -> dict[str, JsonValue]:
    return {"kind": "corpus", "name": name}


def _entry(kind: str, tool: Tool) -> dict[str, JsonValue]:
    return {
        "kind": kind,
        "name": tool.name,
        "description": tool.description,
        "effect": tool.effect,
        "tags": [*sorted(tool.tags)],
        "input_schema": tool.input_schema,
        "output_schema": tool.output_schema,
    }


def make_catalog(
    tools: Iterable[Tool],
    agents: Iterable[AgentSpec],
    corpora: Iterable[str],
    *,
    tool_timeout: float = 10.0,
    most: MostUsage | None = None,
) -> Catalog:
    """A catalog of what is registered now."""
    return Catalog(
        {tool.name: tool for tool in sorted(tools, key=lambda one: one.name)},
        {spec.name: spec for spec in sorted(agents, key=lambda one: one.name)},
        frozenset(corpora),
        tool_timeout,
        most,
    )
