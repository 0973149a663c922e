"""A task that names a model is answered by it, over the wire; what cannot be shown is not said, what fails is told."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.answer.test_compose_model import TEN, judged, said
from tests.embedders import WordVectors
from tests.provider_stub import Stub

from kapelle.errors import BadInput, ModelUnavailable
from kapelle.evidence.embedding.embedder import Embedded
from kapelle.evidence.options import SearchOptions
from kapelle.orchestrator import Orchestrator
from kapelle.plan.builder import Steps
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
    phases = [event.data for event in events if event.kind == "phase"]
    assert [one["phase"] for one in phases] == ["searching", "hits", "reading", "writing", "checking", "checking"]
    assert phases[2]["sources"] == ["records.md"]
    assert (phases[3]["by"], phases[4]["claims"]) == ("openai:house-1", 1)
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


def helped(**options: Any) -> Any:
    """A plan whose search asks the task's model."""
    s = Steps()
    found = s.search("handbook", query=QUESTION, options=SearchOptions(**options), id="find")
    return s.draft(s.answer(found))


async def test_a_phase_is_seen_while_it_lasts(folder: Path, provider: Stub) -> None:
    provider.answer("slow/house", said(TEN), judged("entailed"))
    _, events = await answered(folder, provider, "slow/house")
    told = {event.data["phase"]: event.at for event in reversed(events) if event.kind == "phase"}
    assert (told["checking"] - told["writing"]).total_seconds() > 1.5, "told when it began, not when the step ended"


async def test_a_search_asks_the_tasks_model_where_its_options_say_so(folder: Path, provider: Stub) -> None:
    (folder / "years.md").write_text("# Archive\n\nThe archive holds invoices.\n")
    grades = {"texts": [{"id": 1, "relevance": 1}, {"id": 2, "relevance": 9}]}
    provider.answer("house-4", grades, said(TEN), judged("entailed"))
    answer, events = await answered(folder, provider, "house-4", plan=helped(rerank=True))
    assert answer.usage.requests == 2
    by_phase = {event.data["phase"]: event.data for event in events if event.kind == "phase"}
    assert by_phase["searching"]["by"] == "openai:house-4"
    (settled,) = [event for event in events if event.kind == "step.finished" and event.path == "find"]
    assert settled.data["route"] == "openai:house-4"


async def test_a_search_that_might_pass_the_budget_sends_nothing(folder: Path, provider: Stub) -> None:
    answer, events = await answered(folder, provider, "house-5", plan=helped(rerank=True), budget={"requests": 1})
    assert provider.seen("house-5") == []
    assert answer.status == "failed"
    assert any("budget.requests" in repr(event.data) for event in events)


async def test_without_a_model_the_search_goes_on_without_and_says_so(folder: Path) -> None:
    settings = load_settings(home=folder.parent / "home")
    async with Orchestrator(settings=settings, corpora={"handbook": folder}) as house:
        run = await house.start(QUESTION, plan=helped(follow=2))
        notes = [event.data["text"] async for event in run.events() if event.kind == "note"]
        assert "ten years" in str(await run.result())
        assert "the search asks for a model, and the task names none" in notes
        with pytest.raises(BadInput, match="KAPELLE_MODEL"):
            await house.search(QUESTION, options=SearchOptions(rerank=True))


async def test_a_plan_is_priced_by_its_model(folder: Path, provider: Stub) -> None:
    settings = load_settings(home=folder.parent / "home", llm={"api_key": "sk-test"})
    async with Orchestrator(settings=settings, corpora={"handbook": folder}) as house:
        free = (await house.plan(QUESTION)).estimate
        paid = (await house.plan(QUESTION, model="openai:gpt-4o-mini")).estimate
        more = house.check(helped(rerank=True, follow=1), house.task(QUESTION, model="openai:gpt-4o-mini")).estimate
        unknown = (await house.plan(QUESTION, model="openai:nobody-knows-it")).estimate
    assert free is not None and paid is not None and more is not None and unknown is not None
    assert (free.usd, free.requests) == (0, 0)
    assert paid.usd is not None and 0 < paid.usd < Decimal("0.1")
    assert paid.requests == 4
    assert more.usd is not None and more.usd > paid.usd
    assert more.requests == 4 + 2 + 4
    assert (unknown.usd, unknown.requests) == (None, 4)


class Away(WordVectors):
    """An embedder that embeds documents, and then is gone."""

    gone = False

    def embed(self, texts: Sequence[str], *, query: bool = False) -> Embedded:
        if self.gone:
            raise ModelUnavailable("the provider does not answer")
        return super().embed(texts, query=query)


async def test_an_embedder_that_is_away_fails_no_run(folder: Path) -> None:
    settings, embedder = load_settings(home=folder.parent / "home"), Away()
    async with Orchestrator(settings=settings, corpora={"handbook": folder}, embedder=embedder) as house:
        await house.ingest_all()
        embedder.gone = True
        run = await house.start(QUESTION)
        events = [event async for event in run.events()]
        assert "ten years" in str(await run.result())
    told = [event.data.get("text") or event.data.get("why") for event in events if event.kind in ("note", "fallback")]
    assert told == ["searched by words only: the provider does not answer", "the provider does not answer"]


async def test_several_answers_of_one_step_are_held_against_the_budget_together(folder: Path, provider: Stub) -> None:
    s = Steps()
    found = [s.search("handbook", query=QUESTION), s.search("handbook", query="Are letters kept?")]
    plan = s.draft(s.answer(*found))
    answer, _ = await answered(folder, provider, "house-6", plan=plan, budget={"requests": 7})
    assert answer.status == "failed"
    assert provider.seen("house-6") == [], "two answers take up to eight requests"
