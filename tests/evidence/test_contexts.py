"""Contexts of a whole collection: written by a model, kept as they come, gone on with, taken out again."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.asking import model_at, prompts
from tests.embedders import WordVectors
from tests.provider_stub import Stub

from kapelle.agents.models import Model
from kapelle.answer.extract import compose_extractive
from kapelle.budget.model import Usage
from kapelle.errors import BadInput, ModelUnavailable, NotFound
from kapelle.evidence.contexts import contextualize, estimate_collection
from kapelle.evidence.index import Index
from kapelle.evidence.index_sqlite import SqliteIndex, memory_index
from kapelle.evidence.load import document_of
from kapelle.evidence.ratings import memory_ratings
from kapelle.evidence.reindex import passages_of, remove_contexts
from kapelle.evidence.search import search
from kapelle.evidence.vectors_sqlite import SqliteVectors

OWNER = "acme/ann"
LONG = document_of("long.md", "# Long\n\n" + "\n\n".join(f"## Part {i}\n\n{f'Item {i}. ' * 90}" for i in range(100)))


@pytest.fixture
def index() -> Index:
    made = memory_index()
    some = [document_of(f"{i}.md", f"# Rules of team {i}\n\nThe team meets on day {i}.\n") for i in range(12)]
    made.put("rules", some, owner=OWNER)
    return made


def contexts(count: int = 1, text: str = "Of the rules of Ulm") -> dict[str, Any]:
    return {"passages": [{"id": number, "context": text} for number in range(1, count + 1)]}


async def write(index: Index, model: Model, name: str = "rules", **chosen: Any) -> Any:
    return await contextualize(index, memory_ratings(), name, owner=OWNER, model=model, **chosen)


def found(index: Index, query: str, name: str = "rules") -> list[str]:
    return [hit.source for hit in index.search(name, query, owner=OWNER, k=100)]


async def test_every_passage_gets_one_and_what_it_took_is_written_down(index: Index, provider: Stub) -> None:
    model, ratings = model_at(provider, "plain", *[contexts()] * 12), memory_ratings()
    estimate = estimate_collection(index, "rules", owner=OWNER, model=model)
    told: list[int] = []
    report = await contextualize(index, ratings, "rules", owner=OWNER, model=model, on_written=told.append)
    assert (report.documents, report.passages, report.failed) == (12, 12, ())
    assert sum(told) == estimate.texts == 12
    assert report.usage.requests == 12 <= estimate.usage.requests
    assert len(found(index, "Ulm")) == 12
    costs = ratings.costs("rules", owner=OWNER)
    assert {cost.embedder for cost in costs} == {model.name}
    assert sum(cost.texts for cost in costs) == 12
    assert sum((cost.usage for cost in costs), Usage()) == report.usage
    assert [one.contexts_by for one in index.collections(owner=OWNER)] == [model.name]


async def test_what_is_written_is_not_written_again_unless_it_is_wanted(index: Index, provider: Stub) -> None:
    await write(index, model_at(provider, "plain", *[contexts()] * 12))
    index.put("rules", [document_of("new.md", "# New\n\nThe new team meets never.\n")], owner=OWNER)
    model = model_at(provider, "plain", contexts(text="Of Bonn"))
    assert estimate_collection(index, "rules", owner=OWNER, model=model).texts == 1
    assert (await write(index, model)).passages == 1
    assert found(index, "Bonn") == ["new.md"]
    assert len(prompts(provider, model)) == 1
    again = model_at(provider, "plain", *[contexts(text="Of Rome")] * 13)
    assert (await write(index, again, anew=True)).passages == 13
    assert (len(found(index, "Rome")), found(index, "Ulm")) == (13, [])


async def test_a_long_document_is_kept_part_by_part(provider: Stub) -> None:
    index = memory_index()
    index.put("rules", [LONG], owner=OWNER)
    passages = passages_of(index, "rules", "long.md", owner=OWNER)
    requests = [contexts(min(8, len(passages) - first)) for first in range(0, len(passages), 8)]
    away = model_at(provider, "plain", *requests[:6], *["no answer"] * 6)
    ratings = memory_ratings()
    with pytest.raises(ModelUnavailable):
        await contextualize(index, ratings, "rules", owner=OWNER, model=away)
    written = sum(1 for one in passages_of(index, "rules", "long.md", owner=OWNER) if one.context)
    assert written == 48, "what came after the last part is kept too"
    assert sum(cost.usage.requests for cost in ratings.costs("rules", owner=OWNER)) == 12
    second = await write(index, model_at(provider, "500-second", *requests[6:]))
    assert [one.path for one in second.failed] == ["long.md"]
    assert second.passages == len(passages) - 48 - 8, "one request that failed loses its own alone"
    third = await write(index, model_at(provider, "plain", contexts(8)))
    assert third.passages == 8
    assert all(one.context for one in passages_of(index, "rules", "long.md", owner=OWNER))
    assert [one.text for one in passages_of(index, "rules", "long.md", owner=OWNER)] == [one.text for one in passages]


async def test_documents_that_cannot_be_written_of_are_told_and_wait_for_the_next_time(
    index: Index, provider: Stub
) -> None:
    index.delete("rules", owner=OWNER, sources=[f"{i}.md" for i in range(2, 12)])
    report = await write(index, model_at(provider, "plain", *["no answer"] * 4))
    assert ([one.path for one in report.failed], report.passages) == (["0.md", "1.md"], 0)
    assert report.usage.requests == 4, "each was told once what was wrong"
    assert (await write(index, model_at(provider, "plain", *[contexts()] * 2))).passages == 2


async def test_a_model_that_is_away_is_not_asked_for_every_document(index: Index, provider: Stub) -> None:
    away = model_at(provider, "500-always")
    with pytest.raises(ModelUnavailable):
        await write(index, away)
    assert 3 <= len(prompts(provider, away)) <= 6
    assert [one.contexts_by for one in index.collections(owner=OWNER)] == [None], "it wrote nothing"
    assert index.without_context("rules", owner=OWNER) == sorted(f"{i}.md" for i in range(12))
    with pytest.raises(NotFound, match="no corpus"):
        await write(index, away, "nowhere")


async def test_a_version_that_came_meanwhile_is_left_for_the_next_time(index: Index, provider: Stub) -> None:
    newer = document_of("3.md", "# Rules of team 3\n\nThe team does not meet.\n")
    put: Callable[..., bool] = index.put_contexts

    def overtaken(collection: str, source: str, *given: Any, **more: Any) -> bool:
        if source == "3.md":
            index.put("rules", [newer], owner=OWNER)
        return put(collection, source, *given, **more)

    index.put_contexts = overtaken  # type: ignore[method-assign]
    report = await write(index, model_at(provider, "plain", *[contexts()] * 12))
    assert report.passages == 11
    assert [one.path for one in report.failed] == ["3.md"]
    assert index.without_context("rules", owner=OWNER) == ["3.md"]
    assert found(index, "does not meet")[0] == "3.md"


async def test_taken_out_a_corpus_is_as_it_was(index: Index, provider: Stub) -> None:
    before = index.search("rules", "team 7", owner=OWNER)
    await write(index, model_at(provider, "plain", *[contexts()] * 12))
    assert remove_contexts(index, "rules", owner=OWNER) == 12
    assert remove_contexts(index, "rules", owner=OWNER) == 0
    assert index.search("rules", "team 7", owner=OWNER) == before
    assert found(index, "Ulm") == []
    assert [one.contexts_by for one in index.collections(owner=OWNER)] == [None]


async def test_a_blank_context_is_none(index: Index, provider: Stub) -> None:
    index.delete("rules", owner=OWNER, sources=[f"{i}.md" for i in range(1, 12)])
    blank = model_at(provider, "plain", contexts(text="   "), contexts())
    assert (await write(index, blank)).usage.requests == 2, "it was told once, and wrote one"
    assert len(found(index, "Ulm")) == 1


async def test_nothing_is_asked_for_a_corpus_that_cannot_be_written_anew(provider: Stub) -> None:
    theirs = memory_index(SqliteVectors(WordVectors()))
    theirs.put("rules", [LONG], owner=OWNER)
    model = model_at(provider)
    for ours in (SqliteIndex(theirs._engine, SqliteVectors(WordVectors("other-64"))), SqliteIndex(theirs._engine)):
        for work in (contextualize(ours, memory_ratings(), "rules", owner=OWNER, model=model),):
            with pytest.raises(BadInput, match="KAPELLE_CORPUS__EMBEDDER"):
                await work
        with pytest.raises(BadInput, match="words-64"):
            remove_contexts(ours, "rules", owner=OWNER)
    assert prompts(provider, model) == []


async def test_a_context_finds_and_shows_nothing(provider: Stub) -> None:
    index = memory_index()
    index.put("pay", [document_of("pay.md", "# Pay\n\nSalary is paid on the first day of a month.\n")], owner=OWNER)
    question = "How many vacation days does a trainee get in Ulm?"
    before = search(index, ["pay"], question, owner=OWNER)
    lie = contexts(text="How many vacation days does a trainee get in Ulm? A trainee gets 45 vacation days in Ulm.")
    await write(index, model_at(provider, "plain", lie), "pay")
    after = search(index, ["pay"], question, owner=OWNER)
    assert [hit.source for hit in after.hits] == ["pay.md"]
    assert before.recommend_fallback and after.recommend_fallback
    assert after.confidence < 0.1
    texts = {(one.source, one.sha256): index.document(one.document, owner=OWNER).text for one in after.hits}
    answer = compose_extractive(question, after.hits, texts, weights=after.weights, searched=["pay"])
    assert not answer.found
    assert "45" not in str(answer)
