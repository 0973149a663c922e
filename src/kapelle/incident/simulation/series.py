"""The simulated metrics and log systems: what a service did in a window of time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from statistics import fmean
from typing import TypeVar

from kapelle.clock import parse_time
from kapelle.incident.records import Found, LogEvent, Point, Table
from kapelle.incident.simulation.exchange import (
    Body,
    Rejected,
    Reply,
    Request,
    allow,
    fold,
    no_route,
    parameters,
    with_ref,
)

S = TypeVar("S", Point, LogEvent)
_WINDOW = ("service", "start_time", "end_time")


class MetricsSystem:
    """Answers `/metrics/query`: points from `start_time` to `end_time`, both included, and their means and maxima."""

    def __init__(self, table: Table[Point]) -> None:
        self._table = table

    def __call__(self, request: Request) -> Reply:
        """Answer one request; the means weigh every point alike.

        Raises:
            Rejected: the request is answered with an error.
        """
        _route(request, "/metrics/query")
        query = parameters(request, required=_WINDOW)
        found = _in_window(self._table, query)
        summary: Body = {
            "latency_p95_ms": _avg_and_max([each.record.latency_p95_ms for each in found]),
            "error_rate": _avg_and_max([each.record.error_rate for each in found]),
        }
        head = _head(self._table, query, len(found)) | {"summary": summary}
        return Reply(HTTPStatus.OK, head | {"points": [with_ref(each, self._table.source) for each in found]})


class LogSystem:
    """Answers `/logs/search`: events from `start_time` to `end_time`, both included, that mention `pattern`."""

    def __init__(self, table: Table[LogEvent]) -> None:
        self._table = table

    def __call__(self, request: Request) -> Reply:
        """Answer one request; `pattern` is a part of an event's pattern or message, not a regular expression.

        Raises:
            Rejected: the request is answered with an error.
        """
        _route(request, "/logs/search")
        query = parameters(request, required=_WINDOW, optional=("pattern",))
        wanted = fold(query.get("pattern", ""))
        found = [each for each in _in_window(self._table, query) if _mentions(each.record, wanted)]
        head = _head(self._table, query, len(found))
        return Reply(HTTPStatus.OK, head | {"events": [with_ref(each, self._table.source) for each in found]})


def _route(request: Request, path: str) -> None:
    if request.path.rstrip("/") != path:
        raise no_route(request, path)
    allow(request, "GET")


def _in_window(table: Table[S], query: Mapping[str, str]) -> list[Found[S]]:
    start, end = _moment(query, "start_time"), _moment(query, "end_time")
    if end < start:
        raise Rejected(HTTPStatus.BAD_REQUEST, "`end_time` is before `start_time`")
    service = fold(query["service"])
    inside = [each for each in table.records if fold(each.record.service) == service and start <= each.record.at <= end]
    return sorted(inside, key=lambda each: each.record.at)


def _moment(query: Mapping[str, str], name: str) -> datetime:
    try:
        return parse_time(query[name])
    except ValueError:
        told = f"`{name}`: {query[name]!r} is no ISO 8601 time such as 2026-02-14T10:00:00Z"
        raise Rejected(HTTPStatus.BAD_REQUEST, told) from None


def _head(table: Table[S], query: Mapping[str, str], count: int) -> Body:
    """What was asked and how much was found; `services` tells a service without rows from a misspelled one."""
    services: set[str] = {each.record.service for each in table.records}
    asked: Body = {name: query[name] for name in (*_WINDOW, "pattern") if name in query}
    return {"source": table.source, "sha256": table.sha256, **asked, "services": [*sorted(services)], "count": count}


def _avg_and_max(values: Sequence[float]) -> Body:
    if not values:
        return {"avg": None, "max": None}
    return {"avg": round(fmean(values), 4), "max": max(values)}


def _mentions(event: LogEvent, wanted: str) -> bool:
    return wanted in fold(f"{event.pattern} {event.message}")
