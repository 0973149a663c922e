"""Decision, and what one is made from: Case, Draft, Answer."""

from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from kapelle.evidence.model import Claim, Excerpt
from kapelle.incident.decide.evidence import Evidence
from kapelle.incident.decide.view import View
from kapelle.incident.facts.model import SeverityRule
from kapelle.incident.question.model import Question


class Decision(BaseModel):
    """What is decided: the first claim in one sentence, then times, names and channels, each with the lines it
    rests on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    claims: tuple[Claim, ...] = ()
    missing: tuple[str, ...] = ()
    """What was needed and is not in the folder or the task."""
    conflicts: tuple[str, ...] = ()
    """Where two sources, or the task and the evidence, say different things."""
    found: bool = False
    """False when nothing in the folder answers."""


MUST, CORE, MORE, SPARE = 0, 1, 2, 3
"""Ranks of a draft: the decision itself, what it needs, what helps, what may go first when there is no room."""


@dataclass(frozen=True)
class Draft:
    """A sentence that may go into the answer."""

    text: str
    excerpts: tuple[Excerpt, ...]
    rank: int = CORE
    least: int = 0
    """How many of the excerpts, from the first, are enough where there is no room for all; 0: all are needed."""


@dataclass(frozen=True)
class Answer:
    """What one kind of question comes to."""

    drafts: tuple[Draft, ...] = ()
    missing: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """A question with the facts and the evidence that may answer it."""

    question: Question
    view: View
    evidence: Evidence
    rank: int | None = None
    """The severity: stated, or found by the description."""
    primary: bool = True
    """Whether this kind is what is mainly asked, so that a full answer is wanted."""
    ranks: tuple[int, ...] = ()
    """All severities asked about; empty: all of them."""
    taken: SeverityRule | None = None
    """The line by which a described severity was found."""
    settled: dict[str, bool] = field(default_factory=dict)
    """What other parts of the answer found: `frozen`."""
