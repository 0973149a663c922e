"""Where a passage stands in its document, said by a model."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr
from tests.asking import model_at, prompts
from tests.provider_stub import Stub

from kapelle.agents.models import make_model
from kapelle.budget.model import Usage
from kapelle.errors import ModelUnavailable
from kapelle.evidence.contextual import estimate_contexts, write_contexts
from kapelle.evidence.load import document_of
from kapelle.evidence.split import split

LONG = document_of(
    "report.md",
    "# Report of 2024\n\n" + "\n\n".join(f"## Part {i}\n\n{f'Item {i} of the part. ' * 60}" for i in range(20)),
)
PASSAGES = split(LONG)


def contexts(count: int, first: int = 1) -> dict[str, Any]:
    return {"passages": [{"id": i, "context": f"context\n{i}"} for i in range(first, first + count)]}


async def test_each_passage_has_a_context_by_its_id(provider: Stub) -> None:
    parts = [min(8, len(PASSAGES) - start) for start in range(0, len(PASSAGES), 8)]
    model = model_at(provider, "plain", *(contexts(part) for part in parts))
    written = await write_contexts(LONG, PASSAGES, model=model)
    assert list(written.by_id) == [passage.id for passage in PASSAGES]
    assert written.by_id[PASSAGES[9].id] == "context 2"
    assert written.usage.requests == len(parts)
    for place, prompt in enumerate(prompts(provider, model)):
        assert "# Report of 2024" in prompt, "the beginning is always shown"
        assert PASSAGES[place * 8].text in prompt
        assert len(prompt) < 12_000 + 3_000 + 8 * 2_000


async def test_ids_that_are_wrong_are_corrected_or_refused(provider: Stub) -> None:
    two = PASSAGES[:2]
    model = model_at(provider, "plain", contexts(2, first=2), contexts(2))
    assert len((await write_contexts(LONG, two, model=model)).by_id) == 2
    with pytest.raises(ModelUnavailable, match="each once"):
        await write_contexts(LONG, two, model=model_at(provider, "plain", contexts(1), contexts(3)))


async def test_a_passage_of_another_document_is_refused(provider: Stub) -> None:
    other = split(document_of("b.md", "B."))
    with pytest.raises(ValueError, match="is not of document"):
        await write_contexts(LONG, other, model=model_at(provider))


def test_the_cost_is_estimated_before_and_not_too_low(provider: Stub) -> None:
    known = make_model("openai:gpt-4o-mini", api_key=SecretStr("k" * 10))
    estimate = estimate_contexts(LONG, PASSAGES, model=known)
    assert estimate.usd is not None and Decimal(0) < estimate.usd < Decimal("0.10")
    assert estimate.requests == 2 * -(-len(PASSAGES) // 8), "each answer may be corrected once"
    assert estimate.input_tokens * 4 > sum(len(passage.text) for passage in PASSAGES)
    assert estimate_contexts(LONG, PASSAGES, model=model_at(provider)).unmeasured == estimate.requests


async def test_what_a_failure_took_is_told_to_who_meters(provider: Stub) -> None:
    spent: list[Usage] = []
    model = model_at(provider, "plain", contexts(8), contexts(1), contexts(1)).metered(spent.append)
    with pytest.raises(ModelUnavailable):
        await write_contexts(LONG, PASSAGES[:16], model=model)
    assert sum(usage.input_tokens for usage in spent) == 3_000
