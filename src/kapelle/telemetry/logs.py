"""Structured logs to stderr, redacted, with the run, step and trace they belong to."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from opentelemetry import trace

from kapelle.settings import TelemetrySettings
from kapelle.telemetry.redact import redact

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
Fields = MutableMapping[str, Any]  # Any: what a log call was given

log: structlog.stdlib.BoundLogger = structlog.get_logger("kapelle")


def _trace_ids(_logger: object, _method: str, fields: Fields) -> Fields:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        fields["trace_id"] = f"{span.trace_id:032x}"
        fields["span_id"] = f"{span.span_id:016x}"
    return fields


def _redacted(_logger: object, _method: str, fields: Fields) -> Fields:
    cleaned: Fields = redact(dict(fields))
    return cleaned


def set_up_logs(settings: TelemetrySettings) -> None:
    """Write logs to stderr from a level on; called twice it changes nothing but the level and the format."""
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _trace_ids,
            structlog.processors.format_exc_info,
            _redacted,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.log_level]),
        # Looked up at each call: a test or a service may replace sys.stderr after set-up.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
