"""Ticket, Point, LogEvent: what a company's three systems know, and how it is read from a company's folder."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from kapelle.clock import parse_time
from kapelle.errors import UnreadableSource
from kapelle.evidence.model import Document
from kapelle.incident.company import Company
from kapelle.incident.rows import line_of, read_rows


class _Record(BaseModel):
    # A company's own systems may know more fields; they stay in the quoted row and are not needed here.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Ticket(_Record):
    """A ticket; `assignee` is None while nobody owns it."""

    key: str = Field(min_length=1)
    project_key: str
    issue_type: str = ""
    summary: str
    description: str = ""
    severity: str | None = None
    status: str = ""
    assignee: str | None = None
    labels: tuple[str, ...] = ()
    created_at: str = ""
    updated_at: str = ""

    @field_validator("assignee")
    @classmethod
    def _somebody(cls, assignee: str | None) -> str | None:
        return assignee if assignee and assignee.strip() else None


class Point(_Record):
    """One measurement of a service: p95 latency in milliseconds, failed requests in percent."""

    timestamp: str
    service: str
    latency_p95_ms: float
    error_rate: float

    @field_validator("timestamp")
    @classmethod
    def _is_time(cls, timestamp: str) -> str:
        parse_time(timestamp)
        return timestamp

    @property
    def at(self) -> datetime:
        """When it was measured, aware, in UTC."""
        return parse_time(self.timestamp)


class LogEvent(_Record):
    """One event that a service logged."""

    timestamp: str
    service: str
    level: str = ""
    pattern: str = ""
    message: str = ""
    trace_id: str = ""

    @field_validator("timestamp")
    @classmethod
    def _is_time(cls, timestamp: str) -> str:
        parse_time(timestamp)
        return timestamp

    @property
    def at(self) -> datetime:
        """When it was logged, aware, in UTC."""
        return parse_time(self.timestamp)


R = TypeVar("R", Ticket, Point, LogEvent)


@dataclass(frozen=True, slots=True)
class Found(Generic[R]):
    """A record, the row it was read from, and where that row stands in its file."""

    record: R
    row: dict[str, JsonValue] = field(repr=False)
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Table(Generic[R]):
    """All records of one data file."""

    source: str
    """The file, relative to the company's folder."""
    sha256: str
    records: tuple[Found[R], ...] = field(repr=False)


def read_table(company: Company, source: str, key: str, record: type[R]) -> Table[R]:
    """Read the rows `{key: [...]}` of a data file.

    Raises:
        UnreadableSource: the file is missing, no JSON, or a row lacks a field; the message names file and line.
    """
    document = company.read(source)
    rows = read_rows(document.text, key, source)
    records = tuple(
        Found(_record(row.value, record, document, row.start), row.value, row.start, row.end) for row in rows
    )
    return Table(source, document.sha256, records)


def _record(row: dict[str, JsonValue], record: type[R], document: Document, start: int) -> R:
    try:
        return record.model_validate(row)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in problem["loc"])
        line = line_of(document.text, start)
        raise UnreadableSource(
            f"`{document.source}`, line {line}: field `{name}`: {problem['msg']}; correct the file"
        ) from None
