"""The manual tester: try the company's three systems by hand, in Swagger, through one address."""

import argparse
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import quote

import httpx2
from pydantic import JsonValue
from pydantic.json_schema import SkipJsonSchema

from kapelle.errors import KapelleError, MissingExtra, Unavailable
from kapelle.incident.client import Address, SystemName, addresses
from kapelle.incident.company import Company
from kapelle.incident.simulation.tickets import NewTicket, TicketChange
from kapelle.incident.systems import DATA, DEFAULT_PORTS, RunningSystems, serve_company
from kapelle.settings import CompanySettings, load_settings

try:
    import uvicorn
    from fastapi import APIRouter, FastAPI, Header, Query
    from fastapi import Request as WebRequest
    from fastapi.openapi.docs import get_swagger_ui_html
    from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
    from fastapi.staticfiles import StaticFiles
    from swagger_ui_bundle import swagger_ui_path  # it ships no types
except ImportError as error:
    if __name__ == "__main__":
        sys.exit(str(MissingExtra("server")))
    raise MissingExtra("server") from error

PORT = 8010
_ASSETS = "/docs/assets"
_SYSTEMS: tuple[SystemName, ...] = ("jira", "metrics", "logs")

# Plain strings: what a system refuses is to be seen as the system says it. No null in the schema: OpenAPI 3.0 has none.
Optional: TypeAlias = Annotated[str | SkipJsonSchema[None], Query()]
Service: TypeAlias = Annotated[str, Query(openapi_examples={"simulated company": {"value": "saas-api"}})]
Start: TypeAlias = Annotated[str, Query(openapi_examples={"simulated company": {"value": "2026-02-14T10:00:00Z"}})]
End: TypeAlias = Annotated[str, Query(openapi_examples={"simulated company": {"value": "2026-02-14T10:30:00Z"}})]
IdempotencyKey: TypeAlias = Annotated[str | SkipJsonSchema[None], Header(alias="Idempotency-Key")]


class Proxy:
    """Hands requests on to the three systems and their answers back, unchanged."""

    def __init__(self, systems: Mapping[SystemName, Address], timeout: float) -> None:
        self.systems = systems
        self._timeout = timeout
        # The tester serves this machine; a proxy set in the environment has no part in it.
        self._client = httpx2.AsyncClient(timeout=timeout, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def forward(self, request: WebRequest, system: SystemName, path: str) -> Response:
        """Send the request's method, query and body to a path of a system."""
        url = self.systems[system].url.rstrip("/") + path
        headers = {
            name: request.headers[name] for name in ("content-type", "idempotency-key") if name in request.headers
        }
        try:
            answer = await self._client.request(
                request.method,
                f"{url}?{request.url.query}" if request.url.query else url,
                content=await request.body() or None,
                headers=headers,
            )
        except httpx2.TimeoutException:
            told = f"did not answer within {self._timeout:g} s; raise `MANUAL_TOOL_TIMEOUT_S` or check the system"
            return self._failed(system, 504, told)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return self._failed(
                system, 502, f"does not answer ({type(error).__name__}); start it, or correct the setting"
            )
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))

    async def check(self, system: SystemName) -> JsonValue:
        """A system's address, and `ok` when it answers `/health`."""
        address = self.systems[system]
        try:
            answer = await self._client.get(address.url.rstrip("/") + "/health")
            status = "ok" if answer.is_success else f"answers {answer.status_code}"
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            status = f"does not answer ({type(error).__name__}); setting `{address.setting}`"
        return {"url": address.place, "status": status}

    def _failed(self, system: SystemName, status: int, why: str) -> Response:
        address = self.systems[system]
        return JSONResponse({"error": f"`{address.place}` (setting `{address.setting}`) {why}"}, status)


def make_app(systems: Mapping[SystemName, Address], *, timeout: float = 10.0) -> FastAPI:
    """Make the tester over three systems.

    Args:
        timeout: seconds for one call of a system.
    """
    proxy = Proxy(systems, timeout)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await proxy.close()

    app = FastAPI(
        title="Kapelle manual tester",
        description="The ticket, metrics and log systems of a company. What is written here is kept in memory only.",
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        lifespan=lifespan,
    )
    app.openapi_version = "3.0.3"  # the newest that the bundled Swagger UI draws
    app.mount(_ASSETS, StaticFiles(directory=swagger_ui_path), name="assets")
    for router in (_pages(proxy), _jira(proxy), _series(proxy), _anything(proxy)):
        app.include_router(router)
    return app


