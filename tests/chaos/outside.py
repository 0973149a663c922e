"""The world outside: a tool server that counts every call, and kills a caller when it is told to."""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Call:
    """One call that arrived."""

    run: str
    path: str
    key: str
    pid: int
    at: float


class Outside(ThreadingHTTPServer):
    """Takes calls over real HTTP; every arrival is an effect."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls: list[Call] = []
        self.deadly: set[tuple[str, str]] = set()
        """(run's prompt, path): the caller dies right after this effect, once."""
        self.killed = 0
        self.slowness = (0.01, 0.06)
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """A caller that was killed resets its connections."""

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def take(self, call: Call, prompt: str) -> None:
        """Count a call, take its time, and kill the caller if that is wanted."""
        with self._lock:
            self.calls.append(call)
            wanted = (prompt, call.path) in self.deadly
            self.deadly.discard((prompt, call.path))
            pause = self._dice.uniform(*self.slowness)
        time.sleep(pause)
        if wanted:
            self.killed += 1
            os.kill(call.pid, signal.SIGKILL)

    def by_step(self) -> dict[tuple[str, str], list[Call]]:
        """The calls of every step, in order."""
        found: dict[tuple[str, str], list[Call]] = {}
        for call in list(self.calls):
            found.setdefault((call.run, call.path), []).append(call)
        return found

    def counted(self) -> Counter[tuple[str, str]]:
        """How often every step called."""
        return Counter((call.run, call.path) for call in list(self.calls))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Outside

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body.pop("prompt")
        self.server.take(Call(**body, at=time.time()), prompt)
        answer = json.dumps({"ok": True}).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the caller is dead

    def log_message(self, *_: object) -> None:
        """Say nothing."""
