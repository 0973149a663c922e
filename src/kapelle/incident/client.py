"""Ask a company's systems over HTTP, and start the simulated ones when none is set."""

import asyncio
import atexit
import os
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

import httpx2

from kapelle.errors import SettingsError, StepTimeout, ToolFailed, ToolInputError, Unavailable
from kapelle.incident.company import Company
from kapelle.incident.systems import DATA, DEFAULT_PORTS, RunningSystems, serve_company
from kapelle.settings import CompanySettings

SystemName: TypeAlias = Literal["jira", "metrics", "logs"]

_SLOW_DOWN = (408, 425, 429)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_served: dict[tuple[int, Path], RunningSystems] = {}
_serving = threading.Lock()


@dataclass(frozen=True, slots=True)
class Address:
    """Where a system answers, and the setting that says so."""

    url: str
    setting: str

    @property
    def place(self) -> str:
        """Scheme, host, port and path: what may be shown, without a password that the URL may hold."""
        scheme, mark, rest = self.url.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}".rstrip("/")


def addresses(company: Company, settings: CompanySettings) -> dict[SystemName, Address]:
    """Where the three systems are.

    When no base URL is set and the company's folder holds data, that folder is served by this process, once, on free
    ports; otherwise a system without a base URL is taken to be at its default port.

    Raises:
        UnreadableSource: a data file of the folder is broken.
    """
    given = (settings.jira_base_url, settings.metrics_base_url, settings.logs_base_url)
    if not any(given) and (company.root / DATA).is_dir():
        served = _serve_once(company)
        given = (served.jira_url, served.metrics_url, served.logs_url)
    jira, metrics, logs = (url or f"http://127.0.0.1:{port}" for url, port in zip(given, DEFAULT_PORTS, strict=True))
    return {
        "jira": Address(jira, "COMPANY_JIRA_BASE_URL"),
        "metrics": Address(metrics, "COMPANY_METRICS_BASE_URL"),
        "logs": Address(logs, "COMPANY_LOGS_BASE_URL"),
    }


def _serve_once(company: Company) -> RunningSystems:
    slot = (os.getpid(), company.root)  # threads do not live on in a forked process
    with _serving:
        if slot not in _served:
            _served[slot] = serve_company(company)
            atexit.register(_served[slot].close)
        return _served[slot]


async def get(address: Address, path: str, params: Mapping[str, str | None], *, timeout: float) -> str:
    """The body that a system answers a GET with, as text; blank parameters are left out.

    Args:
        timeout: seconds until the answer is complete.

    Raises:
        Unavailable: refused, cut off, overloaded or failing (5xx); the same call may succeed later.
        StepTimeout: no answer in time.
        ToolInputError: the system does not accept the parameters (400, 422).
        ToolFailed: any other answer than success.
    """
    query = {name: value for name, value in params.items() if value}
    try:
        # A proxy set in the environment is not asked for what runs on this machine.
        local = urlsplit(address.url).hostname in _LOOPBACK
        async with (
            asyncio.timeout(timeout),
            httpx2.AsyncClient(timeout=timeout, trust_env=not local, verify=_certificates()) as client,
        ):
            answer = await client.get(address.url.rstrip("/") + path, params=query)
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, ValueError) as error:
        raise SettingsError(
            f"setting `{address.setting}`: `{address.place}` is no address such as http://127.0.0.1:8001"
        ) from error
    except (httpx2.TimeoutException, TimeoutError) as error:
        raise StepTimeout(
            f"`{address.place}` (setting `{address.setting}`) did not answer within {timeout:g} s; "
            "raise `ORCHESTRATOR_COMPANY_TOOL_TIMEOUT_S` or check the system"
        ) from error
    except httpx2.HTTPError as error:
        raise Unavailable(
            f"`{address.place}` does not answer ({type(error).__name__}); "
            f"start it, or set `{address.setting}` to its address"
        ) from error
    _check(answer, address, path)
    return _text(answer, address)


def _check(answer: httpx2.Response, address: Address, path: str) -> None:
    status = answer.status_code
    if 200 <= status < 300:
        return
    told = f"`{address.place}{path}` (setting `{address.setting}`) answered {status}{_reason(answer)}"
    if status >= 500 or status in _SLOW_DOWN:
        raise Unavailable(f"{told}; try again later")
    if status in (400, 422):
        raise ToolInputError(told)
    raise ToolFailed(told)


def _reason(answer: httpx2.Response) -> str:
    """What the system itself says went wrong, shortened."""
    try:
        body = answer.json()
    except ValueError:
        return ""
    reason = body.get("error", body.get("detail", "")) if isinstance(body, dict) else ""
    return f": {str(reason)[:300]}" if reason else ""


def _text(answer: httpx2.Response, address: Address) -> str:
    try:
        return answer.content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ToolFailed(f"`{address.place}` (setting `{address.setting}`) answered no UTF-8 text") from error


@cache
def _certificates() -> ssl.SSLContext:
    """Made once: reading the certificates takes longer than a call."""
    return httpx2.create_ssl_context()