def _pages(proxy: Proxy) -> APIRouter:
    router = APIRouter()

    @router.get("/", include_in_schema=False)
    async def start() -> RedirectResponse:
        return RedirectResponse("/docs")

    @router.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Kapelle manual tester",
            swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{_ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{_ASSETS}/favicon-32x32.png",
        )

    @router.get("/health", tags=["tester"], summary="Whether the tester and each system answer")
    async def health() -> dict[str, JsonValue]:
        return {"status": "ok", "systems": {system: await proxy.check(system) for system in _SYSTEMS}}

    return router


def _jira(proxy: Proxy) -> APIRouter:
    router = APIRouter(prefix="/jira", tags=["jira"], default_response_class=JSONResponse)

    @router.get("/tickets", summary="Search tickets; `text`: all its words")
    async def search(
        request: WebRequest,
        project_key: Optional = None,
        status: Optional = None,
        severity: Optional = None,
        text: Optional = None,
    ) -> Response:
        return await proxy.forward(request, "jira", "/tickets")

    @router.get("/tickets/{key}", summary="One ticket")
    async def one(request: WebRequest, key: str) -> Response:
        return await proxy.forward(request, "jira", f"/tickets/{quote(key, safe='')}")

    @router.post("/tickets", status_code=201, summary="Open a ticket")
    async def create(request: WebRequest, ticket: NewTicket, idempotency_key: IdempotencyKey = None) -> Response:
        return await proxy.forward(request, "jira", "/tickets")

    @router.patch("/tickets/{key}", summary="Change a ticket")
    async def change(
        request: WebRequest, key: str, change: TicketChange, idempotency_key: IdempotencyKey = None
    ) -> Response:
        return await proxy.forward(request, "jira", f"/tickets/{quote(key, safe='')}")

    return router


def _series(proxy: Proxy) -> APIRouter:
    router = APIRouter()

    @router.get("/metrics/query", tags=["metrics"], summary="Points of a window, both ends included")
    async def metrics(request: WebRequest, service: Service, start_time: Start, end_time: End) -> Response:
        return await proxy.forward(request, "metrics", "/metrics/query")

    @router.get("/logs/search", tags=["logs"], summary="Events of a window, both ends included")
    async def logs(
        request: WebRequest, service: Service, start_time: Start, end_time: End, pattern: Optional = None
    ) -> Response:
        return await proxy.forward(request, "logs", "/logs/search")

    return router


def _anything(proxy: Proxy) -> APIRouter:
    """Everything else below `/jira`, `/metrics` and `/logs`: the rest of the path is the system's."""
    router = APIRouter()

    @router.api_route(
        "/{system}/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False
    )
    async def anything(request: WebRequest, system: str, path: str) -> Response:
        for known in _SYSTEMS:
            if system == known:
                return await proxy.forward(request, known, f"/{quote(path)}")
        return JSONResponse({"error": f"no route `/{system}/{path}`; see /docs"}, 404)

    return router


def run(company: Company, settings: CompanySettings, *, host: str = "127.0.0.1", port: int = PORT) -> None:
    """Serve the tester until interrupted; without base URLs the company's own systems are served too.

    Raises:
        UnreadableSource: a data file of the company is broken.
    """
    served = None if _is_set(settings) or not (company.root / DATA).is_dir() else _serve(company)
    if served is not None:
        urls = {
            "jira_base_url": served.jira_url,
            "metrics_base_url": served.metrics_url,
            "logs_base_url": served.logs_url,
        }
        settings = settings.model_copy(update=urls)
    systems = addresses(company, settings)
    for name, address in systems.items():
        print(f"{name:8}{address.place}", file=sys.stderr)
    print(f"tester  http://{host}:{port}/docs", file=sys.stderr)
    try:
        uvicorn.run(make_app(systems, timeout=settings.manual_timeout), host=host, port=port, log_level="warning")
    finally:
        if served is not None:
            served.close()


def _is_set(settings: CompanySettings) -> bool:
    return any((settings.jira_base_url, settings.metrics_base_url, settings.logs_base_url))


def _serve(company: Company) -> RunningSystems:
    try:
        return serve_company(company, ports=DEFAULT_PORTS)
    except Unavailable as error:
        print(f"{error.args[0].partition(';')[0]}; taking free ports", file=sys.stderr)
        return serve_company(company)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tester from the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m kapelle.incident.tester", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, help="port of the tester (default %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--company", type=Path, metavar="DIR", help="a company's folder (default: the simulated one)")
    given = parser.parse_args(arguments)
    try:
        settings = load_settings().company
        run(Company.open(given.company or settings.root), settings, host=given.host, port=given.port)
    except KapelleError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
