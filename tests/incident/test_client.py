"""Asking systems, and what their refusals become."""

import asyncio
import http.server
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kapelle.errors import KapelleError, SettingsError, StepTimeout, ToolFailed, ToolInputError, Unavailable
from kapelle.incident.client import Address, addresses, get
from kapelle.incident.company import Company
from kapelle.settings import CompanySettings


@contextmanager
def system(status: int, body: bytes, *, pause: float = 0) -> Iterator[str]:
    """A foreign system that answers every GET the same way."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(pause)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def ask(url: str, timeout: float = 5) -> str:
    return asyncio.run(get(Address(url, "COMPANY_JIRA_BASE_URL"), "/tickets", {"a": None}, timeout=timeout))


def test_a_refused_connection_names_the_setting_and_the_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unavailable) as caught:
        ask(f"http://127.0.0.1:{port}")
    assert "COMPANY_JIRA_BASE_URL" in str(caught.value)
    assert f"127.0.0.1:{port}" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ToolInputError),
        (422, ToolInputError),
        (401, ToolFailed),
        (404, ToolFailed),
        (301, ToolFailed),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
def test_an_error_answer_is_retryable_only_when_it_may_pass(status: int, kind: type[KapelleError]) -> None:
    with (
        system(status, b'{"error": "the moon is wrong"}') as url,
        pytest.raises(kind, match="the moon is wrong") as caught,
    ):
        ask(url)
    assert caught.value.retryable is (kind is Unavailable)


def test_a_slow_system_is_given_up_in_time() -> None:
    began = time.monotonic()
    with system(200, b"{}", pause=2) as url, pytest.raises(StepTimeout, match="COMPANY_JIRA_BASE_URL"):
        ask(url, timeout=0.2)
    assert time.monotonic() - began < 3


def test_bytes_that_are_no_text_are_refused() -> None:
    with system(200, b"\xff\xfe") as url, pytest.raises(ToolFailed, match="UTF-8"):
        ask(url)


@pytest.mark.parametrize("url", ["nonsense", "ftp://x", "http://[bad", "http://"])
def test_an_address_that_is_none_names_its_setting(url: str) -> None:
    with pytest.raises(KapelleError, match="COMPANY_JIRA_BASE_URL") as caught:
        ask(url)
    assert isinstance(caught.value, SettingsError | Unavailable)


def test_a_password_in_an_address_is_never_shown() -> None:
    with pytest.raises(Unavailable) as caught:
        ask("http://user:hunter2@127.0.0.1:9")
    assert "hunter2" not in str(caught.value)


def test_a_folder_with_data_is_served_once_when_nothing_is_set() -> None:
    company = Company.open()
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(addresses(company, CompanySettings())["jira"].url))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert not found[0].endswith(":8001")


def test_one_set_address_means_the_others_are_at_their_default_ports() -> None:
    found = addresses(Company.open(), CompanySettings(metrics_base_url="http://metrics.example"))
    assert [found[name].url for name in ("jira", "metrics", "logs")] == [
        "http://127.0.0.1:8001",
        "http://metrics.example",
        "http://127.0.0.1:8003",
    ]


def test_a_folder_without_data_is_asked_at_the_default_ports(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "policy_v1.md").write_text("# P\n", encoding="utf-8")
    found = addresses(Company.open(tmp_path), CompanySettings())
    assert found["logs"].url == "http://127.0.0.1:8003"
