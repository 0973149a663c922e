"""The tools that read a company: its documents, tickets, metrics and logs, every part of the result with its span."""

import asyncio
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from kapelle.clock import parse_time
from kapelle.errors import ToolInputError
from kapelle.evidence.model import Excerpt
from kapelle.incident.citing import Answer
from kapelle.incident.client import SystemName, addresses, get
from kapelle.incident.company import Company
from kapelle.incident.records import LogEvent, Point, Ticket
from kapelle.incident.reference import best_excerpt
from kapelle.settings import CompanySettings, Settings
from kapelle.tools.decorator import make_tool
from kapelle.tools.model import Tool, ToolContext

_EVIDENCE = frozenset({"evidence"})
_POLICY = frozenset({"policy"})


def _a_time(text: str) -> str:
    parse_time(text)
    return text.strip()


Moment = Annotated[str, AfterValidator(_a_time), WithJsonSchema({"type": "string", "format": "date-time"})]
"""An ISO 8601 time; without an offset it is UTC."""
Name = Annotated[str, Field(min_length=1, max_length=200)]
Filter = Annotated[str, Field(max_length=500)]
Query = Annotated[str, Field(max_length=100_000)]
MaxChars = Annotated[int, Field(ge=1, le=50_000)]


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reference(_Result):
    """A stretch of a company's document."""

    source: str
    """The name it was asked by."""
    path: str
    """Its file in the company's folder."""
    title: str
    sha256: str
    excerpt: str
    ref: Excerpt


class TicketRow(_Result):
    """A ticket and the span that shows it."""

    key: str
    project_key: str
    issue_type: str
    summary: str
    description: str
    severity: str | None
    status: str
    assignee: str | None
    labels: tuple[str, ...]
    created_at: str
    updated_at: str
    ref: Excerpt


class PointRow(_Result):
    """A measurement and the span that shows it."""

    timestamp: str
    service: str
    latency_p95_ms: float
    error_rate: float
    ref: Excerpt


class EventRow(_Result):
    """A logged event and the span that shows it."""

    timestamp: str
    service: str
    level: str
    pattern: str
    message: str
    trace_id: str
    ref: Excerpt


class Tickets(_Result):
    """The tickets that fit."""

    count: int
    tickets: tuple[TicketRow, ...]
    ref: Excerpt | None
    """The system's own count, so that finding none can be cited too."""


class Series(_Result):
    """The average and the maximum of a series; None without points."""

    avg: float | None
    max: float | None


class Metrics(_Result):
    """A service's measurements in a window, both ends included; every point weighs alike in the averages."""

    service: str
    start_time: str
    end_time: str
    count: int
    latency_p95_ms: Series
    error_rate: Series
    """In percent."""
    points: tuple[PointRow, ...]
    ref: Excerpt | None
    """The system's own summary."""


class Logs(_Result):
    """A service's events in a window, both ends included."""

    service: str
    start_time: str
    end_time: str
    count: int
    events: tuple[EventRow, ...]
    ref: Excerpt | None
    """The system's own count."""


class CompanyTools:
    """The tools over the company that the settings name; it is opened at the first call."""

    def __init__(self, settings: CompanySettings) -> None:
        self._settings = settings

    async def fetch_company_reference(
        self, context: ToolContext, source: Name, query: Query | None = None, max_chars: MaxChars = 2000
    ) -> Reference:
        """Quote a policy, document or configuration of the company by its name or path; with a query, the best part."""
        company = await asyncio.to_thread(Company.open, self._settings.root)
        document = await asyncio.to_thread(company.read, source)
        context.keep(document.source, document.text, title=document.title)
        ref = best_excerpt(document, query or "", max_chars)
        return Reference(
            source=source,
            path=document.source,
            title=document.title,
            sha256=document.sha256,
            excerpt=ref.quote,
            ref=ref,
        )

    async def jira_search_tickets(
        self,
        context: ToolContext,
        project_key: Filter | None = None,
        status: Filter | None = None,
        severity: Filter | None = None,
        text: Filter | None = None,
    ) -> Tickets:
        """Search the company's tickets; `text` finds tickets that hold all its words, the others must be equal."""
        params = {"project_key": project_key, "status": status, "severity": severity, "text": text}
        answer = await self._ask(context, "jira", "/tickets", params)
        rows = tuple(TicketRow(**ticket.model_dump(), ref=ref) for ticket, ref in answer.rows("tickets", Ticket))
        return Tickets(count=len(rows), tickets=rows, ref=answer.member("count"))

    async def metrics_query(self, context: ToolContext, service: Name, start_time: Moment, end_time: Moment) -> Metrics:
        """Read a service's p95 latency (ms) and error rate (percent) from start_time to end_time, both included."""
        params = _window(service, start_time, end_time)
        answer = await self._ask(context, "metrics", "/metrics/query", params)
        rows = tuple(PointRow(**point.model_dump(), ref=ref) for point, ref in answer.rows("points", Point))
        return Metrics(
            **params,
            count=len(rows),
            latency_p95_ms=_series([row.latency_p95_ms for row in rows]),
            error_rate=_series([row.error_rate for row in rows]),
            points=rows,
            ref=answer.member("summary"),
        )

    async def logs_search(
        self,
        context: ToolContext,
        service: Name,
        start_time: Moment,
        end_time: Moment,
        pattern: Filter | None = None,
    ) -> Logs:
        """Read the events a service logged from start_time to end_time, both included, that mention the pattern."""
        params = _window(service, start_time, end_time)
        answer = await self._ask(context, "logs", "/logs/search", {**params, "pattern": pattern})
        rows = tuple(EventRow(**event.model_dump(), ref=ref) for event, ref in answer.rows("events", LogEvent))
        return Logs(**params, count=len(rows), events=rows, ref=answer.member("count"))

    async def _ask(
        self, context: ToolContext, system: SystemName, path: str, params: Mapping[str, str | None]
    ) -> Answer:
        company = await asyncio.to_thread(Company.open, self._settings.root)
        address = (await asyncio.to_thread(addresses, company, self._settings))[system]
        text = await get(address, path, params, timeout=self._settings.tool_timeout)
        return Answer(text, system, company, context)


def company_tools(settings: Settings) -> tuple[Tool, ...]:
    """Make the tools over the company that the settings name.

    What they raise when called: UnreadableSource, SettingsError, ToolInputError and ToolFailed (permanent), Unavailable
    and StepTimeout (the same call may succeed later).
    """
    tools = CompanyTools(settings.company)
    return (
        make_tool(tools.fetch_company_reference, tags=_POLICY),
        make_tool(tools.jira_search_tickets, tags=_EVIDENCE),
        make_tool(tools.metrics_query, tags=_EVIDENCE),
        make_tool(tools.logs_search, tags=_EVIDENCE),
    )


def _window(service: str, start_time: str, end_time: str) -> dict[str, str]:
    if parse_time(end_time) < parse_time(start_time):
        raise ToolInputError("`end_time` is before `start_time`")
    return {"service": service, "start_time": start_time, "end_time": end_time}


def _series(values: list[float]) -> Series:
    if not values:
        return Series(avg=None, max=None)
    return Series(avg=round(sum(values) / len(values), 4), max=max(values))
