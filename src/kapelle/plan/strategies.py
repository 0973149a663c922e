"""Strategies: functions from a task to a plan, and the ones that need no domain."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from kapelle.agents.spec import AgentSpec
from kapelle.errors import PlanError
from kapelle.plan.builder import Handle, Steps
from kapelle.plan.model import Plan
from kapelle.task.features import Features
from kapelle.task.model import Task


@dataclass(frozen=True, slots=True)
class Known:
    """What a strategy may build with."""

    corpora: tuple[str, ...] = ()
    tools: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Strategy:
    """A named way to make a plan."""

    name: str
    build: Callable[..., Any]  # Any: its own arguments; what it returns is checked in `draft`
    matches: Callable[[Features, Task], bool] | None = None
    """Whether the rules may choose it for a task; None: only by name."""
    description: str = ""
    over_corpora: bool = True
    """Whether the rules may choose it although the user gave documents to answer from."""
    arguments: Mapping[str, JsonValue] = field(default_factory=dict)

    def draft(self, task: Task, known: Known, arguments: Mapping[str, JsonValue] | None = None) -> "Draft":
        """Write the plan of a task.

        Raises:
            PlanError: the strategy does not take such an argument, or returned no plan.
        """
        steps = Steps()
        given: dict[str, Any] = {**self.arguments, **(arguments or {})}
        takes = inspect.signature(self.build).parameters
        if "known" in takes:
            given["known"] = known
        unknown = sorted(set(given) - set(takes))
        if unknown:
            raise PlanError(
                f"strategy `{self.name}` takes no argument `{unknown[0]}`; it takes {sorted(set(takes))[:9]}"
            )
        result = self.build(task, steps, **given)
        plan = _as_plan(self.name, result, steps)
        why = plan.why or self.description or f"strategy `{self.name}`"
        return Draft(plan.model_copy(update={"why": why}), dict(steps.agents))


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft plan, and the functions it uses as agents."""

    plan: Plan
    agents: dict[str, AgentSpec]


def _as_plan(name: str, result: object, steps: Steps) -> Plan:
    if isinstance(result, Plan):
        return result
    if isinstance(result, Handle):
        return steps.draft(result)
    if result is steps or result is None:
        return steps.draft()
    raise PlanError(f"strategy `{name}` must return a step's handle, its Steps or a Plan, not {type(result).__name__}")


def strategy(
    build: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    matches: Callable[[Features, Task], bool] | None = None,
) -> Any:
    """Make a Strategy of a function `(task, steps, ...)`; usable bare or with arguments.

    Args:
        matches: given the task's features, whether the rules may choose it.
    """

    def make(function: Callable[..., Any]) -> Strategy:
        description = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
        return Strategy(name or function.__name__, function, matches, description)

    return make if build is None else make(build)


def answer(task: Task, s: Steps, known: Known, k: int = 8) -> Handle:
    """Search the corpora and answer with quotes."""
    hits = s.search(*known.corpora, query=s.task["prompt"], k=k, title="Search the documents")
    return s.answer(hits, question=s.task["prompt"], title="Answer with quotes")


def extract(task: Task, s: Steps) -> Handle:
    """Extract entities, deadlines and action items, classify the priority, summarize."""
    text = s.task["prompt"]
    entities = s.tool("extract_entities", text=text)
    deadlines = s.tool("extract_deadlines", text=text)
    items = s.tool("extract_action_items", text=text)
    priority = s.tool("classify_priority", text=text)
    summary = s.tool("summarize", text=text, max_words=60)
    parts = {
        "entities": entities["entities"],
        "deadlines": deadlines["deadlines"],
        "action_items": items["action_items"],
        "priority": priority["priority"],
        "summary": summary["summary"],
    }
    return s.answer(extracted=parts, question=text, title="Put the extract together")


def compare(task: Task, s: Steps, known: Known, k: int = 6) -> Handle:
    """Search for each side at once, merge what was found, verify."""
    sides = sides_of(task.prompt)
    found = [
        s.search(*known.corpora, query=side, k=k, id=f"search_{place}", title=f"Search: {side[:60]}")
        for place, side in enumerate(sides, 1)
    ]
    return s.answer(*found, question=s.task["prompt"], join="any", title="Merge and compare")


_BETWEEN = re.compile(r"\bbetween\s+(.+?)\s+and\s+(.+?)(?:[.?!;]|$)", re.IGNORECASE)
_VERSUS = re.compile(
    r"\b(?:compare|comparison of|difference of)?\s*(.+?)\s+(?:versus|vs\.?|with|to|and)\s+(.+?)(?:[.?!;]|$)", re.I
)
_LEAD = re.compile(r"^.*?\b(?:compare[sd]?|comparison of|differences?)\b\s*(?:of|between)?\s*", re.IGNORECASE)


def sides_of(prompt: str) -> Sequence[str]:
    """What a comparison compares: two queries, each with the words that both share; one when no two are named."""
    found = _BETWEEN.search(prompt)
    if found:
        subject = _LEAD.sub("", prompt[: found.start()]).strip() or _subject(prompt[: found.start()])
        return tuple(f"{subject} {side}".strip() for side in found.groups())
    found = _VERSUS.search(_LEAD.sub("", prompt))
    if found:
        return tuple(side.strip(" ,") for side in found.groups())
    return (prompt,)


def _subject(text: str) -> str:
    return _LEAD.sub("", text).strip(" ,?")


def _compares(features: Features, task: Task) -> bool:
    return features.compare


ANSWER = Strategy("answer", answer, description="a corpus is given: search it and quote")
EXTRACT = Strategy("extract", extract, description="no corpus is given: extract and summarize the text itself")
COMPARE = Strategy("compare", compare, _compares, description="two things are compared: search for both at once")
BUILT_IN = (ANSWER, EXTRACT, COMPARE)
