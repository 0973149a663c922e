"""Scope: one walk through one body: the plan itself, one item of a map, one round of a repeat."""

from dataclasses import dataclass, field

from pydantic import JsonValue

from kapelle.ids import join_path
from kapelle.plan.graph import Graph
from kapelle.plan.model import Step
from kapelle.plan.reference import Ref, follow
from kapelle.run.model import UPSTREAM_FAILED, StepResult


@dataclass(slots=True)
class Scope:
    """The state of one body. `results` holds what settled; a fallback's output stands in `effective`."""

    prefix: str
    graph: Graph
    output: str
    parent: "Scope | None" = None
    container: str = ""
    """The id, in the parent, of the map or repeat this is a part of."""
    number: int = 0
    """Item index or round, from 0."""
    bindings: dict[str, JsonValue] = field(default_factory=dict)
    """The reserved names of this body."""
    waits: dict[str, int] = field(default_factory=dict)
    """How many needs of a step are not settled."""
    results: dict[str, StepResult] = field(default_factory=dict)
    effective: dict[str, StepResult] = field(default_factory=dict)
    decided: set[str] = field(default_factory=set)
    """Steps that were started or settled: they are decided upon once."""

    def __post_init__(self) -> None:
        self.waits = {name: len(needs.all) for name, needs in self.graph.needs.items()}

    def path(self, step: str) -> str:
        """The place of one of its steps in the run."""
        return join_path(self.prefix, step)

    @property
    def finished(self) -> bool:
        """Every step is settled."""
        return len(self.effective) == len(self.graph.steps)

    def read(self, ref: Ref) -> JsonValue:
        """The value of a reference: reserved names, then this body's steps, then the bodies around it.

        Raises:
            KeyError: there is nothing at that place.
        """
        scope: Scope | None = self
        while scope is not None:
            if ref.ref in scope.bindings:
                return follow(scope.bindings[ref.ref], ref.path)
            if ref.ref in scope.effective:
                return _value(scope.effective[ref.ref], ref.path)
            scope = scope.parent
        raise KeyError(ref.ref)

    def missing(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the given steps that have no output, as paths."""
        return tuple(self.path(name) for name in names if self.effective[name].status != "succeeded")


def _value(result: StepResult, path: str) -> JsonValue:
    # A rejected approval keeps its output, so that a `when` can read the decision.
    if result.status == "succeeded" or result.output is not None:
        return follow(result.output, path)
    return None


def blocked(result: StepResult) -> bool:
    """Whether waiting for this step was in vain: it failed, or was skipped because something above it failed."""
    if result.status in ("failed", "cancelled"):
        return True
    return result.status == "skipped" and result.error is not None and result.error.cls == UPSTREAM_FAILED


def title_of(step: Step) -> str:
    """What a person reads of a step."""
    return step.title or step.id
