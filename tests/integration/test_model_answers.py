"""A task that names a model is answered by it, over the wire; what cannot be shown is not said, what fails is told."""

from pathlib import Path
from typing import Any

import pytest
from tests.answer.test_compose_model import TEN, judged, said
from tests.provider_stub import Stub

from kapelle.orchestrator import Orchestrator
from kapelle.settings import load_settings

QUESTION = "How long do we keep invoices?"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "handbook"
    made.mkdir()
    (made / "records.md").write_text("# Records\n\nWe keep invoices for ten years. Letters are not kept.\n")
    return made


async def answered(folder: Path, provider: Stub, model: str, **fields: Any) -> tuple[Any, list[Any]]:
    settings = load_settings(
        home=folder.parent / "home", llm={"base_url": provider.base_url, "api_key": "sk-test", "max_retries": 0}
    )
    async with Orchestrator(settings=settings, corpora={"handbook": folder}, model=f"openai:{model}") as house:
        run = await house.start(QUESTION, **fields)
        events = [event async for event in run.events()]
        return await run.result(), events


async def test_the_model_answers_with_quotes_and_its_usage_is_told(folder: Path, provider: Stub) -> None:
    provider.answer("house-1", said(TEN), judged("entailed"))
    answer, events = await answered(folder, provider, "house-1")
    assert str(answer) == "We keep invoices for ten years. [c1]"
    assert answer.verdict.passed
    assert answer.usage.requests == 2
    (phase,) = [event.data for event in events if event.data.get("phase") == "writing"]
    assert phase["reading"] == ["records.md"]
    assert not [event for event in events if event.kind == "fallback"]


async def test_a_claim_that_is_not_shown_is_not_said(folder: Path, provider: Stub) -> None:
    lie = ("Invoices are burnt after two years.", [(1, "We keep invoices for ten years.")])
    provider.answer("house-2", said(TEN, lie), judged("entailed"))
    answer, _ = await answered(folder, provider, "house-2")
    assert "burnt" not in str(answer)
    assert any("burnt" in lack for lack in answer.missing)


async def test_a_model_that_is_away_is_told_and_quotes_answer(folder: Path, provider: Stub) -> None:
    answer, events = await answered(folder, provider, "500-always")
    (fell,) = [event.data for event in events if event.kind == "fallback"]
    assert (fell["from"], fell["to"]) == ("openai:500-always", "quotes")
    assert "sk-test" not in repr(events)
    assert "ten years" in str(answer)


async def test_what_might_pass_the_budget_is_not_sent(folder: Path, provider: Stub) -> None:
    answer, events = await answered(folder, provider, "house-3", budget={"requests": 1})
    assert provider.seen("house-3") == []
    assert answer.status == "failed"
    assert any("budget.requests" in repr(event.data) for event in events)
