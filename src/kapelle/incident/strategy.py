"""Plan an incident task: gather policy, configuration, measurements, logs and tickets at once, then decide."""

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from pydantic import JsonValue

from kapelle import clock
from kapelle.errors import UnreadableSource
from kapelle.evidence.model import Document
from kapelle.incident.agent import checked_documents
from kapelle.incident.company import Company
from kapelle.incident.decide.series import baseline_window
from kapelle.incident.facts.parse import parse_facts
from kapelle.incident.question.model import Question
from kapelle.incident.question.read import read_question
from kapelle.incident.systems import POINTS
from kapelle.plan.builder import Handle, Steps
from kapelle.plan.strategies import Strategy
from kapelle.settings import CompanySettings
from kapelle.task.features import Features, features_of
from kapelle.task.model import Task

# Wide enough for any system's data; the rows that come back are the service's own.
_ALWAYS = ("1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z")

_MEASURED = re.compile(r"\b(metrics?|measure\w*|latency|p95|error rate|dashboards?|graphs?)\b", re.IGNORECASE)
_LOGGED = re.compile(r"\blogs?\b", re.IGNORECASE)
_TICKETED = re.compile(r"\b(tickets?|incidents?|issues?|jira|[A-Z][A-Z0-9]+-\d+)\b", re.IGNORECASE)
_QUESTION = re.compile(r"\?|^\s*(who|what|when|which|where|how|may|can|could|must|should|do|does|is|are|am)\b", re.I)
_SERVICE = re.compile(r"\b(?:for|of|in|on)\s+`?([a-z][a-z0-9]*(?:-[a-z0-9]+)+)`?", re.IGNORECASE)
_PROJECT = re.compile(
    r"\b([A-Z][A-Z0-9]{1,9})\b(?=(?:\s+\w+){0,2}\s+(?:incident|ticket|issue|project)s?\b)"
    r"|\b([A-Z][A-Z0-9]{1,9})-\d+\b"
)
_NO_PROJECT = frozenset({"P0", "P1", "P2", "P3", "P4", "SEV", "UTC", "API", "SLA", "SLO", "CI", "CD", "I", "A", "THE"})


def incident_strategies(settings: CompanySettings) -> tuple[Strategy, ...]:
    """The strategies over the company that the settings name.

    With a company named by the user, any question may be about it; the shipped one answers only what is plainly about
    incidents and operations, and never where the user gave documents of another kind.
    """
    named = settings.root is not None

    def incident(task: Task, s: Steps) -> Handle:
        """Gather policy, configuration, metrics, logs and tickets at once; then decide, with citations."""
        return _gather(task, s, Company.open(settings.root))

    def issue(task: Task, s: Steps) -> Handle:
        """Look for earlier issues of the kind, and extract what this one says."""
        return _issue(task, s)

    return (
        Strategy(
            "incident",
            incident,
            lambda features, task: _is_incident(features, task, named=named),
            "an incident or an operation is asked about: gather the evidence at once, then decide by the policy",
            over_corpora=named,
        ),
        Strategy(
            "issue",
            issue,
            lambda features, task: features.issue,
            "an issue is spoken of: find earlier ones, extract what this one says",
            over_corpora=False,
        ),
    )


def _is_incident(features: Features, task: Task, *, named: bool) -> bool:
    if features.incident or features.operations:
        return True
    asks = bool(_QUESTION.search(task.prompt))
    if features.extract and not asks and not named:
        # "Summarize: ..." is about the text itself; "How do we classify this?" is a question.
        return False
    question = read_question(task.prompt, task.context)
    kinds = set(question.kinds)
    if features.asks_person:
        # "... and wait for my approval" is about this task, not about the company's approvals.
        kinds.discard("approvals")
    told = bool(kinds or question.severities or question.readings or task.context.get("service"))
    return told or (named and asks)


