"""Difference: one obligation in two versions of a policy, with its direction."""

from dataclasses import dataclass
from typing import Literal

from kapelle.evidence.model import Excerpt
from kapelle.incident.decide.wording import (
    timing_shown,
)
from kapelle.incident.facts.model import (
    Approval,
    Condition,
    Timing,
    Topic,
    Trigger,
    Window,
)

Direction = Literal["tightened", "relaxed", "changed", "added", "removed", "unchanged"]


@dataclass(frozen=True)
class Difference:
    """One obligation in two versions."""

    topic: Topic
    severities: tuple[int, ...]
    what: str
    """What it is about, such as `acknowledgement` or `Standard change approvals`."""
    old: str
    new: str
    direction: Direction
    excerpts: tuple[Excerpt, ...]
    words: str
    """All its words, to see whether the task asks about it."""

    @property
    def shown(self) -> str:
        """In words, such as `acknowledgement tightened from 10 minutes to 5 minutes`."""
        if self.direction == "added":
            return f"{self.what} was added: {self.new}"
        if self.direction == "removed":
            return f"{self.what} was removed: {self.old}"
        if self.direction == "unchanged":
            return f"{self.what.rstrip(':')} is unchanged at {self.new}"
        return f"{self.what} {self.direction} from {self.old} to {self.new}"


def stricter(old: Condition, new: Condition) -> Direction:
    """A lower limit or a shorter time triggers earlier."""
    moves = {
        (new.value > old.value) - (new.value < old.value),
        ((new.minutes or 0) > (old.minutes or 0)) - ((new.minutes or 0) < (old.minutes or 0)),
    } - {0}
    return "unchanged" if not moves else "tightened" if moves == {-1} else "relaxed" if moves == {1} else "changed"


def in_one_only(fact: Timing | Trigger | Approval | Window, direction: Direction, what: str, shown: str) -> Difference:
    """An obligation that only one of the versions has."""
    topic = fact.topic
    text = timing_shown(fact) if isinstance(fact, Timing) and fact.action == "escalate" else shown
    return Difference(
        topic,
        fact.severities,
        what,
        text if direction == "removed" else "",
        text if direction == "added" else "",
        direction,
        fact.excerpts,
        f"{topic} {fact.text}",
    )
