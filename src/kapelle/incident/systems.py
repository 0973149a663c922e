"""Serve a company's ticket, metrics and log systems over HTTP on the loopback interface."""

import json
import socketserver
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

from kapelle.errors import Unavailable
from kapelle.incident.company import Company
from kapelle.incident.records import LogEvent, Point, Ticket, read_table
from kapelle.incident.simulation.exchange import Body, Rejected, Reply, Request, System, allow
from kapelle.incident.simulation.series import LogSystem, MetricsSystem
from kapelle.incident.simulation.tickets import TicketSystem

DATA = "mock_systems/data"
TICKETS, POINTS, EVENTS = (f"{DATA}/{name}.json" for name in ("jira_tickets", "metrics_timeseries", "log_events"))
DEFAULT_PORTS = (8001, 8002, 8003)
"""Jira, metrics, logs."""
_HOST = "127.0.0.1"
_MAX_BODY = 1_000_000
"""Bytes of a request's body."""


@dataclass(frozen=True)
class RunningSystems:
    """The three systems of a company while they are served; a context manager that closes them."""

    jira_url: str
    metrics_url: str
    logs_url: str
    _servers: tuple["_Server", ...] = field(repr=False)

    def close(self) -> None:
        """Stop serving; a second time does nothing."""
        for server in self._servers:
            server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def serve_company(company: Company, *, ports: Sequence[int] | None = None) -> RunningSystems:
    """Serve a company's data in threads of this process, until closed or the process ends.

    Args:
        ports: of Jira, metrics and logs; 0 or None: a free one.

    Raises:
        UnreadableSource: a data file is broken; the message names file and line.
        Unavailable: a port is taken.
    """
    systems = _systems(company)  # read before a port is taken
    wanted = ports or (0, 0, 0)
    servers: list[_Server] = []
    try:
        for (name, system), port in zip(systems.items(), wanted, strict=True):
            servers.append(_Server(name, system, port))
    except OSError as error:
        for server in servers:
            server.server_close()
        taken = f"{_HOST}:{wanted[len(servers)]}"
        raise Unavailable(f"`{taken}` cannot be served: {error.strerror}; stop what holds it, or use port 0") from error
    for server in servers:
        server.start()
    jira, metrics, logs = (server.url for server in servers)
    return RunningSystems(jira, metrics, logs, tuple(servers))


def _systems(company: Company) -> dict[str, System]:
    """Each system, or one that says which data file the folder lacks."""
    makers: dict[str, tuple[str, Callable[[], System]]] = {
        "jira": (TICKETS, lambda: TicketSystem(read_table(company, TICKETS, "tickets", Ticket))),
        "metrics": (POINTS, lambda: MetricsSystem(read_table(company, POINTS, "points", Point))),
        "logs": (EVENTS, lambda: LogSystem(read_table(company, EVENTS, "events", LogEvent))),
    }
    return {name: make() if company.has(source) else _absent(source) for name, (source, make) in makers.items()}


def _absent(source: str) -> System:
    def answer(request: Request) -> Reply:
        raise Rejected(HTTPStatus.NOT_FOUND, f"this company's folder has no `{source}`")

    return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name: str, system: System, port: int) -> None:
        self.name, self.system = name, system
        super().__init__((_HOST, port), _Handler)
        self.url = f"http://{_HOST}:{self.server_address[1]}"
        # A short poll, so that closing does not wait half a second for each server.
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name=f"kapelle-{name}", daemon=True)
        self._lock = threading.Lock()
        self._stopped = False

    def server_bind(self) -> None:
        # HTTPServer looks its own name up in the DNS here, which may take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = _HOST, int(self.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._lock:
            if not self._stopped:
                self._stopped = True
                self.shutdown()
                self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 60  # seconds an idle connection is kept
    wbufsize = -1  # head and body in one packet
    disable_nagle_algorithm = True

    def answer(self) -> None:
        """Answer one request of any method."""
        try:
            reply = _reply(self.server, self._request())
        except Rejected as rejected:
            reply = Reply(rejected.status, {"error": str(rejected)})
        self._send(reply.status, reply.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # the names http.server calls

    def _request(self) -> Request:
        body = self._body()
        parts = urlsplit(self.path)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        for name, _ in pairs:
            if sum(each == name for each, _ in pairs) > 1:
                raise Rejected(HTTPStatus.BAD_REQUEST, f"parameter `{name}` is given twice")
        key = self.headers.get("Idempotency-Key", "")
        return Request(self.command, unquote(parts.path), dict(pairs), body, key.strip())

    def _body(self) -> bytes:
        given = self.headers.get("Content-Length")
        if given is None and "Transfer-Encoding" not in self.headers:
            return b""
        # What follows cannot be told from the next request any more, so the connection ends with the answer.
        if given is None or not given.isdecimal():
            self.close_connection = True
            raise Rejected(HTTPStatus.LENGTH_REQUIRED, "`Content-Length` is missing or no number")
        if int(given) > _MAX_BODY:
            self.close_connection = True
            raise Rejected(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over {_MAX_BODY:,} bytes")
        return self.rfile.read(int(given))

    def _send(self, status: int, body: Body) -> None:
        content = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what http.server itself refuses (a broken request line) as JSON too."""
        self.close_connection = True
        self._send(code, {"error": message or HTTPStatus(code).phrase})

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: the callers log their own calls."""


def _reply(server: _Server, request: Request) -> Reply:
    if request.path.rstrip("/") == "/health":
        allow(request, "GET")
        return Reply(HTTPStatus.OK, {"status": "ok", "system": server.name})
    return server.system(request)
