"""The simulated systems over real HTTP."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from kapelle.errors import Unavailable, UnreadableSource
from kapelle.incident.company import Company
from kapelle.incident.systems import RunningSystems, serve_company

WINDOW = {"service": "saas-api", "start_time": "2026-02-14T10:00:00Z", "end_time": "2026-02-14T10:30:00Z"}
NEW = {"project_key": "OPS", "issue_type": "Incident", "summary": "Shops cannot pay", "severity": "P2"}


@pytest.fixture
def systems() -> Iterator[RunningSystems]:
    with serve_company(Company.open()) as running:
        yield running


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client(trust_env=False, timeout=10) as client:
        yield client


def test_every_system_is_healthy(systems: RunningSystems, http: httpx2.Client) -> None:
    for url in (systems.jira_url, systems.metrics_url, systems.logs_url):
        answer = http.get(f"{url}/health")
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
        assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    ("system", "path", "params", "key"),
    [
        ("jira_url", "/tickets", {}, "tickets"),
        ("metrics_url", "/metrics/query", WINDOW, "points"),
        ("logs_url", "/logs/search", WINDOW, "events"),
    ],
)
def test_every_row_is_exactly_the_span_it_refers_to(
    systems: RunningSystems, http: httpx2.Client, system: str, path: str, params: dict[str, str], key: str
) -> None:
    body = http.get(getattr(systems, system) + path, params=params).json()
    assert body["count"] == len(body[key]) > 5
    for row in body[key]:
        ref = row.pop("ref")
        document = Company.open().read(ref["source"])
        assert json.loads(document.text[ref["start"] : ref["end"]]) == row
        assert document.sha256 == body["sha256"]


def test_both_ends_of_a_window_are_included(systems: RunningSystems, http: httpx2.Client) -> None:
    body = http.get(f"{systems.metrics_url}/metrics/query", params=WINDOW).json()
    times = [point["timestamp"] for point in body["points"]]
    assert (times[0], times[-1], len(times)) == ("2026-02-14T10:00:00Z", "2026-02-14T10:30:00Z", 31)
    rates = [point["error_rate"] for point in body["points"]]
    assert body["summary"]["error_rate"] == {"avg": round(sum(rates) / 31, 4), "max": max(rates)}


def test_times_with_an_offset_mean_the_same_moment(systems: RunningSystems, http: httpx2.Client) -> None:
    shifted = WINDOW | {"start_time": "2026-02-14T12:00:00+02:00", "end_time": "2026-02-14 10:30"}
    assert http.get(f"{systems.metrics_url}/metrics/query", params=shifted).json()["count"] == 31


def test_a_service_without_rows_gets_none_and_hears_which_services_there_are(
    systems: RunningSystems, http: httpx2.Client
) -> None:
    body = http.get(f"{systems.metrics_url}/metrics/query", params=WINDOW | {"service": "sass-api"}).json()
    assert body["points"] == []
    assert body["summary"]["error_rate"] == {"avg": None, "max": None}
    assert "saas-api" in body["services"]


@pytest.mark.parametrize("pattern", ["checkout_timeout", "Checkout TIMEOUT", "waiting for a connection"])
def test_logs_are_searched_by_pattern_and_message(systems: RunningSystems, http: httpx2.Client, pattern: str) -> None:
    body = http.get(f"{systems.logs_url}/logs/search", params=WINDOW | {"pattern": pattern}).json()
    assert {event["pattern"] for event in body["events"]} == {"checkout_timeout"}


def test_tickets_are_filtered_by_every_parameter(systems: RunningSystems, http: httpx2.Client) -> None:
    params = {"project_key": "ops", "status": "open", "severity": "P2", "text": "timeout checkout"}
    keys = [row["key"] for row in http.get(f"{systems.jira_url}/tickets", params=params).json()["tickets"]]
    assert keys == ["OPS-106", "OPS-117"]


@pytest.mark.parametrize(
    ("system", "method", "path", "status", "told"),
    [
        ("jira_url", "GET", "/tickets?colour=red", 400, "colour"),
        ("jira_url", "GET", "/tickets?text=a&text=b", 400, "twice"),
        ("jira_url", "GET", "/tickets/OPS-9999", 404, "OPS-9999"),
        ("jira_url", "GET", "/nowhere", 404, "/nowhere"),
        ("jira_url", "DELETE", "/tickets/OPS-121", 405, "GET and PATCH"),
        ("jira_url", "PUT", "/health", 405, "GET"),
        ("metrics_url", "GET", "/metrics/query?service=saas-api", 400, "start_time"),
        ("metrics_url", "GET", "/metrics/query?service=a&start_time=soon&end_time=2026-02-14", 400, "soon"),
        ("metrics_url", "GET", "/metrics/query?service=a&start_time=2026-02-15&end_time=2026-02-14", 400, "before"),
        ("metrics_url", "POST", "/metrics/query", 405, "GET"),
        ("logs_url", "GET", "/logs", 404, "/logs/search"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_json(
    systems: RunningSystems, http: httpx2.Client, system: str, method: str, path: str, status: int, told: str
) -> None:
    answer = http.request(method, getattr(systems, system) + path)
    assert answer.status_code == status
    assert told in answer.json()["error"]


def test_a_ticket_is_opened_once_per_idempotency_key(systems: RunningSystems, http: httpx2.Client) -> None:
    def post(body: dict[str, str], key: str) -> httpx2.Response:
        return http.post(f"{systems.jira_url}/tickets", json=body, headers={"Idempotency-Key": key})

    first, again, other = post(NEW, "k1"), post(NEW, "k1"), post(NEW, "k2")
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert other.json()["key"] != first.json()["key"]
    assert first.json()["ref"] is None, "what is only in memory cannot be cited from the file"
    assert post(NEW | {"severity": "P1"}, "k1").status_code == 409


def test_concurrent_writes_with_one_key_open_one_ticket(systems: RunningSystems) -> None:
    keys: list[str] = []

    def post() -> None:
        headers = {"Idempotency-Key": "same"}
        answer = httpx2.post(f"{systems.jira_url}/tickets", json=NEW, headers=headers, trust_env=False)
        keys.append(answer.json()["key"])

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_a_changed_ticket_is_served_changed_and_the_file_stays(systems: RunningSystems, http: httpx2.Client) -> None:
    before = Company.open().read("mock_systems/data/jira_tickets.json").sha256
    url = f"{systems.jira_url}/tickets/OPS-121"
    assert http.patch(url, json={"assignee": "Tomasz Wren"}).status_code == 200
    now = http.get(url).json()
    assert (now["assignee"], now["severity"], now["ref"]) == ("Tomasz Wren", "P1", None)
    assert Company.open().read("mock_systems/data/jira_tickets.json").sha256 == before


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("{}", "severity"),
        ("nonsense", "body"),
        (json.dumps(NEW | {"severity": "urgent"}), "severity"),
        (json.dumps(NEW | {"key": "OPS-1"}), "key"),
        (json.dumps(NEW | {"summary": "  "}), "summary"),
        (json.dumps(NEW | {"project_key": "NOPE"}), "OPS"),
    ],
)
def test_a_ticket_that_lacks_something_is_refused(
    systems: RunningSystems, http: httpx2.Client, body: str, told: str
) -> None:
    answer = http.post(f"{systems.jira_url}/tickets", content=body)
    assert answer.status_code == 400
    assert told in answer.json()["error"]


def test_a_body_without_length_ends_the_connection(systems: RunningSystems) -> None:
    port = int(systems.jira_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
        raw.sendall(b"POST /tickets HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
        answer = b"".join(iter(lambda: raw.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 411")


def test_a_taken_port_is_named(systems: RunningSystems) -> None:
    port = int(systems.metrics_url.rpartition(":")[2])
    with pytest.raises(Unavailable, match=str(port)):
        serve_company(Company.open(), ports=(0, port, 0))


def test_a_closed_system_no_longer_answers(http: httpx2.Client) -> None:
    running = serve_company(Company.open())
    running.close()
    running.close()
    with pytest.raises(httpx2.ConnectError):
        http.get(f"{running.jira_url}/health")


def _company(tmp_path: Path, data: dict[str, str]) -> Company:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "policy_v1.md").write_text("# P\n", encoding="utf-8")
    (tmp_path / "mock_systems" / "data").mkdir(parents=True)
    for name, text in data.items():
        (tmp_path / "mock_systems" / "data" / name).write_text(text, encoding="utf-8")
    return Company.open(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("jira_tickets.json", '{"tickets": [\n{"key": "A-1",}]}', "line 2"),
        ("metrics_timeseries.json", '{"points": [\n\n{"timestamp": "noon", "service": "a"}]}', "line 3"),
        ("log_events.json", '{"events": [{"service": "a"}]}', "timestamp"),
    ],
)
def test_a_broken_data_file_is_named_with_its_line(tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(UnreadableSource) as caught:
        serve_company(_company(tmp_path, {name: text}))
    assert name in str(caught.value)
    assert told in str(caught.value)


def test_a_missing_data_file_is_said_and_not_taken_for_silence(tmp_path: Path, http: httpx2.Client) -> None:
    company = _company(tmp_path, {"jira_tickets.json": '{"tickets": []}'})
    with serve_company(company) as running:
        assert http.get(f"{running.jira_url}/tickets").json()["count"] == 0
        answer = http.get(f"{running.logs_url}/logs/search", params=WINDOW)
        assert (answer.status_code, "log_events.json" in answer.text) == (404, True)
