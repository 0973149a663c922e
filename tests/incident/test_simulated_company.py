"""The shipped company: complete, consistent, and with the incidents it is meant to hide."""

import json
import re
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

import pytest
import yaml

from kapelle.incident.company import Company
from kapelle.incident.records import Point, Ticket, read_table
from kapelle.incident.systems import POINTS, TICKETS

COMPANY = Company.open()
POLICY = COMPANY.read("policy_v2").text


def config(name: str) -> Any:
    return yaml.safe_load(COMPANY.read(name).text)


def tickets() -> list[Ticket]:
    return [found.record for found in read_table(COMPANY, TICKETS, "tickets", Ticket).records]


def points(service: str) -> list[Point]:
    every = [found.record for found in read_table(COMPANY, POINTS, "points", Point).records]
    return [point for point in every if point.service == service]


def longest_run(moments: list[datetime]) -> int:
    """Minutes of the longest unbroken run, each minute counted."""
    best = length = 0
    last = None
    for moment in moments:
        length = length + 1 if last is not None and moment - last == timedelta(minutes=1) else 1
        best, last = max(best, length), moment
    return best


def breaches(service: str, alert: str) -> tuple[int, int]:
    """Minutes on end above policy_v2's limits, around an alert: of the error rate, and of p95 latency."""
    at = datetime.fromisoformat(alert)
    near = [point for point in points(service) if abs(point.at - at) < timedelta(hours=1)]
    before = [point for point in points(service) if at - timedelta(hours=24) <= point.at < at]
    baseline = median(point.latency_p95_ms for point in before)
    errors = [point.at for point in near if point.error_rate > 1.8]
    slow = [point.at for point in near if point.latency_p95_ms > 1.35 * baseline]
    return longest_run(errors), longest_run(slow)


def test_the_checkout_incident_breaches_both_rollback_limits() -> None:
    errors, slow = breaches("saas-api", "2026-02-14T10:06:00Z")
    assert errors >= 4
    assert slow >= 8


def test_the_billing_incident_breaches_the_latency_limit_only() -> None:
    errors, slow = breaches("billing-worker", "2026-02-13T16:30:00Z")
    assert errors < 4
    assert slow >= 8


def test_the_search_incident_stays_just_under_both_limits() -> None:
    errors, slow = breaches("search-gateway", "2026-02-14T20:41:00Z")
    assert errors == 3
    assert slow < 8


@pytest.mark.parametrize("service", ["saas-api", "billing-worker", "search-gateway"])
def test_the_metrics_cover_two_days_without_a_gap(service: str) -> None:
    times = [point.at for point in points(service)]
    assert {moment.date() for moment in times} == {date(2026, 2, 13), date(2026, 2, 14)}
    gaps = {later - earlier for earlier, later in pairwise(times)}
    assert gaps == {timedelta(minutes=1), timedelta(minutes=5)}


def test_each_week_of_the_rota_begins_on_a_monday_and_has_two_different_people() -> None:
    rota = config("oncall_rota")
    primary = {row["week_start"]: row["engineer"] for row in rota["primary_rotation"]}
    secondary = {row["week_start"]: row["engineer"] for row in rota["secondary_rotation"]}
    assert {date(2026, 2, 9), date(2026, 2, 16), date(2026, 2, 23)} <= set(primary)
    assert set(primary) == set(secondary)
    assert all(week.weekday() == 0 and primary[week] != secondary[week] for week in primary)


def test_the_policy_names_only_channels_that_exist() -> None:
    channels = {channel["name"] for channel in config("slack_config")["channels"]}
    assert set(re.findall(r"#[a-z][a-z-]+", POLICY)) <= channels
    assert set(config("slack_config")["reporting_defaults"].values()) <= channels


def test_the_policy_names_only_files_and_audit_tables_that_exist() -> None:
    assert set(re.findall(r"`(tool_configs/[a-z_]+\.yaml)`", POLICY)) <= set(COMPANY.files())
    tables = {f"audit.{name}" for name in config("postgres_config")["audit_logging"]["required_tables"]}
    assert set(re.findall(r"`(audit\.\w+)`", POLICY)) <= tables


