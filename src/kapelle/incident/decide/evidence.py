"""Evidence: what the company's systems answered, read leniently from the tools' outputs."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from kapelle.clock import parse_time
from kapelle.errors import KapelleError
from kapelle.evidence.model import Excerpt


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    ref: Excerpt | None = None


class MetricPoint(_Row):
    """One measurement."""

    timestamp: str
    service: str = ""
    latency_p95_ms: float | None = None
    error_rate: float | None = None
    """Percent."""

    @property
    def at(self) -> datetime.datetime:
        """When it was measured, UTC."""
        return parse_time(self.timestamp)


class LoggedEvent(_Row):
    """One logged event."""

    timestamp: str = ""
    service: str = ""
    level: str = ""
    pattern: str = ""
    message: str = ""


class KnownTicket(_Row):
    """One ticket."""

    key: str
    project_key: str = ""
    issue_type: str = ""
    summary: str = ""
    description: str = ""
    severity: str | None = None
    status: str = ""
    assignee: str | None = None
    labels: tuple[str, ...] = ()
    created_at: str = ""

    @property
    def open(self) -> bool:
        """Whether its status is none of those that end a ticket."""
        return self.status.strip().lower() not in (
            "closed",
            "done",
            "resolved",
            "rejected",
            "cancelled",
            "canceled",
            "completed",
            "won't do",
            "duplicate",
        )

    @property
    def owned(self) -> bool:
        """Whether somebody is assigned."""
        return bool(self.assignee and self.assignee.strip())


R = TypeVar("R", bound=_Row)


class Evidence(BaseModel):
    """What was measured, logged and written down; None means it was not asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    points: tuple[MetricPoint, ...] | None = None
    """Of one service, by time; those before the question's window are its baseline."""
    events: tuple[LoggedEvent, ...] | None = None
    tickets: tuple[KnownTicket, ...] | None = None
    summary: Excerpt | None = None
    """The metrics system's own averages and maxima."""
    hits: tuple[Excerpt, ...] = ()
    """Passages that a search over the company's knowledge found."""

    @classmethod
    def of(
        cls,
        metrics: JsonValue = None,
        logs: JsonValue = None,
        tickets: JsonValue = None,
        knowledge: JsonValue = None,
    ) -> Self:
        """Read the outputs of `metrics_query` (one, or a list of them), `logs_search`, `jira_search_tickets` and
        `search_incident_knowledge`; rows that are not of the shape are left out."""
        outputs = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
        points = [point for output in outputs for point in _rows(output, "points", MetricPoint) or ()]
        asked = any(output is not None for output in outputs)
        hits = [row.ref for row in _rows(knowledge, "hits", _Row) or () if row.ref]
        return cls(
            points=tuple(sorted(dict.fromkeys(_timed(points)), key=lambda point: point.at)) if asked else None,
            events=_rows(logs, "events", LoggedEvent),
            tickets=_rows(tickets, "tickets", KnownTicket),
            summary=next((ref for output in outputs if (ref := _excerpt(output))), None),
            hits=tuple(hits),
        )


def _rows(output: object, key: str, row: type[R]) -> tuple[R, ...] | None:
    """The rows of a tool's output; None when the tool was not asked or answered in another shape."""
    rows = output.get(key) if isinstance(output, Mapping) else output
    if not isinstance(rows, (list, tuple)):
        return None
    return tuple(read for given in rows if (read := _row(given, row)) is not None)


def _row(given: object, row: type[R]) -> R | None:
    try:
        return row.model_validate(given)
    except ValidationError:
        return None


def _timed(points: Sequence[MetricPoint]) -> list[MetricPoint]:
    timed = []
    for point in points:
        try:
            parse_time(point.timestamp)
        except (KapelleError, ValueError):
            continue
        timed.append(point)
    return timed


def _excerpt(output: object) -> Excerpt | None:
    try:
        return Excerpt.model_validate(output.get("ref")) if isinstance(output, Mapping) and output.get("ref") else None
    except ValidationError:
        return None
