"""Problem: one thing that is wrong with a plan, as data."""

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

Code: TypeAlias = Literal[
    "cycle",
    "unknown_step",
    "unknown_kind",
    "unknown_tool",
    "unknown_agent",
    "unknown_corpus",
    "duplicate_id",
    "reserved_id",
    "bad_reference",
    "bad_condition",
    "bad_arguments",
    "bad_output",
    "no_entry",
    "exclusive_in_spread",
    "unbounded",
    "bad_fallback",
    "bad_join",
    "bad_limit",
    "secret",
]


class Problem(BaseModel):
    """What is wrong, where, and what to do."""

    model_config = ConfigDict(frozen=True)

    code: Code
    step: str
    """The step's place in the plan (`drafts/note` for a body's step); empty for the plan itself."""
    field: str = ""
    message: str

    def __str__(self) -> str:
        place = f"step `{self.step}`" if self.step else "plan"
        return f"{place}{f', `{self.field}`' if self.field else ''}: {self.message}"
