"""Converters: processes that turn pdf and office files into text; one that hangs or dies loses only its file."""

import json
import os
import subprocess
import sys
import threading
from types import TracebackType
from typing import Self

from kapelle.errors import MissingExtra, UnreadableSource
from kapelle.evidence.kinds import OFFICE

CONVERTED = OFFICE | {"pdf"}
"""Suffixes of files that are converted."""
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class ConversionLost(Exception):
    """A conversion hung, or its process died: nothing is known of the file."""


class Converters:
    """A few converting processes, started when first needed; `convert` may be called from any thread."""

    def __init__(self, workers: int, *, seconds: float, megabytes: int) -> None:
        """Bound each conversion.

        Args:
            workers: processes at most.
            seconds: for one file.
            megabytes: of memory for one process.
        """
        self._seconds = seconds
        self._command = [sys.executable, "-P", "-m", "kapelle.evidence.convert", str(megabytes)]
        self._free = threading.Semaphore(workers)
        self._idle: list[subprocess.Popen[bytes]] = []
        self._all: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; a conversion under way is lost."""
        with self._lock:
            self._closed = True
            processes, self._idle, self._all = list(self._all), [], set()
        for process in processes:
            _end(process)

    def convert(self, suffix: str, content: bytes) -> str:
        """The text of a file of one of `CONVERTED`.

        Raises:
            UnreadableSource: it cannot be converted; the message says why.
            MissingExtra: what converts it is not installed.
            ConversionLost: it took too long, or too much.
        """
        with self._free:
            process = self._take()
            try:
                answer = self._ask(process, suffix, content)
            except BaseException:
                self._drop(process)
                raise
            with self._lock:
                self._idle.append(process)
        if "missing" in answer:
            raise MissingExtra(answer["missing"])
        if "why" in answer:
            raise UnreadableSource(answer["why"])
        return answer["text"]

    def _take(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise ConversionLost("the ingest was ended")
            if self._idle:
                return self._idle.pop()
            # A session of its own: an interrupt at the terminal is for us, and we end it.
            process = subprocess.Popen(  # noqa: S603  # our own module
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **_ONE_THREAD},
                start_new_session=True,
            )
            self._all.add(process)
            return process

    def _ask(self, process: subprocess.Popen[bytes], suffix: str, content: bytes) -> dict[str, str]:
        assert process.stdin is not None and process.stdout is not None
        timer = threading.Timer(self._seconds, process.kill)
        timer.start()
        try:
            request = {"suffix": suffix, "size": len(content), "seconds": self._seconds}
            process.stdin.write(json.dumps(request).encode() + b"\n" + content)
            process.stdin.flush()
            line = process.stdout.readline()
        except (OSError, ValueError):  # it died, or was ended by `close`, while it was written to
            line = b""
        finally:
            late = not timer.is_alive()
            timer.cancel()
        if line.endswith(b"\n"):
            answer: dict[str, str] = json.loads(line)
            return answer
        raise ConversionLost(
            f"its conversion took longer than {self._seconds:g} s (`KAPELLE_CORPUS__CONVERT_TIMEOUT`)"
            if late
            else f"its conversion died (exit {process.wait()}); convert it to text by other means"
        )

    def _drop(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._all.discard(process)
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # what was not written yet cannot be any more
                continue
    process.wait()
