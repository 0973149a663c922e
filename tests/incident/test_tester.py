"""The manual tester's own routes; its whole path is in tests/integration/test_manual_tester.py."""

import asyncio
from collections.abc import Iterator

import httpx2
import pytest

from kapelle.incident.client import Address
from kapelle.incident.company import Company
from kapelle.incident.systems import RunningSystems, serve_company
from kapelle.incident.tester import main, make_app

WINDOW = "service=saas-api&start_time=2026-02-14T10:00:00Z&end_time=2026-02-14T10:30:00Z"


@pytest.fixture
def systems() -> Iterator[RunningSystems]:
    with serve_company(Company.open()) as running:
        yield running


def ask(systems: RunningSystems, method: str, path: str, **more: object) -> httpx2.Response:
    app = make_app(
        {
            "jira": Address(systems.jira_url, "COMPANY_JIRA_BASE_URL"),
            "metrics": Address(systems.metrics_url, "COMPANY_METRICS_BASE_URL"),
            "logs": Address(systems.logs_url, "COMPANY_LOGS_BASE_URL"),
        },
        timeout=5,
    )

    async def request() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://tester") as client:
            return await client.request(method, path, **more)

    return asyncio.run(request())


def test_an_answer_of_a_system_comes_back_unchanged(systems: RunningSystems) -> None:
    direct = httpx2.get(f"{systems.metrics_url}/metrics/query?{WINDOW}", trust_env=False)
    through = ask(systems, "GET", f"/metrics/query?{WINDOW}")
    assert (through.status_code, through.content) == (direct.status_code, direct.content)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/jira/health", 200),
        ("/jira/tickets/OPS-121", 200),
        ("/jira/tickets/OPS-0", 404),
        ("/jira/tickets?color=red", 400),
        ("/metrics/metrics/query?" + WINDOW, 200),
        ("/logs/search?" + WINDOW + "&pattern=checkout", 200),
        ("/logs/health", 200),
        ("/nothing/here", 404),
    ],
)
def test_everything_below_a_system_is_handed_on(systems: RunningSystems, path: str, status: int) -> None:
    assert ask(systems, "GET", path).status_code == status


def test_a_ticket_is_opened_and_changed_through_the_tester(systems: RunningSystems) -> None:
    new = {"project_key": "PAY", "issue_type": "Incident", "summary": "Refunds stand still", "severity": "P2"}
    first = ask(systems, "POST", "/jira/tickets", json=new, headers={"Idempotency-Key": "a"})
    again = ask(systems, "POST", "/jira/tickets", json=new, headers={"Idempotency-Key": "a"})
    assert first.status_code == 201
    assert first.json() == again.json()
    key = first.json()["key"]
    assert ask(systems, "PATCH", f"/jira/tickets/{key}", json={"status": "Closed"}).json()["status"] == "Closed"


def test_a_system_that_is_gone_is_a_bad_gateway_that_names_the_setting(systems: RunningSystems) -> None:
    systems.close()
    answer = ask(systems, "GET", "/jira/tickets")
    assert answer.status_code == 502
    assert "COMPANY_JIRA_BASE_URL" in answer.json()["error"]
    health = ask(systems, "GET", "/health").json()
    assert "COMPANY_LOGS_BASE_URL" in health["systems"]["logs"]["status"]


def test_the_page_loads_nothing_from_elsewhere(systems: RunningSystems) -> None:
    page = ask(systems, "GET", "/docs").text
    assert "http://" not in page.replace("http://tester", "")
    assert "https://" not in page
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"/docs/assets/{name}" in page
        assert ask(systems, "GET", f"/docs/assets/{name}").status_code == 200


def test_the_schema_is_one_that_the_bundled_page_can_draw(systems: RunningSystems) -> None:
    schema = ask(systems, "GET", "/openapi.json").json()
    assert schema["openapi"].startswith("3.0.")
    named = {each["name"]: each["required"] for each in schema["paths"]["/logs/search"]["get"]["parameters"]}
    assert named == {"service": True, "start_time": True, "end_time": True, "pattern": False}
    assert {"get", "post"} <= set(schema["paths"]["/jira/tickets"])


def test_a_folder_that_is_no_company_ends_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--company", "/nonexistent/company"]) == 2
    assert "KAPELLE_COMPANY_ROOT" in capsys.readouterr().err
