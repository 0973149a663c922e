"""Spans carry what happened and no secret."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from kapelle.errors import MissingExtra
from kapelle.run.approvals.approval import ApprovalRecord
from kapelle.run.telling import tell_decided
from kapelle.settings import TelemetrySettings
from kapelle.telemetry import trace as ours
from kapelle.telemetry.redact import remember


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(ours, "_tracer", provider.get_tracer("kapelle"))
    yield exporter
    provider.shutdown()


def test_a_span_has_its_attributes_without_secrets(spans: InMemorySpanExporter) -> None:
    remember(["known-value"])
    with ours.span("step a", run="run_1", text="known-value", count=3, nothing=None):
        pass
    (span,) = spans.get_finished_spans()
    assert span.name == "step a"
    assert span.attributes == {"kapelle.run": "run_1", "kapelle.text": "[redacted]", "kapelle.count": 3}


def test_an_error_is_noted_without_secrets_and_raised(spans: InMemorySpanExporter) -> None:
    remember(["known-value"])
    with pytest.raises(ValueError, match="known-value"), ours.span("step a"):
        raise ValueError("known-value")
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert "known-value" not in span.to_json()


def test_waiting_for_a_person_is_a_span_from_the_question_to_the_decision(spans: InMemorySpanExporter) -> None:
    asked = datetime(2026, 3, 1, 12, tzinfo=UTC)
    given = {"id": "apr_1", "run": "run_1", "path": "ok", "action": "Go?", "owner": "a/b"}
    record = ApprovalRecord.model_validate({**given, "created": asked, "expires_at": asked + timedelta(days=1)})
    tell_decided(record)
    assert not spans.get_finished_spans()
    tell_decided(record.model_copy(update={"decision": "approved", "by": "bo", "at": asked + timedelta(hours=2)}))
    (span,) = spans.get_finished_spans()
    assert span.start_time is not None and span.end_time is not None
    assert (span.name, span.end_time - span.start_time) == ("approval", 7_200_000_000_000)
    assert span.attributes is not None
    assert span.attributes["kapelle.decision"] == "approved"
    assert span.attributes["kapelle.expired"] is False


def test_spans_nest(spans: InMemorySpanExporter) -> None:
    with ours.span("outer"), ours.span("inner"):
        pass
    inner, outer = spans.get_finished_spans()
    assert inner.parent is not None and outer.context is not None
    assert inner.parent.span_id == outer.context.span_id


def test_without_an_endpoint_nothing_is_set_up() -> None:
    before = trace.get_tracer_provider()
    assert ours.set_up_traces(TelemetrySettings()) is False
    assert trace.get_tracer_provider() is before


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://phoenix:4317", "http://phoenix:4317/v1/traces"),
        ("http://phoenix:4317/", "http://phoenix:4317/v1/traces"),
        ("http://phoenix/v1/traces", "http://phoenix/v1/traces"),
    ],
)
def test_with_an_endpoint_spans_are_sent_there_once_set_up(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, expected: str
) -> None:
    chosen: list[TracerProvider] = []
    monkeypatch.setattr(trace, "set_tracer_provider", chosen.append)
    monkeypatch.setattr(ours, "_exporting", False)
    settings = TelemetrySettings(otlp_endpoint=endpoint, service_name="house")
    assert ours.set_up_traces(settings) is True
    assert ours.set_up_traces(settings) is False
    (provider,) = chosen
    assert provider.resource.attributes["service.name"] == "house"
    (processor,) = provider._active_span_processor._span_processors
    assert processor.span_exporter._endpoint == expected  # type: ignore[attr-defined]
    provider.shutdown()


def test_a_provider_that_the_program_set_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "_exporting", False)
    monkeypatch.setattr(trace, "get_tracer_provider", TracerProvider)
    assert ours.set_up_traces(TelemetrySettings(otlp_endpoint="http://phoenix:4317")) is False


def test_a_missing_extra_is_told_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(ours, "_exporting", False)
    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(MissingExtra, match=r"kapelle\[otel\]"):
        ours.set_up_traces(TelemetrySettings(otlp_endpoint="http://phoenix:4317"))
