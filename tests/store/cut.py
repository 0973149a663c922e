"""A line to Postgres that can be cut at the moment of a commit."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

import sqlalchemy as sa

When = Literal["before", "after"]


class Line:
    """Passes bytes between a client and a server; cuts once, before or after a commit reached the server."""

    def __init__(self, socket_path: str) -> None:
        self._socket_path = socket_path
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.cut: When | None = None
        """Cut at the next commit."""
        self.commit = b"COMMIT\0"
        """By which one is known."""
        self.cuts = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._socket_path)
            self._open += [client, server]
            threading.Thread(target=self._ask, args=(client, server), daemon=True).start()
            threading.Thread(target=self._answer, args=(client, server), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        while data := _receive(client):
            if self.cut is not None and self.commit in data:
                when, self.cut = self.cut, None
                self.cuts += 1
                if when == "after":
                    # The answer must not reach the client: its line goes first.
                    _close(client)
                    _send(server, data)
                    # The server ends the session by itself when it has committed.
                    server.shutdown(socket.SHUT_WR)
                    return
                _close(client)
                break
            _send(server, data)
        _close(server)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        while data := _receive(server):
            _send(client, data)
        _close(client)

    def close(self) -> None:
        """End every connection."""
        for one in (self._listening, *self._open):
            _close(one)


def _receive(end: socket.socket) -> bytes:
    try:
        return end.recv(65_536)
    except OSError:
        return b""


def _send(end: socket.socket, data: bytes) -> None:
    with suppress(OSError):
        end.sendall(data)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def lined(url: str) -> Iterator[tuple[str, Line]]:
    """The URL of a database behind a line of its own."""
    parsed = sa.make_url(url)
    folder = parsed.query["host"]
    line = Line(f"{folder}/.s.PGSQL.5432")
    try:
        shown = parsed.set(host="127.0.0.1", port=line.port, query={"sslmode": "disable", "gssencmode": "disable"})
        yield shown.render_as_string(hide_password=False), line
    finally:
        line.close()