def test_the_ticket_fields_of_the_policy_are_those_of_jira() -> None:
    jira = config("jira_config")
    incident, change = (re.search(rf"{kind} ticket must carry: (.*)\.", POLICY) for kind in ("An incident", "A change"))
    assert incident and re.findall(r"`(\w+)`", incident[1]) == jira["incident_fields"]["required"]
    assert change and re.findall(r"`(\w+)`", change[1]) == jira["change_fields"]["required"]


def test_the_pipelines_ask_for_the_approvals_of_the_policy() -> None:
    needed = {workflow["name"]: workflow["required_approvals"] for workflow in config("github_actions")["workflows"]}
    for name, change in {
        "deploy-production": "Standard change",
        "migrate-database": "Database schema change",
        "rollback-production": "Production rollback",
    }.items():
        assert f"{change}: {needed[name]} approval" in POLICY
    assert (
        config("github_actions")["audit"]["retention_days"]
        == config("postgres_config")["audit_logging"]["retention_days"]
    )


def test_there_are_tickets_of_every_kind() -> None:
    every = tickets()
    assert len(every) >= 25
    assert len({ticket.key for ticket in every}) == len(every)
    assert {ticket.project_key for ticket in every} == {"OPS", "PAY", "SRCH"}
    projects = {project["key"]: project["issue_types"] for project in config("jira_config")["projects"]}
    workflows = config("jira_config")["workflows"]
    for ticket in every:
        assert ticket.issue_type in projects[ticket.project_key]
        if ticket.issue_type in {"Incident", "Change"}:
            assert ticket.status in workflows[ticket.issue_type.lower()]
        assert ticket.created_at <= ticket.updated_at


def test_open_checkout_timeouts_have_ownership_gaps() -> None:
    is_open = set(config("jira_config")["open_statuses"])
    about = [
        ticket
        for ticket in tickets()
        if ticket.project_key == "OPS"
        and ticket.issue_type == "Incident"
        and ticket.status in is_open
        and "checkout timeout" in f"{ticket.summary} {ticket.description}".lower()
    ]
    assert {ticket.key for ticket in about if ticket.assignee is None} == {"OPS-106", "OPS-117", "OPS-121"}
    assert {ticket.key for ticket in about if ticket.assignee is not None} == {"OPS-110", "OPS-114"}


def test_engineers_on_tickets_are_people_of_the_company() -> None:
    rota = config("oncall_rota")
    known = {row["engineer"] for row in rota["primary_rotation"] + rota["secondary_rotation"]}
    profile = COMPANY.read("company_profile").text
    assert all(ticket.assignee in known or ticket.assignee in profile for ticket in tickets() if ticket.assignee)


def test_the_data_is_written_one_row_a_line_and_small() -> None:
    size = sum((COMPANY.root / path).stat().st_size for path in COMPANY.files())
    assert size < 600_000
    for path in COMPANY.files():
        if path.endswith(".json"):
            assert json.loads(COMPANY.read(path).text)
            assert "\r" not in COMPANY.read(path).text


def scenarios() -> list[dict[str, Any]]:
    file = COMPANY.root.parent / "scenarios.yaml"
    listed: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["scenarios"]
    return listed


def test_the_examination_has_at_least_five_questions_of_each_kind() -> None:
    kinds = Counter(scenario["kind"] for scenario in scenarios())
    assert {kind for kind, count in kinds.items() if count >= 5} == {
        "quickstart", "triage", "escalation", "communication", "rollback", "change_window", "approvals", "on_call",
        "audit", "ticket_fields", "policy_comparison",
    }  # fmt: skip
    assert len({scenario["id"] for scenario in scenarios()}) == sum(kinds.values())


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario["id"])
def test_a_scenario_asks_for_what_the_company_says(scenario: dict[str, Any]) -> None:
    assert set(scenario) <= {"id", "kind", "prompt", "context", "facts", "forbidden", "citations"}
    assert scenario["facts"]
    known = {*COMPANY.sources, *COMPANY.files()}
    assert set(scenario["citations"]) <= known
    folder = " ".join(COMPANY.read(name).text for name in COMPANY.files()).casefold()
    for fact in scenario["facts"]:
        options = fact if isinstance(fact, list) else [fact]
        assert all(isinstance(option, str) for option in options)
        for option in options:
            if option.startswith(("#", "@", "audit.")):
                assert option.casefold() in folder
