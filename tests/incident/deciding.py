"""Decides scenarios directly: documents, systems' data and question, without plan, tools or server."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from kapelle.clock import parse_time, to_iso
from kapelle.evidence.model import Document
from kapelle.incident.bench import Report, Scenario, ScenarioResult, score_scenario
from kapelle.incident.company import Company
from kapelle.incident.decide.decide import decide
from kapelle.incident.decide.evidence import Evidence
from kapelle.incident.decide.model import Decision
from kapelle.incident.decide.series import baseline_window
from kapelle.incident.facts.model import CompanyFacts
from kapelle.incident.facts.parse import parse_facts
from kapelle.incident.question.model import Question
from kapelle.incident.question.read import read_question
from kapelle.incident.rows import read_rows

_DATA = "mock_systems/data/"


class Desk:
    """A company folder with its facts, at which questions are decided."""

    def __init__(self, root: Path | None) -> None:
        company = Company.open(root)
        self.documents = {path: company.read(path) for path in company.files()}
        self.facts = parse_facts(list(self.documents.values()))

    def decide(self, prompt: str, context: Mapping[str, JsonValue] | None = None) -> Decision:
        """Decide a task with the data the systems would serve for it."""
        question = read_question(prompt, context or {})
        return decide(question, self.facts, evidence_for(question, self.documents, self.facts))

    def check(self, scenario: Scenario) -> ScenarioResult:
        """Decide a scenario and score it."""
        decision = self.decide(scenario.prompt, scenario.context)
        return score_scenario(scenario, text_of(decision), sources_of(decision), names=self.facts.names)

    def report(self, scenarios: Sequence[Scenario]) -> Report:
        """Decide and score all scenarios."""
        return Report(scenarios=tuple(self.check(scenario) for scenario in scenarios))


def text_of(decision: Decision) -> str:
    """The answer's sentences."""
    return " ".join(claim.text for claim in decision.claims)


def sources_of(decision: Decision) -> list[str]:
    """The source of each distinct span."""
    return [
        excerpt.source for excerpt in dict.fromkeys(excerpt for claim in decision.claims for excerpt in claim.excerpts)
    ]


def evidence_for(question: Question, documents: Mapping[str, Document], facts: CompanyFacts) -> Evidence:
    """What the three systems would answer: metrics and logs of the window, tickets of the project."""
    metrics = logs = tickets = None
    points, events = (
        _served(documents, "metrics_timeseries.json", "points"),
        _served(documents, "log_events.json", "events"),
    )
    service = question.service or next(
        (str(row["service"]) for row in points if str(row["service"]) in question.prompt), ""
    )
    if question.window_start and question.window_end and service:
        start = min(baseline_window(question, facts) or (question.window_start,))
        metrics = {"points": _within(points, service, to_iso(start), to_iso(question.window_end))}
        logs = {"events": _within(events, service, to_iso(question.window_start), to_iso(question.window_end))}
    if "tickets" in question.kinds:
        tickets = {"tickets": _served(documents, "jira_tickets.json", "tickets")}
    return Evidence.of(metrics, logs, tickets)


def _served(documents: Mapping[str, Document], name: str, key: str) -> list[dict[str, JsonValue]]:
    document = documents.get(_DATA + name)
    if document is None:
        return []
    rows = read_rows(document.text, key, document.source)
    return [
        {
            **row.value,
            "ref": {
                "source": document.source,
                "sha256": document.sha256,
                "start": row.start,
                "end": row.end,
                "quote": document.text[row.start : row.end],
            },
        }
        for row in rows
    ]


def _within(rows: list[dict[str, JsonValue]], service: str, start: str, end: str) -> list[dict[str, JsonValue]]:
    first, last = parse_time(start), parse_time(end)
    return [row for row in rows if row["service"] == service and first <= parse_time(str(row["timestamp"])) <= last]
