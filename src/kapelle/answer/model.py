"""Candidate: an answer with what it rests on."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, computed_field, model_validator

from kapelle.budget.model import Usage
from kapelle.evidence.model import Citation
from kapelle.task.model import Checklist
from kapelle.verdict.model import Verdict


class Candidate(BaseModel):
    """An answer: what it says, where that stands, and how it was judged."""

    # A stored type: fields of a later version are kept, not refused.
    model_config = ConfigDict(frozen=True, extra="allow")

    text: str = ""
    """What is said; `[c1]` behind a sentence names its citation."""
    value: JsonValue = None
    """The typed answer, where the task asked for one."""
    citations: tuple[Citation, ...] = ()
    missing: tuple[str, ...] = ()
    """What could not be shown, found or fitted in."""
    conflicts: tuple[str, ...] = ()
    """Where sources say different things."""
    checklist: Checklist | None = None
    score: float | None = Field(default=None, ge=0, le=1)
    verdict: Verdict | None = None
    confidence: float | None = Field(default=None, ge=0, le=1)
    """How likely it is that what was found answers the question; None where it was not asked of sources."""
    found: bool = True
    """False: the sources do not say."""
    round: int | None = None
    """The quality round it is from, from 0."""
    usage: Usage = Usage()
    run_id: str | None = None
    status: str | None = None
    """The run's status when it was handed back."""

    @model_validator(mode="before")
    @classmethod
    def _derived(cls, given: Any) -> Any:  # Any: what is to be validated, of whatever type
        """`solution` is told, not stored: it follows from the other fields."""
        return (
            {name: field for name, field in given.items() if name != "solution"} if isinstance(given, dict) else given
        )

    @computed_field  # type: ignore[prop-decorator]  # mypy does not know decorated properties
    @property
    def solution(self) -> JsonValue:
        """The typed value, or else the text."""
        return self.text if self.value is None else self.value

    def __str__(self) -> str:
        return self.text
