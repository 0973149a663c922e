"""The simulated ticket system: tickets of the data file, and those written since, which are kept in memory only."""

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kapelle.clock import now
from kapelle.incident.records import Table, Ticket
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

Severity = Literal["P1", "P2", "P3"]
_FILTERS = ("project_key", "status", "severity", "text")
_SEARCHED = ("key", "summary", "description", "labels")


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class NewTicket(_Written):
    """What opens a ticket; its key, status and times are given by the system."""

    project_key: str = Field(pattern=r"^[A-Z][A-Z0-9]*$", max_length=20)
    issue_type: str = Field(min_length=1, max_length=50)
    summary: str = Field(min_length=1, max_length=500)
    description: str = Field("", max_length=50_000)
    severity: Severity
    assignee: str | None = Field(None, min_length=1, max_length=200)
    labels: tuple[str, ...] = ()


class TicketChange(_Written):
    """What may be changed on a ticket; only the fields that are given change."""

    issue_type: str = Field("", min_length=1, max_length=50)
    summary: str = Field("", min_length=1, max_length=500)
    description: str = Field("", max_length=50_000)
    severity: Severity = "P3"
    status: str = Field("", min_length=1, max_length=50)
    assignee: str | None = Field(None, min_length=1, max_length=200)
    labels: tuple[str, ...] = ()


W = TypeVar("W", NewTicket, TicketChange)


class TicketSystem:
    """Answers `/tickets` (GET, POST) and `/tickets/{key}` (GET, PATCH); safe from any thread."""

    def __init__(self, table: Table[Ticket]) -> None:
        self._table = table
        self._rows = {found.record.key: with_ref(found, table.source) for found in table.records}
        self._answered: dict[tuple[str, str, str], tuple[bytes, Reply]] = {}
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Reply:
        """Answer one request.

        Raises:
            Rejected: the request is answered with an error.
        """
        collection, _, key = request.path.strip("/").partition("/")
        if collection != "tickets" or "/" in key:
            raise no_route(request, "/tickets, /tickets/{key}")
        allow(request, "GET", "PATCH" if key else "POST")
        with self._lock:
            if request.method != "GET":
                return self._once(request, key)
            return self._one(request, key) if key else self._search(request)

    def _search(self, request: Request) -> Reply:
        query = parameters(request, optional=_FILTERS)
        words = fold(query.pop("text", "")).split()
        rows = [row for row in self._rows.values() if _has(row, query) and _mentions(row, words)]
        head: Body = {"source": self._table.source, "sha256": self._table.sha256, "count": len(rows)}
        return Reply(HTTPStatus.OK, head | {"tickets": [*rows]})

    def _one(self, request: Request, key: str) -> Reply:
        parameters(request)
        return Reply(HTTPStatus.OK, self._get(key) | {"sha256": self._table.sha256})

    def _once(self, request: Request, key: str) -> Reply:
        """Write; or, when this idempotency key was answered before, give the same answer and write nothing."""
        parameters(request)
        slot = (request.method, request.path, request.idempotency_key)
        if request.idempotency_key and slot in self._answered:
            body, reply = self._answered[slot]
            if body != request.body:
                raise Rejected(HTTPStatus.CONFLICT, "this `Idempotency-Key` came before with another body")
            return reply
        reply = self._change(request, key) if key else self._open(request)
        if request.idempotency_key:
            self._answered[slot] = request.body, reply
        return reply

    def _open(self, request: Request) -> Reply:
        new = _parse(request, NewTicket)
        key = f"{new.project_key}-{self._next_number(new.project_key)}"
        stamp = _stamp(now())
        row: Body = {"key": key, **new.model_dump(mode="json"), "status": "Open"}
        self._rows[key] = row | {"created_at": stamp, "updated_at": stamp, "ref": None}
        return Reply(HTTPStatus.CREATED, self._rows[key])

    def _change(self, request: Request, key: str) -> Reply:
        row = self._get(key)
        change = _parse(request, TicketChange).model_dump(mode="json", exclude_unset=True)
        if not change:
            known = ", ".join(f"`{name}`" for name in TicketChange.model_fields)
            raise Rejected(HTTPStatus.BAD_REQUEST, f"nothing to change; give one of {known}")
        # The file no longer says what the ticket says, so it must not be cited for it.
        changed = row | change | {"updated_at": _stamp(now()), "ref": None}
        self._rows[str(row["key"])] = changed
        return Reply(HTTPStatus.OK, changed)

    def _get(self, key: str) -> Body:
        row = self._rows.get(key) or self._rows.get(key.upper())
        if row is None:
            raise Rejected(HTTPStatus.NOT_FOUND, f"no ticket `{key}`")
        return row

    def _next_number(self, project: str) -> int:
        projects = sorted({str(row["project_key"]) for row in self._rows.values()})
        if projects and project not in projects:
            raise Rejected(HTTPStatus.BAD_REQUEST, f"`project_key`: no `{project}`; known: {', '.join(projects)}")
        tails = [key.removeprefix(f"{project}-") for key in self._rows]
        return max((int(tail) for tail in tails if tail.isdecimal()), default=0) + 1


def _parse(request: Request, model: type[W]) -> W:
    try:
        return model.model_validate_json(request.body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        told = [f"`{'.'.join(map(str, each['loc'])) or 'body'}`: {each['msg']}" for each in problems]
        raise Rejected(HTTPStatus.BAD_REQUEST, "; ".join(told)) from None


def _has(row: Body, wanted: Mapping[str, str]) -> bool:
    return all(fold(str(row.get(name) or "")) == fold(value) for name, value in wanted.items())


def _mentions(row: Body, words: Sequence[str]) -> bool:
    text = fold(" ".join(str(row.get(name, "")) for name in _SEARCHED))
    return all(word in text for word in words)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