def _gather(task: Task, s: Steps, company: Company) -> Handle:
    documents = checked_documents(company)
    question = read_question(task.prompt, task.context)
    prompt = s.task["prompt"]
    found: dict[str, Handle] = {}
    features = features_of(task)
    if features.issue or features.incident or _TICKETED.search(task.prompt):
        # Broad: no project and no time, so that a related issue elsewhere is found too.
        found["issues"] = s.tool("search_previous_issues", query=prompt, top_k=6, title="Search previous issues")
    found["knowledge"] = s.tool("search_incident_knowledge", query=prompt, top_k=6, title="Search incident knowledge")
    source = _policy_source(question, company)
    reference = s.tool("fetch_company_reference", source=source, query=prompt, title=f"Fetch {source}")
    facts = s.tool("read_company_facts", title="Read policies and configuration")
    found |= _measurements(task, s, question, company, documents)
    if _TICKETED.search(task.prompt):
        found["tickets"] = s.tool("jira_search_tickets", inputs=_ticket_filters(task), title="Search tickets")
    decision = s.agent(
        "decide_incident",
        prompt=prompt,
        context=s.task["context"],
        facts=facts,
        **found,
        join="any",
        after=[reference],
        title="Decide",
    )
    answer = s.answer(decision, question=prompt, title="Answer with citations")
    return s.verdict(answer, checks=["evidence", "policy"], title="Check the answer")


def _policy_source(question: Question, company: Company) -> str:
    """The policy a task names, else the newest by name; what is in force is decided from the files themselves."""
    policies = sorted(name for name, path in company.sources.items() if path.startswith("policies/"))
    named = [name for name in question.wanted if name in policies]
    return named[-1] if named else policies[-1]


def _measurements(
    task: Task, s: Steps, question: Question, company: Company, documents: Sequence[Document]
) -> dict[str, Handle]:
    """Metrics and logs of the task's service, where it gives a window or asks for them."""
    service = question.service or _service_in(task.prompt, company)
    begin, end = question.window_start, question.window_end
    wants_metrics = begin is not None or _MEASURED.search(task.prompt)
    wants_logs = begin is not None or _LOGGED.search(task.prompt)
    if not service:
        return {}
    window = (clock.to_iso(begin), clock.to_iso(end)) if begin is not None and end is not None else _ALWAYS
    found: dict[str, Handle] = {}
    if wants_metrics:
        found["metrics"] = _metrics(s, service, window, "Query metrics")
    if wants_metrics and begin is not None:
        before = baseline_window(question, parse_facts(documents))
        if before is not None:
            period = (clock.to_iso(before[0]), clock.to_iso(before[1]))
            found["baseline"] = _metrics(s, service, period, "Query the baseline before")
    if wants_logs:
        start_time, end_time = window
        found["logs"] = s.tool(
            "logs_search", service=service, start_time=start_time, end_time=end_time, title="Search logs"
        )
    return found


def _metrics(s: Steps, service: str, window: tuple[str, str], title: str) -> Handle:
    return s.tool("metrics_query", service=service, start_time=window[0], end_time=window[1], title=title)


def _service_in(prompt: str, company: Company) -> str:
    """The service a prompt names: one that the company measures, else what stands where a service would.

    Without any, the first measured one, when measurements are asked for at all.
    """
    known = _measured_services(company.root / POINTS)
    for name in known:
        if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", prompt, re.IGNORECASE):
            return name
    if not known:
        found = _SERVICE.search(prompt)
        return found[1] if found else ""
    return known[0]


def _measured_services(file: Path) -> tuple[str, ...]:
    try:
        changed = file.stat().st_mtime_ns
    except OSError:
        return ()
    return _read_services(file, changed)


@lru_cache(maxsize=8)
def _read_services(file: Path, _changed: int) -> tuple[str, ...]:
    try:
        points = json.loads(file.read_bytes()).get("points", [])
        return tuple(dict.fromkeys(str(point["service"]) for point in points))
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise UnreadableSource(f"`{file.name}` of the company folder cannot be read: {error}") from None


def _ticket_filters(task: Task) -> dict[str, JsonValue]:
    given = task.context.get("project_key")
    if isinstance(given, str) and given:
        return {"project_key": given}
    for found in _PROJECT.finditer(task.prompt):
        project = found[1] or found[2]
        if project not in _NO_PROJECT:
            return {"project_key": project}
    return {}


def _issue(task: Task, s: Steps) -> Handle:
    prompt = s.task["prompt"]
    related = s.tool("search_previous_issues", query=prompt, top_k=5, title="Search previous issues")
    parts = {
        "entities": s.tool("extract_entities", text=prompt)["entities"],
        "deadlines": s.tool("extract_deadlines", text=prompt)["deadlines"],
        "action_items": s.tool("extract_action_items", text=prompt)["action_items"],
        "priority": s.tool("classify_priority", text=prompt)["priority"],
        "summary": s.tool("summarize", text=prompt, max_words=60)["summary"],
        "related_issues": related["hits"],
    }
    return s.answer(extracted=parts, question=prompt, join="any", title="Put the extract together")
