"""Structured logs to stderr, redacted, with the run, step and trace they belong to."""

import sys
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from opentelemetry import trace

from kapelle.settings import TelemetrySettings
from kapelle.telemetry.redact import redact

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50, "exception": 40}
Fields = MutableMapping[str, Any]  # Any: what a log call was given


@dataclass(slots=True)
class _Output:
    """How this process logs; a library says nothing below a warning until it is set up."""

    level: int = 30
    render: structlog.typing.Processor = field(
        default_factory=lambda: structlog.processors.JSONRenderer(ensure_ascii=False)
    )


_output = _Output()


class _Stderr:
    """Writes lines to what stderr is at the moment: a test or a service may have replaced it."""

    def msg(self, message: str) -> None:
        print(message, file=sys.stderr, flush=True)

    debug = info = warning = error = critical = exception = msg


def _above_level(_logger: object, method: str, fields: Fields) -> Fields:
    if _LEVELS[method] < _output.level:
        raise structlog.DropEvent
    return fields


def _trace_ids(_logger: object, _method: str, fields: Fields) -> Fields:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        fields["trace_id"] = f"{span.trace_id:032x}"
        fields["span_id"] = f"{span.span_id:016x}"
    return fields


def _redacted(_logger: object, _method: str, fields: Fields) -> Fields:
    cleaned: Fields = redact(dict(fields))
    return cleaned


def _rendered(logger: object, method: str, fields: Fields) -> Any:  # Any: a line, as processors may return
    return _output.render(logger, method, fields)


# Ours alone: `structlog.configure` would change the logs of the program that uses us.
log: structlog.stdlib.BoundLogger = structlog.wrap_logger(
    _Stderr(),
    processors=[
        _above_level,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _trace_ids,
        structlog.processors.format_exc_info,
        _redacted,
        _rendered,
    ],
    wrapper_class=structlog.BoundLogger,
)


def set_up_logs(settings: TelemetrySettings) -> None:
    """Write logs to stderr from a level on; called again it changes only level and format."""
    _output.level = _LEVELS[settings.log_level]
    if settings.log_format == "console":
        _output.render = structlog.dev.ConsoleRenderer()
    else:
        _output.render = structlog.processors.JSONRenderer(ensure_ascii=False)
