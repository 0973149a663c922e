"""Whether quotes say what a claim says, by a model."""

from typing import Any

import pytest
from tests.asking import model_at, prompts
from tests.provider_stub import Stub

from kapelle.errors import ModelUnavailable
from kapelle.verdict.entail import Entailed, entail


def judged(*relations: str, first: int = 1) -> dict[str, Any]:
    return {
        "claims": [
            {"id": i, "relation": relation, "reason": "so\nit is"} for i, relation in enumerate(relations, first)
        ]
    }


async def test_each_pair_has_its_judgement(provider: Stub) -> None:
    model = model_at(provider, "plain", judged("contradicted", "entailed"))
    pairs = [("A is B.", ["A is C."]), ("Nobody says so.", []), ("C is D.", ["C", "is D."]), ("Blank.", [" "])]
    judgement = await entail(pairs, model=model)
    missing = Entailed("not stated", "there is no quote")
    assert judgement.found == (
        Entailed("contradicted", "so it is"),
        missing,
        Entailed("entailed", "so it is"),
        missing,
    )
    assert judgement.usage.requests == 1
    (prompt,) = prompts(provider, model)
    assert "Claim: C is D.\nQuote: C\nQuote: is D." in prompt
    assert "Nobody says so." not in prompt


async def test_many_pairs_take_few_requests(provider: Stub) -> None:
    model = model_at(provider, "plain", *[judged(*["entailed"] * 10)] * 2, judged(*["entailed"] * 10))
    judgement = await entail([(f"Claim {i}.", [f"Quote {i}."]) for i in range(30)], model=model)
    assert [one.relation for one in judgement.found] == ["entailed"] * 30
    assert judgement.usage.requests == 3


@pytest.mark.parametrize(
    "bad", [judged("entailed"), judged("entailed", "entailed", first=2), judged("likely", "entailed")]
)
async def test_judgements_that_are_not_of_each_claim_are_corrected_or_refused(provider: Stub, bad: Any) -> None:
    pairs = [("A.", ["a"]), ("B.", ["b"])]
    good = judged("entailed", "not stated")
    assert (await entail(pairs, model=model_at(provider, "plain", bad, good))).usage.requests == 2
    with pytest.raises(ModelUnavailable, match="form"):
        await entail(pairs, model=model_at(provider, "plain", bad, bad))


async def test_nothing_to_judge_asks_nobody(provider: Stub) -> None:
    model = model_at(provider)
    assert (await entail([("A.", [])], model=model)).usage.requests == 0
    assert provider.seen(model.name.partition(":")[2]) == []


async def test_one_failure_ends_the_others(provider: Stub) -> None:
    with pytest.raises(ModelUnavailable, match="credentials"):
        await entail([(f"{i}.", ["q"]) for i in range(30)], model=model_at(provider, "401"))
