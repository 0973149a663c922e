"""Canary secrets, planted wherever a run may meet one, leave by no door."""

import logging
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import JsonValue
from tests.builders import plan_of, step

from kapelle.orchestrator import Orchestrator
from kapelle.run.model import Event
from kapelle.settings import TelemetrySettings, load_settings
from kapelle.telemetry import trace as ours
from kapelle.telemetry.logs import log, set_up_logs
from kapelle.tools.decorator import tool
from kapelle.tools.model import Retry

SETTING = "canary-of-the-settings"
SHAPED = "sk-proj-canarycanarycanary1"
URL = "canary-in-a-url"
FIELD = "canary-of-a-field"
CANARIES = (SETTING, SHAPED, URL, FIELD)


@tool
async def leaks(name: str) -> dict[str, JsonValue]:
    """Give back what must not be kept."""
    return {"text": f"{SETTING} {SHAPED} postgresql://u:{URL}@h/d", SETTING: 1, "password": FIELD}


@tool(retry=Retry(max_retries=1, backoff=0))
async def breaks(name: str) -> str:
    """Break with a secret."""
    raise ConnectionError(f"{SETTING} {SHAPED} postgresql://u:{URL}@h/d password={FIELD}")


@tool
def uses(name: str, given: JsonValue = None) -> JsonValue:
    """Use what came before."""
    log.warning("uses", given=given, key=SETTING, error=ValueError(SHAPED))
    return given


async def test_no_canary_leaves_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(ours, "_tracer", provider.get_tracer("kapelle"))
    monkeypatch.setenv("OPENAI_API_KEY", SETTING)
    set_up_logs(TelemetrySettings(log_level="debug"))
    plan = plan_of(
        step("a", uses="leaks"),
        step("b", uses="breaks", on_error="skip"),
        step("c", "a", "b", uses="uses", join="any"),
    )
    settings = load_settings(home=tmp_path)
    async with Orchestrator(tools=[leaks, breaks, uses], settings=settings, packs=[]) as house:
        run = await house.start(f"do it with {SHAPED}", plan=plan, approve="never")
        record = await run.wait()
        events: list[Event] = [event async for event in run.events()]
        told = [
            one.model_dump_json() for one in (record.model_copy(update={"task": None}), *events, *await run.steps())
        ]
        # While it is open the newest rows stand in the write-ahead log.
        files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    set_up_logs(TelemetrySettings())
    provider.shutdown()
    assert record.status == "partial"
    assert "kapelle.db-wal" in files
    out, err = capfd.readouterr()
    doors = {
        "events, results and the run": "\n".join(told),
        "logs": out + err + "".join(map(str, logging.root.handlers)),
        "spans": "".join(one.to_json() for one in exporter.get_finished_spans()),
        **{name: content.decode("utf-8", "replace") for name, content in files.items()},
    }
    assert exporter.get_finished_spans()
    assert "uses" in err
    assert {(door, one) for door, text in doors.items() for one in CANARIES if one in text} == set()
