"""AgentSpec: a typed async function that a plan may call by name."""

from collections.abc import Awaitable, Callable
from typing import Any

from kapelle.tools.decorator import make_tool
from kapelle.tools.model import Retry, Tool

# An agent has what a tool has: a name, a schema at both ends, a limit. It never writes.
AgentSpec = Tool


def agent(
    function: Callable[..., Awaitable[Any] | Any],  # Any: the user's own signature, validated at both ends
    *,
    name: str | None = None,
    timeout: float | None = None,
    retry: Retry | None = None,
) -> AgentSpec:
    """Register a typed function (async, or sync and quick) as an agent."""
    return make_tool(function, name=name, timeout=timeout, retry=retry)
