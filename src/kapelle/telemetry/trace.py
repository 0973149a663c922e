"""Spans of run, plan, step and tool; exported only when an endpoint is set."""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode

from kapelle.errors import MissingExtra
from kapelle.settings import TelemetrySettings
from kapelle.telemetry.redact import redact_text

_tracer = trace.get_tracer("kapelle")
_exporting = False

Attribute = str | int | float | bool | None


def span(name: str, **attributes: Attribute) -> AbstractContextManager[Span]:
    """A span around a block, with attributes `kapelle.*`; an error is recorded without its secrets, and raised."""
    # Where nobody collects spans the interface still makes and attaches empty ones, for a tenth of a quick step's time.
    unheard = isinstance(_tracer, trace.ProxyTracer)
    if unheard and isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return nullcontext(trace.INVALID_SPAN)
    return _span(name, attributes)


@contextmanager
def _span(name: str, attributes: Mapping[str, Attribute]) -> Iterator[Span]:
    with _tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as current:
        describe(current, **attributes)
        try:
            yield current
        except BaseException as error:
            note_error(current, type(error).__name__, str(error))
            raise


def past_span(name: str, began: datetime, ended: datetime, **attributes: Attribute) -> None:
    """A span of something that is over and that no process was busy with, such as waiting for a person."""
    made = _tracer.start_span(name, start_time=_nanoseconds(began))
    describe(made, **attributes)
    made.end(end_time=_nanoseconds(ended))


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1_000


def describe(current: Span, **attributes: Attribute) -> None:
    """Put attributes on a span; text is redacted, None left out."""
    if not current.is_recording():
        return
    for name, value in attributes.items():
        if value is not None:
            current.set_attribute(f"kapelle.{name}", redact_text(value) if isinstance(value, str) else value)


def note_error(current: Span, cls: str, message: str) -> None:
    """Mark a span as failed."""
    current.set_status(Status(StatusCode.ERROR, redact_text(message)))
    current.add_event("exception", {"exception.type": cls, "exception.message": redact_text(message)})


def set_up_traces(settings: TelemetrySettings) -> bool:
    """Send spans by OTLP over HTTP when `otlp_endpoint` is set; a second call, or a provider set before, is left alone.

    Returns:
        Whether this call began the export.

    Raises:
        MissingExtra: an endpoint is set and the `otel` extra is not installed.
    """
    global _exporting
    if settings.otlp_endpoint is None or _exporting:
        return False
    try:
        sdk = importlib.import_module("opentelemetry.sdk.trace")
        export = importlib.import_module("opentelemetry.sdk.trace.export")
        resources = importlib.import_module("opentelemetry.sdk.resources")
        otlp = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ImportError:
        raise MissingExtra("otel") from None
    if isinstance(trace.get_tracer_provider(), sdk.TracerProvider):
        return False
    provider = sdk.TracerProvider(resource=resources.Resource.create({"service.name": settings.service_name}))
    endpoint = settings.otlp_endpoint.rstrip("/")
    if not endpoint.endswith("/v1/traces"):
        endpoint += "/v1/traces"
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)
    _exporting = True
    return True
