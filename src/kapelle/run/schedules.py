"""Schedules: tasks that workers begin again and again, at times that a cron expression names."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime

from pydantic import BaseModel, ConfigDict, JsonValue

from kapelle import clock
from kapelle.errors import BadInput, NotFound

TICK = "kapelle.tick"
"""The name of the workflow of a time."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Schedule(BaseModel):
    """A task and when it is begun, in UTC."""

    model_config = ConfigDict(frozen=True)

    name: str
    owner: str
    cron: str
    """Five fields from the minute on, or six from the second on."""
    task: dict[str, JsonValue]
    """What is asked each time, without an id."""
    app: str | None = None
    last: datetime | None = None
    """The last time for which it was begun."""
    next: datetime | None = None
    """The next one."""

    @property
    def key(self) -> str:
        """Its name among those of every owner."""
        return schedule_key(self.owner, self.name)

    def run_key(self, at: datetime) -> str:
        """The key of the run of a time: however many workers there are, it is one run."""
        return f"schedule:{self.name}:{clock.to_iso(at)}"


Tick = Callable[[Schedule, datetime], Awaitable[None]]
"""Begins the run of a time."""


def schedule_key(owner: str, name: str) -> str:
    """A schedule's name among those of every owner: an owner has exactly one slash, a name has none."""
    return f"{owner}/{name}"


def check_schedule(name: str, cron: str) -> None:
    """Hold a schedule's name and the form of its expression against what can be used.

    Raises:
        BadInput: one of them cannot.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadInput(
            f"`name`: `{str(name)[:60]}`: expected 1 to 100 letters, digits, `.`, `_`, `-`, beginning with one"
        )
    if not isinstance(cron, str) or len(cron.split()) not in (5, 6):
        raise bad_cron(str(cron))


def bad_cron(cron: str) -> BadInput:
    """What is told of an expression that cannot be read."""
    return BadInput(
        f"`cron`: `{cron[:80]}` is no cron expression; expected five fields such as `0 7 * * mon-fri`, or six with "
        "seconds first; times are UTC"
    )


def no_schedule(name: str) -> NotFound:
    """What an owner is told who has no such schedule."""
    return NotFound(f"there is no schedule `{name}`; `kapelle schedules` lists them")
