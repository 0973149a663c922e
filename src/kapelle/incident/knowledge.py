"""Bring a company's policies, documents and tickets into two collections, each passage with what it is about."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import JsonValue, ValidationError
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from kapelle.clock import parse_time, to_iso
from kapelle.errors import UnreadableSource
from kapelle.evidence.index import Index, IngestReport
from kapelle.evidence.index_sqlite import SqliteIndex
from kapelle.evidence.load import document_of
from kapelle.evidence.model import Document, Passage, sha256_of
from kapelle.evidence.split import split
from kapelle.evidence.tables_sqlite import ensure_schema
from kapelle.incident.company import Company
from kapelle.incident.records import Ticket
from kapelle.incident.rows import read_rows
from kapelle.language.words import fold

OWNER = "kapelle/incident"
"""Whose rows a company's collections are: they belong to the folder, not to who asks."""
TICKETS_FILE = "mock_systems/data/jira_tickets.json"
_DATA_FILES = ("mock_systems/data/log_events.json", "mock_systems/data/metrics_timeseries.json")
_SERVICE = re.compile(r'"service"\s*:\s*"([^"]+)"')
_SEVERITY = re.compile(r"\bP[0-5]\b")
ANY = "*"
"""Of a passage that names no service, or no severity: it may be about each."""
CLOSED = frozenset({"closed", "resolved", "done", "cancelled", "canceled", "rejected", "completed"})
"""Statuses of tickets that nobody works on any more."""


@dataclass(frozen=True, slots=True)
class Collections:
    """The names of a company's two collections in an index."""

    documents: str
    tickets: str


# One word each: a collection's own name is not searched for (`evidence.weigh.asked_words`).
PORTABLE = Collections("incidentpages", "incidenttickets")
"""Their names in an index file built beforehand, which may lie anywhere."""


def named(root: Path) -> Collections:
    """The collections of a company's folder."""
    folder = sha256_of(str(root))[:16]
    return Collections(f"{PORTABLE.documents}-{folder}", f"{PORTABLE.tickets}-{folder}")


def ingest(index: Index, company: Company, names: Collections) -> tuple[IngestReport, IngestReport]:
    """Bring a company's folder into an index; what has not changed is skipped.

    Raises:
        UnreadableSource: a file cannot be read, or the tickets are no list of tickets.
    """
    files = company.files()
    pages = [_read(company, path) for path in files if re.fullmatch(r"(?:policies|docs)/.+\.md", path)]
    tickets = [_read(company, path) for path in files if path == TICKETS_FILE]
    services = _services(company, files)
    return (
        index.put(names.documents, pages, owner=OWNER, complete=True, splitter=partial(_pages, services=services)),
        index.put(names.tickets, tickets, owner=OWNER, complete=True, splitter=partial(_tickets, services=services)),
    )


def build_index(company: Company, path: Path) -> tuple[IngestReport, IngestReport]:
    """Build or refresh an index file of a company, for `KAPELLE_RAG__INDEX_PATH`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return ingest(_open(path), company, PORTABLE)


def open_index(path: Path, setting: str) -> Index:
    """Open an index file that `build_index` made.

    Raises:
        UnreadableSource: it is none; the message names the setting.
    """
    try:
        engine = create_engine(f"sqlite:///file:{path.resolve()}?mode=ro&uri=true", poolclass=NullPool)
        known = inspect(engine).has_table("evidence_metas")
    except DatabaseError as error:
        raise UnreadableSource(f"`{path}` ({setting}) is no search index: {error.orig}; build it anew") from None
    if not known:
        raise UnreadableSource(f"`{path}` ({setting}) holds no search index; build it anew or remove it")
    return SqliteIndex(engine)


def _open(path: Path) -> SqliteIndex:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    ensure_schema(engine)
    return SqliteIndex(engine)


def _read(company: Company, path: str) -> Document:
    return document_of(path, company.read(path).text)


def _services(company: Company, files: Sequence[str]) -> tuple[str, ...]:
    """The services that the company's own data name."""
    texts = [company.read(path).text for path in _DATA_FILES if path in files]
    return tuple(sorted({fold(name) for text in texts for name in _SERVICE.findall(text)}))


def _pages(document: Document, services: Sequence[str]) -> list[Passage]:
    kind = "policy" if document.source.startswith("policies/") else "document"
    return [_about(passage, {"kind": kind}, services) for passage in split(document)]


def _about(passage: Passage, meta: dict[str, JsonValue], services: Sequence[str]) -> Passage:
    said = fold(f"{passage.section} {passage.text}")
    named_services: list[JsonValue] = [name for name in services if name in said]
    severities: list[JsonValue] = list(dict.fromkeys(_SEVERITY.findall(f"{passage.section} {passage.text}")))
    facets: dict[str, JsonValue] = {"of_service": named_services or [ANY], "of_severity": severities or [ANY]}
    return passage.model_copy(update={"meta": {**passage.meta, **meta, **facets}})


def _tickets(document: Document, services: Sequence[str]) -> list[Passage]:
    rows = read_rows(document.text, "tickets", document.source)
    return [_ticket(document, row.start, row.end, row.value, services) for row in rows]


def _ticket(document: Document, start: int, end: int, row: dict[str, JsonValue], services: Sequence[str]) -> Passage:
    try:
        ticket = Ticket.model_validate(row)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"])
        raise UnreadableSource(
            f"`{document.source}`, characters {start}-{end}: field `{field}` cannot be used"
        ) from None
    text = document.text[start:end]
    state = "closed" if fold(ticket.status) in CLOSED else "open"
    known = fold(text)
    about: list[JsonValue] = [name for name in dict.fromkeys([*services, *map(fold, ticket.labels)]) if name in known]
    facets: dict[str, JsonValue] = {
        "of_service": about,
        "of_severity": [ticket.severity] if ticket.severity else [],
        "of_type": fold(ticket.issue_type),
        "of_priority": fold(ticket.severity or ""),
        "of_project": fold(ticket.project_key),
        "of_state": [state, fold(ticket.status)],
        "of_created": _time(ticket.created_at),
        "of_source": ["jira", "tickets", fold(document.source), fold(document.source.rsplit("/", 1)[-1])],
    }
    shown = ticket.model_dump(mode="json", exclude={"summary", "description"})
    return Passage(
        id=f"{document.id}:{start}-{end}",
        document=document.id,
        source=document.source,
        sha256=document.sha256,
        text=text,
        start=start,
        end=end,
        header=f"{ticket.key} {ticket.summary}",
        meta={"kind": "ticket", **shown, **facets},
    )


def _time(text: str) -> str:
    """A time in one form, so that times compare as text; empty where there is none."""
    try:
        return to_iso(parse_time(text))
    except ValueError:
        return ""
