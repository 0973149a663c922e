"""The company tools: typed in and out, everything with its span."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import JsonValue

from kapelle.errors import KapelleError, ToolFailed, ToolInputError, UnreadableSource
from kapelle.evidence.model import sha256_of
from kapelle.incident.citing import Answer
from kapelle.incident.company import Company
from kapelle.incident.records import Ticket
from kapelle.incident.systems import serve_company
from kapelle.incident.tools import company_tools
from kapelle.settings import CompanySettings, Settings
from kapelle.tools.call import check_arguments, check_output
from kapelle.tools.model import ToolContext

WINDOW = {"service": "saas-api", "start_time": "2026-02-14T10:00:00Z", "end_time": "2026-02-14T10:30:00Z"}


class Kept:
    """What a run would keep."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def keep(self, source: str, text: str, *, title: str = "", converted: bool = False) -> str:
        self.texts[source or "run:look"] = text
        return sha256_of(text)


@pytest.fixture
def kept() -> Kept:
    return Kept()


def call(
    name: str, kept: Kept, settings: CompanySettings | None = None, **arguments: JsonValue
) -> dict[str, JsonValue]:
    tools = {tool.name: tool for tool in company_tools(Settings(company=settings or CompanySettings()))}
    tool = tools[name]
    values = check_arguments(tool, arguments) | {"context": ToolContext(path="look", calls=kept)}
    result = check_output(tool, asyncio.run(tool.function(**values)))
    assert isinstance(result, dict)
    return result


def excerpts(value: JsonValue) -> Iterator[dict[str, JsonValue]]:
    if isinstance(value, list):
        for each in value:
            yield from excerpts(each)
    elif isinstance(value, dict):
        if "quote" in value:
            yield value
        for each in value.values():
            yield from excerpts(each)


def assert_every_span_is_exact(result: JsonValue, kept: Kept) -> None:
    found = list(excerpts(result))
    assert found
    for span in found:
        text = kept.texts[str(span["source"])]
        assert text[span["start"] : span["end"]] == span["quote"]
        assert span["sha256"] == sha256_of(text)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("fetch_company_reference", {"source": "policy_v2", "query": "rollback"}),
        ("jira_search_tickets", {"project_key": "OPS", "text": "checkout timeout"}),
        ("jira_search_tickets", {"text": "zebra"}),
        ("metrics_query", WINDOW),
        ("logs_search", {**WINDOW, "pattern": "checkout_timeout"}),
        ("logs_search", {**WINDOW, "service": "unknown-api"}),
    ],
)
def test_everything_a_tool_says_is_shown_by_an_exact_span(
    name: str, arguments: dict[str, JsonValue], kept: Kept
) -> None:
    assert_every_span_is_exact(call(name, kept, **arguments), kept)


def test_rows_are_cited_from_the_company_file(kept: Kept) -> None:
    result = call("metrics_query", kept, **WINDOW)
    assert result["count"] == 31
    assert result["error_rate"] == {"avg": 1.9197, "max": 4.63}
    for point in result["points"]:
        assert point["ref"]["source"] == "mock_systems/data/metrics_timeseries.json"
        assert json.loads(point["ref"]["quote"])["error_rate"] == point["error_rate"]


def test_a_ticket_without_assignee_is_unowned_whether_null_or_absent(kept: Kept) -> None:
    found = call("jira_search_tickets", kept, status="Open", project_key="OPS", text="checkout timeout")
    owners = {ticket["key"]: ticket["assignee"] for ticket in found["tickets"]}
    assert (owners["OPS-106"], owners["OPS-117"], owners["OPS-121"]) == (None, None, None)
    assert owners["OPS-99"] == "Lucia Ferrante"


def test_a_file_changed_since_it_was_served_is_not_cited(tmp_path: Path, kept: Kept) -> None:
    root = shutil.copytree(Company.open().root, tmp_path / "company")
    with serve_company(Company.open(root)) as running:
        data = root / "mock_systems" / "data" / "jira_tickets.json"
        data.write_text("\n" + data.read_text(encoding="utf-8"), encoding="utf-8")
        settings = CompanySettings(root=root, jira_base_url=running.jira_url)
        result = call("jira_search_tickets", kept, settings, project_key="PAY")
    assert {ticket["ref"]["source"] for ticket in result["tickets"]} == {"run:look"}
    assert_every_span_is_exact(result, kept)


def test_a_ref_that_shows_something_else_is_not_believed(kept: Kept) -> None:
    company = Company.open()
    file = company.read("mock_systems/data/jira_tickets.json")
    row = {"key": "OPS-121", "project_key": "OPS", "summary": "All is well"}
    row |= {"ref": {"source": file.source, "start": 20, "end": 300}}
    text = json.dumps({"sha256": file.sha256, "tickets": [row]})
    answer = Answer(text, "jira", company, ToolContext(path="look", calls=kept))
    [(ticket, span)] = answer.rows("tickets", Ticket)
    assert ticket.summary == "All is well"
    assert span.source == "run:look"
    assert text[span.start : span.end] == span.quote


