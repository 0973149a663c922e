"""The built-in text tools: entities, deadlines, action items, priority and summary of a text, without a model."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from kapelle.tools.actions import find_action_items
from kapelle.tools.deadlines import find_deadlines
from kapelle.tools.decorator import make_tool
from kapelle.tools.entities import find_entities
from kapelle.tools.model import Tool
from kapelle.tools.priority import Priority, judge_priority
from kapelle.tools.summary import summarize_text

Text = Annotated[str, Field(max_length=1_000_000)]


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Entity(_Result):
    """A named thing."""

    text: str
    """As it stands."""
    kind: str
    """person, organization, place, name, date, time, duration, money, percent, email, url, ip, phone, ticket, severity,
    channel, handle, service, version or code."""


class Entities(_Result):
    """The named things of a text, in order."""

    entities: tuple[Entity, ...]


class Deadline(_Result):
    """Something due."""

    text: str
    """As it stands, such as `by Friday 17:00`."""
    date: str | None
    """ISO 8601, where year, month and day are named; never guessed."""
    seconds: float | None
    """Of `within 30 minutes` and the like."""
    sentence: str
    """Where it stands."""


class Deadlines(_Result):
    """The deadlines of a text, in order."""

    deadlines: tuple[Deadline, ...]


class ActionItem(_Result):
    """Something to do."""

    text: str
    owner: str | None
    """Who is named to do it."""
    due: str | None
    """By when, as it stands."""


class ActionItems(_Result):
    """The action items of a text, in order."""

    action_items: tuple[ActionItem, ...]


class Judged(_Result):
    """How urgent a text is."""

    priority: Priority
    reasons: tuple[str, ...]


class Summary(_Result):
    """The text in fewer words."""

    summary: str


def extract_entities(text: Text) -> Entities:
    """Find the people, organizations, places, dates, amounts, addresses and keys a text names."""
    return Entities(entities=tuple(Entity(text=one.text, kind=one.kind) for one in find_entities(text)))


def extract_deadlines(text: Text) -> Deadlines:
    """Find what a text says is due, and by when."""
    found = (
        Deadline(text=one.text, date=one.date, seconds=one.seconds, sentence=" ".join(one.sentence.split()))
        for one in find_deadlines(text)
    )
    return Deadlines(deadlines=tuple(found))


def extract_action_items(text: Text) -> ActionItems:
    """Find what a text asks somebody to do, with who and by when."""
    found = (ActionItem(text=one.text, owner=one.owner, due=one.due) for one in find_action_items(text))
    return ActionItems(action_items=tuple(found))


def classify_priority(text: Text) -> Judged:
    """Judge whether a text is of high, medium or low priority, with the words it rests on."""
    priority, reasons = judge_priority(text)
    return Judged(priority=priority, reasons=reasons)


def summarize(text: Text, max_words: Annotated[int, Field(ge=1, le=10_000)] = 100) -> Summary:
    """Summarize a text in at most max_words of its own words."""
    return Summary(summary=summarize_text(text, max_words))


TEXT_TOOLS: tuple[Tool, ...] = tuple(
    make_tool(function)
    for function in (extract_entities, extract_deadlines, extract_action_items, classify_priority, summarize)
)
