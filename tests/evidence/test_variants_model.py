"""Other wordings of a query."""

import pytest
from tests.asking import model_at, prompts
from tests.provider_stub import Stub

from kapelle.errors import ModelUnavailable
from kapelle.evidence.variants_model import ask_variants

QUERY = "How long do we keep invoices?"


async def test_wordings_are_new_and_each_once(provider: Stub) -> None:
    wordings = ["retention  of bills", "how long do we keep invoices", "Retention of bills?"]
    model = model_at(provider, "plain", {"wordings": wordings})
    variants = await ask_variants(QUERY, model=model)
    assert variants.queries == ("retention of bills",)
    assert variants.usage.requests == 1
    assert QUERY in prompts(provider, model)[0]


@pytest.mark.parametrize("wordings", [["a", "b", "c", "d"], [], [" "], ["x" * 301]])
async def test_too_many_or_empty_ones_are_corrected_or_refused(provider: Stub, wordings: list[str]) -> None:
    bad = {"wordings": wordings}
    model = model_at(provider, "plain", bad, {"wordings": ["one", "two"]})
    assert (await ask_variants(QUERY, model=model)).queries == ("one", "two")
    with pytest.raises(ModelUnavailable, match="form"):
        await ask_variants(QUERY, model=model_at(provider, "plain", bad, bad))
