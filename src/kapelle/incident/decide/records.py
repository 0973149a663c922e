"""What tickets and logs show: related tickets with their owners, ownership gaps, dominant patterns."""

import re
from collections import Counter
from collections.abc import Sequence

from kapelle.evidence.model import Excerpt
from kapelle.incident.decide.evidence import KnownTicket, LoggedEvent
from kapelle.incident.decide.model import CORE, MUST, Answer, Case, Draft
from kapelle.incident.decide.wording import listed, sentence
from kapelle.incident.reading.terms import overlap, terms_of

_PHRASE = re.compile(
    r"(?:mention\w*|about|related to|matching|containing|regarding|concerning|with the "
    r"words?)\s+[\"'`]?(?P<phrase>[\w][\w\s-]*?)[\"'`]?(?=\s*(?:,|\.|;|\?|$|\band\b|\bthen\b|\bwith\b"
    r"|\bfor\b|\bin\b))",
    re.IGNORECASE,
)
_OPEN = re.compile(r"\bopen\b|unresolved|still|active|ongoing|ownership", re.IGNORECASE)
_GAPS = re.compile(r"owner\w*|assign\w*|gaps?", re.IGNORECASE)
_INCIDENTS = re.compile(r"incident", re.IGNORECASE)
_PROJECT = re.compile(r"\b(?P<key>[A-Z][A-Z0-9]{1,9})\b(?=\s+(?:\w+\s+){0,2}(?:incidents?|tickets?|issues?))")
_QUIET = ("INFO", "DEBUG", "TRACE")
_SHOWN = 6


def decide_tickets(case: Case) -> Answer:
    """The tickets asked about, and those of them that nobody owns."""
    if case.evidence.tickets is None:
        return Answer()
    tickets = related(case, case.evidence.tickets)
    if not tickets:
        return Answer(missing=("tickets: none fits what is asked",))
    drafts = [_list(case, tickets)]
    gaps = [ticket for ticket in tickets if not ticket.owned and ticket.open]
    if gaps:
        keys = listed([ticket.key for ticket in gaps[:_SHOWN]])
        drafts.append(
            Draft(
                sentence(f"Ownership gap: {keys} {'has' if len(gaps) == 1 else 'have'} no assignee"), _rows(gaps), CORE
            )
        )
    elif _GAPS.search(case.question.prompt):
        drafts.append(Draft("No ownership gap: every one of them has an assignee.", _rows(tickets), CORE))
    return Answer(tuple(drafts))


def related(case: Case, tickets: Sequence[KnownTicket]) -> list[KnownTicket]:
    """Those that fit the words, the project, the type and the state asked about; the open and unowned first."""
    question = case.question
    if question.keys and (named := [ticket for ticket in tickets if ticket.key in question.keys]):
        return named
    phrase = _PHRASE.search(question.prompt)
    project = question.project or (match["key"] if (match := _PROJECT.search(question.prompt)) else "")
    chosen = [
        ticket
        for ticket in tickets
        if not project or ticket.project_key == project or ticket.key.startswith(f"{project}-")
    ]
    if phrase:
        words = terms_of(phrase["phrase"])
        chosen = [ticket for ticket in chosen if overlap(words, _terms(ticket)) == 1.0]
    if _INCIDENTS.search(question.prompt):
        chosen = [ticket for ticket in chosen if ticket.issue_type.lower() in ("incident", "")] or chosen
    if _OPEN.search(question.prompt) or not phrase:
        chosen = [ticket for ticket in chosen if ticket.open] or ([] if phrase else chosen)
    if not phrase:
        chosen = [ticket for ticket in chosen if _about(case, ticket)]
    return sorted(
        chosen,
        key=lambda ticket: (
            not ticket.open,
            -_nearness(case, ticket),
            ticket.owned,
            ticket.severity or "P9",
            ticket.key,
        ),
    )


def _about(case: Case, ticket: KnownTicket) -> bool:
    """Without a phrase to search for: of the service, or of the words of the task."""
    service = service_of(case, [ticket.labels, (ticket.summary, ticket.description)])
    if service:
        return True
    return not _service(case) and overlap(terms_of(f"{ticket.summary}"), case.question.terms) >= 0.3


def _service(case: Case) -> str:
    return case.question.service or next(iter(re.findall(r"\b[a-z]+(?:-[a-z]+)+\b", case.question.prompt)), "")


def service_of(case: Case, texts: Sequence[Sequence[str]]) -> str:
    """The task's service where one of the texts names it, else nothing."""
    service = _service(case)
    return service if service and any(service in text for group in texts for text in group) else ""


def _nearness(case: Case, ticket: KnownTicket) -> float:
    """Shared words with the task, and two more for one opened on the day of the window."""
    same_day = (
        case.question.window_start is not None
        and ticket.created_at[:10] == case.question.window_start.date().isoformat()
    )
    return 2.0 * same_day + overlap(case.question.terms, _terms(ticket)) * 4


def _terms(ticket: KnownTicket) -> tuple[str, ...]:
    return terms_of(f"{ticket.summary} {ticket.description} {' '.join(ticket.labels)}")


def _list(case: Case, tickets: Sequence[KnownTicket]) -> Draft:
    shown = [
        f"{ticket.key} ({', '.join(filter(None, (ticket.severity, ticket.status, ticket.assignee or 'no assignee')))})"
        for ticket in tickets[: _limit(case)]
    ]
    more = f" and {len(tickets) - _limit(case)} more" if len(tickets) > _limit(case) else ""
    count = "1 ticket fits" if len(tickets) == 1 else f"{len(tickets)} tickets fit"
    return Draft(
        sentence(f"{count}: {'; '.join(shown)}{more}"), _rows(tickets[: _limit(case)]), MUST if case.primary else CORE
    )


def _limit(case: Case) -> int:
    """Fewer where the tickets only support another answer."""
    return _SHOWN if case.primary or "tickets" in case.question.kinds[:1] else 2


def _rows(tickets: Sequence[KnownTicket]) -> tuple[Excerpt, ...]:
    return tuple(dict.fromkeys(ticket.ref for ticket in tickets[:_SHOWN] if ticket.ref is not None))


def decide_logs(case: Case) -> Answer:
    """The patterns that dominate, with their counts; quiet levels left out where there are others."""
    events = case.evidence.events
    if events is None:
        return Answer()
    loud = [event for event in events if event.level.upper() not in _QUIET] or list(events)
    if not loud:
        return Answer(missing=("logs: no event was logged in the window",))
    counts = Counter(event.pattern or event.message[:40] for event in loud).most_common(3)
    parts = [f"{pattern} {count} {'time' if count == 1 else 'times'}" for pattern, count in counts]
    rows = tuple(row for pattern, _ in counts[:2] if (row := _first(loud, pattern)) is not None)
    return Answer((Draft(sentence(f"Logs: {listed(parts)} among {len(loud)} events"), rows, CORE, least=1),))


def _first(events: Sequence[LoggedEvent], pattern: str) -> Excerpt | None:
    return next(
        (event.ref for event in events if (event.pattern or event.message[:40]) == pattern and event.ref is not None),
        None,
    )