@pytest.mark.parametrize("text", ["<html>", "[1]", '{"issues": []}', '{"tickets": [{"key": "A-1"}]}'])
def test_an_answer_of_another_shape_fails_the_tool(text: str, kept: Kept) -> None:
    answer = Answer(text, "jira", None, ToolContext(path="look", calls=kept))
    with pytest.raises(ToolFailed, match="jira"):
        list(answer.rows("tickets", Ticket))


@pytest.mark.parametrize("source", ["policy_v2", "policies/policy_v2.md"])
def test_a_reference_is_found_by_name_and_by_path(source: str, kept: Kept) -> None:
    result = call("fetch_company_reference", kept, source=source)
    assert (result["source"], result["path"]) == (source, "policies/policy_v2.md")
    assert result["title"] == "Incident and Change Policy, version 2"
    assert result["excerpt"].startswith("# Incident and Change Policy, version 2")


@pytest.mark.parametrize(
    ("source", "query", "line"),
    [
        ("policy_v2", "when is the weekend freeze window", "Freeze window: Friday 14:00 UTC"),
        ("policy_v2", "what changed about the weekend freeze", "the weekend freeze was added"),
        ("policy_v2", "who approves an emergency change", "Emergency change: 2 approvals"),
        ("policy_v2", "p95 latency rollback trigger", "p95 latency > 35%"),
        ("policy_v1", "update cadence of the channels", "every 30 minutes"),
        ("oncall_rota", "who is primary in week 2026-02-16", "Seun Adeyemi-Dike"),
        ("postgres_config", "rto of ledger-primary", "rto_minutes: 20"),
        ("mock_systems/data/jira_tickets.json", "gift cards", "OPS-110"),
    ],
)
def test_a_query_finds_the_part_that_answers_it(source: str, query: str, line: str, kept: Kept) -> None:
    result = call("fetch_company_reference", kept, source=source, query=query, max_chars=900)
    assert line in result["excerpt"]
    assert len(result["excerpt"]) <= 900


@pytest.mark.parametrize("max_chars", [1, 7, 80, 400, 50_000])
@pytest.mark.parametrize("query", [None, "rollback", "qqq zzz"])
def test_an_excerpt_is_never_longer_than_asked(max_chars: int, query: str | None, kept: Kept) -> None:
    result = call("fetch_company_reference", kept, source="policy_v2", query=query, max_chars=max_chars)
    assert 0 < len(result["excerpt"]) <= max_chars
    assert_every_span_is_exact(result, kept)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("fetch_company_reference", {}),
        ("fetch_company_reference", {"source": "policy_v2", "max_chars": 0}),
        ("fetch_company_reference", {"source": "policy_v2", "page": 2}),
        ("jira_search_tickets", {"assignee": "me"}),
        ("jira_search_tickets", {"severity": 1}),
        ("metrics_query", {"service": "saas-api"}),
        ("metrics_query", {**WINDOW, "start_time": "this morning"}),
        ("metrics_query", {**WINDOW, "end_time": "2026-02-13T00:00:00Z"}),
        ("logs_search", {**WINDOW, "limit": 3}),
    ],
)
def test_arguments_that_do_not_fit_are_refused(name: str, arguments: dict[str, JsonValue], kept: Kept) -> None:
    with pytest.raises(ToolInputError):
        call(name, kept, **arguments)


def test_an_unknown_source_hears_the_known_ones(kept: Kept) -> None:
    with pytest.raises(UnreadableSource, match="oncall_rota"):
        call("fetch_company_reference", kept, source="policy_v7")


def test_a_company_that_is_none_fails_the_call_and_not_the_making(tmp_path: Path, kept: Kept) -> None:
    settings = CompanySettings(root=tmp_path / "absent")
    assert len(company_tools(Settings(company=settings))) == 4
    with pytest.raises(KapelleError, match="KAPELLE_COMPANY_ROOT"):
        call("jira_search_tickets", kept, settings)


def test_tools_say_what_they_are_for() -> None:
    tools = {tool.name: tool for tool in company_tools(Settings())}
    assert {name: tool.tags for name, tool in tools.items()} == {
        "fetch_company_reference": frozenset({"policy"}),
        "jira_search_tickets": frozenset({"evidence"}),
        "metrics_query": frozenset({"evidence"}),
        "logs_search": frozenset({"evidence"}),
    }
    assert all(tool.effect == "read" and tool.description for tool in tools.values())
    assert set(tools["metrics_query"].input_schema["required"]) == {"service", "start_time", "end_time"}
