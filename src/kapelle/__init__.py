"""Kapelle: a durable agent orchestrator.

Plans are data that can be read and priced before anything is spent; runs survive their process; answers quote their
evidence. Importing this loads nothing heavy: each name is loaded at its first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kapelle._version import __version__
    from kapelle.agents.spec import AgentSpec, agent
    from kapelle.answer.model import Candidate
    from kapelle.budget.model import Budget, Usage
    from kapelle.errors import KapelleError, WaitingForApproval
    from kapelle.evidence.model import Citation, Claim, Excerpt
    from kapelle.handles import Approval, Run
    from kapelle.orchestrator import Orchestrator, ask
    from kapelle.pack import Pack
    from kapelle.plan.builder import Steps, fallback, quorum
    from kapelle.plan.model import Plan
    from kapelle.plan.strategies import Strategy, strategy
    from kapelle.settings import Settings
    from kapelle.task.model import Checklist, ChecklistItem, Task
    from kapelle.tools.decorator import tool
    from kapelle.tools.model import Suspend, Tool, ToolContext

_HOMES = {
    "__version__": "kapelle._version",
    "AgentSpec": "kapelle.agents.spec",
    "agent": "kapelle.agents.spec",
    "Approval": "kapelle.handles",
    "ask": "kapelle.orchestrator",
    "Budget": "kapelle.budget.model",
    "Candidate": "kapelle.answer.model",
    "Checklist": "kapelle.task.model",
    "ChecklistItem": "kapelle.task.model",
    "Citation": "kapelle.evidence.model",
    "Claim": "kapelle.evidence.model",
    "Excerpt": "kapelle.evidence.model",
    "fallback": "kapelle.plan.builder",
    "KapelleError": "kapelle.errors",
    "Orchestrator": "kapelle.orchestrator",
    "Pack": "kapelle.pack",
    "Plan": "kapelle.plan.model",
    "quorum": "kapelle.plan.builder",
    "Run": "kapelle.handles",
    "Settings": "kapelle.settings",
    "Steps": "kapelle.plan.builder",
    "Strategy": "kapelle.plan.strategies",
    "strategy": "kapelle.plan.strategies",
    "Suspend": "kapelle.tools.model",
    "Task": "kapelle.task.model",
    "Tool": "kapelle.tools.model",
    "tool": "kapelle.tools.decorator",
    "ToolContext": "kapelle.tools.model",
    "Usage": "kapelle.budget.model",
    "WaitingForApproval": "kapelle.errors",
}
__all__ = [
    "AgentSpec",
    "Approval",
    "Budget",
    "Candidate",
    "Checklist",
    "ChecklistItem",
    "Citation",
    "Claim",
    "Excerpt",
    "KapelleError",
    "Orchestrator",
    "Pack",
    "Plan",
    "Run",
    "Settings",
    "Steps",
    "Strategy",
    "Suspend",
    "Task",
    "Tool",
    "ToolContext",
    "Usage",
    "WaitingForApproval",
    "__version__",
    "agent",
    "ask",
    "fallback",
    "quorum",
    "strategy",
    "tool",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module `kapelle` has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
