"""Logs: one JSON object a line, on stderr, from a level on, without secrets."""

import json
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider

from kapelle.settings import TelemetrySettings
from kapelle.telemetry.logs import log, set_up_logs
from kapelle.telemetry.redact import remember


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    set_up_logs(TelemetrySettings())


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_nothing_below_the_level_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    log.info("quiet")
    log.warning("loud", run="run_1")
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["run"]) == ("loud", "warning", "run_1")
    set_up_logs(TelemetrySettings(log_level="debug"))
    log.debug("now too")
    assert len(lines(capsys)) == 1


def test_secrets_are_taken_out_of_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    remember(["known-value"])
    try:
        raise ValueError("sk-proj-abcdefghijklmnop1234")
    except ValueError as error:
        log.error("known-value", error=error, fields={"known-value": {"password": "hunter22"}}, exc_info=True)
    text = capsys.readouterr().err
    assert not [one for one in ("known-value", "sk-proj", "hunter22") if one in text]
    assert [json.loads(line) for line in text.splitlines()]


def test_a_line_names_the_span_it_was_written_in(capsys: pytest.CaptureFixture[str]) -> None:
    with TracerProvider().get_tracer("t").start_as_current_span("s") as span:
        log.warning("inside")
    (line,) = lines(capsys)
    assert line["trace_id"] == f"{span.get_span_context().trace_id:032x}"


def test_a_person_may_read_them_too(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(TelemetrySettings(log_format="console"))
    remember(["known-value"])
    log.warning("hello known-value")
    text = capsys.readouterr().err
    assert "hello" in text
    assert "known-value" not in text
