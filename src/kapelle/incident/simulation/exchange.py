"""A request to a simulated system, its answer, and what every system refuses."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeAlias

from pydantic import JsonValue

from kapelle.incident.records import Found, R

Body: TypeAlias = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Request:
    """A request, taken apart."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and a JSON body."""

    status: int
    body: Body


System: TypeAlias = Callable[[Request], Reply]


class Rejected(Exception):
    """A request that is answered with an error: `status`, and the message."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def no_route(request: Request, known: str) -> Rejected:
    """The answer to a path that leads nowhere."""
    return Rejected(HTTPStatus.NOT_FOUND, f"no route `{request.path}`; there is {known}, /health")


def allow(request: Request, *methods: str) -> None:
    """Refuse every other method."""
    if request.method not in methods:
        raise Rejected(HTTPStatus.METHOD_NOT_ALLOWED, f"`{request.path}` takes {' and '.join(methods)}")


def parameters(request: Request, *, required: Collection[str] = (), optional: Collection[str] = ()) -> dict[str, str]:
    """The query's parameters, stripped; a blank one counts as not given, an unknown one is refused."""
    for name in request.query:
        if name not in required and name not in optional:
            known = ", ".join(f"`{each}`" for each in (*required, *optional)) or "none"
            raise Rejected(HTTPStatus.BAD_REQUEST, f"unknown parameter `{name}`; known: {known}")
    given = {name: value.strip() for name, value in request.query.items() if value.strip()}
    for name in required:
        if name not in given:
            raise Rejected(HTTPStatus.BAD_REQUEST, f"parameter `{name}` is missing")
    return given


def with_ref(found: Found[R], source: str) -> Body:
    """A row as it stands in its file, and where it stands there (characters, end exclusive)."""
    return {**found.row, "ref": {"source": source, "start": found.start, "end": found.end}}


def fold(text: str) -> str:
    """A text for comparing: case does not count, and `checkout_timeout` is `checkout timeout`."""
    return re.sub(r"[\s_-]+", " ", text).strip().casefold()
