"""The manual tester as a process, over real HTTP."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

WINDOW = {"service": "saas-api", "start_time": "2026-02-14T10:00:00Z", "end_time": "2026-02-14T10:30:00Z"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_tester(folder: Path, **environment: str) -> Iterator[str]:
    """The tester's address while it runs; its working directory holds no settings."""
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("COMPANY_", "KAPELLE_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "kapelle.incident.tester", "--port", str(port)],
        cwd=folder,
        env=clean | environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_up(process, url)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=10)
        finally:
            process.kill()


def _wait_until_up(process: "subprocess.Popen[str]", url: str) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        assert process.poll() is None, process.communicate()[1]
        try:
            httpx2.get(f"{url}/health", trust_env=False)
            return
        except httpx2.TransportError:
            time.sleep(0.1)
    pytest.fail("the tester did not start within 30 s")


def test_the_tester_serves_the_simulated_company_by_itself(tmp_path: Path) -> None:
    with running_tester(tmp_path) as url, httpx2.Client(base_url=url, trust_env=False) as http:
        health = http.get("/health").json()
        assert {name: system["status"] for name, system in health["systems"].items()} == dict.fromkeys(
            ("jira", "metrics", "logs"), "ok"
        )
        assert http.get("/jira/tickets", params={"project_key": "OPS"}).json()["count"] > 10
        assert http.get("/metrics/query", params=WINDOW).json()["count"] == 31
        assert http.get("/logs/search", params=WINDOW | {"pattern": "checkout_timeout"}).json()["count"] > 5
        assert "swagger-ui" in http.get("/docs").text


def test_two_testers_run_side_by_side(tmp_path: Path) -> None:
    with running_tester(tmp_path) as first, running_tester(tmp_path) as second:
        for url in (first, second):
            assert httpx2.get(f"{url}/jira/tickets/OPS-121", trust_env=False).status_code == 200


def test_a_set_address_is_used_and_named_when_nobody_answers(tmp_path: Path) -> None:
    with running_tester(tmp_path, COMPANY_JIRA_BASE_URL=f"http://127.0.0.1:{free_port()}") as url:
        answer = httpx2.get(f"{url}/jira/tickets", trust_env=False)
        assert answer.status_code == 502
        assert "COMPANY_JIRA_BASE_URL" in answer.json()["error"]
