"""Planner: the port that makes a plan of a task."""

from typing import Protocol

from kapelle.plan.strategies import Draft
from kapelle.task.model import Task


class Planner(Protocol):
    """Two implementations: rules, and a model (later)."""

    async def draft(self, task: Task) -> Draft:
        """A draft plan of a task.

        Raises:
            PlanError: no plan can be made; the message says why.
        """
