"""Verdict: whether an answer holds, and why; ToolOutcome: what the checks know of a tool call."""

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from kapelle.task.model import Checklist

Scorer = Literal["ratio", "weighted"]
Check = Literal[
    "found",
    "citations",
    "cited",
    "length",
    "support",
    "evidence",
    "policy",
    "required_citations",
    "tools",
    "plan",
]
CHECKS: tuple[Check, ...] = get_args(Check)
"""The names of the checks; which of them an answer is put to depends on its task, its plan and what it rests on."""


class Verdict(BaseModel):
    """The judgement of one answer."""

    model_config = ConfigDict(frozen=True)

    passed: bool
    score: float = Field(ge=0, le=1)
    reasons: tuple[str, ...] = ()
    """Why it did not pass, or what was lacking though it passed."""
    checklist: Checklist = Checklist()
    """Every item judged."""
    scorer: Scorer = "ratio"


class ToolOutcome(BaseModel):
    """How one tool call of the run ended."""

    model_config = ConfigDict(frozen=True)

    name: str
    path: str = ""
    """The step's place in the plan."""
    tags: frozenset[str] = frozenset()
    success: bool = False
    empty: bool = False
    """It succeeded and found nothing: no evidence."""
    error: str = ""


class StepOutcome(BaseModel):
    """How one step of the plan ended."""

    model_config = ConfigDict(frozen=True)

    path: str
    status: str
    """succeeded, failed, skipped, cancelled or suspended; empty when it never started."""
    error: str = ""
    optional: bool = False
    """The plan goes on without it."""
