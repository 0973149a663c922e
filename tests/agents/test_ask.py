"""One typed call, over the wire: its answers, its faults, what it takes."""

import asyncio
import time
import uuid
from decimal import Decimal

import pytest
from pydantic import BaseModel, Field, SecretStr
from pydantic_ai.usage import RequestUsage
from tests.asking import KEY, model_at
from tests.provider_stub import Stub

from kapelle.agents.ask import ask
from kapelle.agents.models import make_model
from kapelle.agents.price import Tariff
from kapelle.budget.model import Usage
from kapelle.errors import ModelUnavailable
from kapelle.resilience.classify import classify


class Animal(BaseModel):
    """An animal."""

    name: str
    legs: int = Field(ge=0)


CAT = {"name": "cat", "legs": 4}
LIMITS = {"max_tokens": 500, "timeout": 10.0}


async def test_an_answer_is_typed_and_says_what_it_took(provider: Stub) -> None:
    model = model_at(provider, "plain", CAT)
    asked = await ask("Which?", Animal, model=model, instructions="Be brief.", max_tokens=500, timeout=10)
    assert asked.value == Animal(name="cat", legs=4)
    assert asked.usage == Usage(requests=1, input_tokens=1000, cached_tokens=400, output_tokens=20, usd=None)
    assert asked.model == model.name
    (sent,) = provider.seen(model.name.partition(":")[2])
    assert sent["authorization"] == f"Bearer {KEY}"
    assert sent["body"]["max_completion_tokens"] == 500
    assert [message["role"] for message in sent["body"]["messages"]] == ["system", "user"]


async def test_text_is_an_answer_too(provider: Stub) -> None:
    asked = await ask("Hello?", str, model=model_at(provider, "plain", "Yes."), **LIMITS)
    assert asked.value == "Yes."


async def test_an_answer_that_does_not_fit_is_corrected_once(provider: Stub) -> None:
    model = model_at(provider, "plain", {"name": "cat", "legs": -1}, CAT)
    asked = await ask("Which?", Animal, model=model, **LIMITS)
    assert asked.value.legs == 4
    assert asked.usage.requests == 2
    assert asked.usage.input_tokens == 2000


async def test_an_answer_that_does_not_fit_twice_is_none(provider: Stub) -> None:
    model = model_at(provider, "plain", {"legs": 1}, {"legs": 2}, CAT, max_retries=3)
    with pytest.raises(ModelUnavailable, match="did not answer in the form") as caught:
        await ask("Which?", Animal, model=model, **LIMITS)
    assert not caught.value.retryable
    assert len(provider.seen(model.name.partition(":")[2])) == 2


async def test_what_a_check_says_is_told_to_the_model_and_to_the_caller(provider: Stub) -> None:
    def two_legs(animal: Animal) -> str | None:
        return None if animal.legs == 2 else f"{animal.name} has not two legs"

    model = model_at(provider, "plain", CAT, {"name": "hen", "legs": 2})
    asked = await ask("Which?", Animal, model=model, check=two_legs, **LIMITS)
    assert asked.value.name == "hen"
    told = provider.seen(model.name.partition(":")[2])[1]["body"]["messages"][-1]["content"]
    assert "cat has not two legs" in told

    with pytest.raises(ModelUnavailable, match="cat has not two legs"):
        await ask("Which?", Animal, model=model_at(provider, "plain", CAT, CAT), check=two_legs, **LIMITS)


async def test_broken_json_is_corrected(provider: Stub) -> None:
    asked = await ask("Which?", Animal, model=model_at(provider, "bad-json-once", CAT, CAT), **LIMITS)
    assert asked.value.name == "cat"
    with pytest.raises(ModelUnavailable, match="form that was asked for"):
        await ask("Which?", Animal, model=model_at(provider, "bad-json-always"), **LIMITS)


@pytest.mark.parametrize("fault", ["429-once", "500-once", "cut-once", "no-finish-once"])
async def test_what_passes_is_tried_again(provider: Stub, fault: str) -> None:
    model = model_at(provider, fault, CAT, CAT, max_retries=2)
    began = time.monotonic()
    asked = await ask("Which?", Animal, model=model, **LIMITS)
    assert asked.value.name == "cat"
    assert len(provider.seen(model.name.partition(":")[2])) == 2
    # `Retry-After: 1` wins over the back-off.
    assert (time.monotonic() - began >= 1) is (fault == "429-once")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("401", "refuses the credentials.*401 invalid_api_key"),
        ("404", "does not know this model"),
        ("quota", "quota is used up"),
        ("long", "more than it can read"),
        ("truncated", r"cut off at 500 tokens \(`max_tokens`\)"),
    ],
)
async def test_what_does_not_pass_is_not_tried_again(provider: Stub, fault: str, words: str) -> None:
    model = model_at(provider, fault, max_retries=3)
    with pytest.raises(ModelUnavailable, match=words) as caught:
        await ask("Which?", Animal, model=model, **LIMITS)
    assert classify(caught.value) == "permanent"
    assert len(provider.seen(model.name.partition(":")[2])) == 1


@pytest.mark.parametrize("fault", ["429-always", "500-always", "cut-always", "no-finish", "html"])
async def test_an_attempt_is_made_as_often_as_was_said_and_no_oftener(provider: Stub, fault: str) -> None:
    model = model_at(provider, fault, max_retries=2)
    with pytest.raises(ModelUnavailable, match="tried 3 times") as caught:
        await ask("Which?", Animal, model=model, **LIMITS)
    assert classify(caught.value) == "permanent", "whoever asked must not try again on top"
    assert len(provider.seen(model.name.partition(":")[2])) == 3


async def test_a_provider_that_asks_to_wait_an_hour_is_not_waited_for(provider: Stub) -> None:
    with pytest.raises(ModelUnavailable, match="wait 3600 s") as caught:
        await ask("Which?", Animal, model=model_at(provider, "429-long", max_retries=3), **LIMITS)
    assert caught.value.retry_after == 3600


async def test_a_slow_answer_ends_at_the_limit(provider: Stub) -> None:
    began = time.monotonic()
    spent: list[Usage] = []
    with pytest.raises(ModelUnavailable, match="in time"):
        await ask("Which?", Animal, model=model_at(provider, "slow").metered(spent.append), max_tokens=10, timeout=0.3)
    assert time.monotonic() - began < 1.5
    assert spent == [Usage(requests=1, usd=None, unmeasured=1)], "it may have been answered, and will be charged"


async def test_nothing_listens() -> None:
    model = make_model("openai:gpt", base_url="http://127.0.0.1:9/v1", max_retries=0)
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        await ask("Which?", Animal, model=model, **LIMITS)


async def test_usage_that_is_not_reported_is_unmeasured(provider: Stub) -> None:
    asked = await ask("Which?", Animal, model=model_at(provider, "no-usage", CAT), **LIMITS)
    assert asked.usage == Usage(requests=1, usd=None, unmeasured=1)


async def test_what_came_to_nothing_is_charged_all_the_same(provider: Stub) -> None:
    spent: list[Usage] = []
    with pytest.raises(ModelUnavailable):
        await ask("Which?", Animal, model=model_at(provider, "truncated").metered(spent.append), **LIMITS)
    assert [usage.output_tokens for usage in spent] == [20]


async def test_a_correction_that_fails_is_charged_with_what_was_answered_before(provider: Stub) -> None:
    spent: list[Usage] = []
    model = model_at(provider, "500-second", {"legs": 1}, CAT, max_retries=1).metered(spent.append)
    asked = await ask("Which?", Animal, model=model, **LIMITS)
    assert asked.value.name == "cat"
    assert [usage.input_tokens for usage in spent] == [1000, 0, 1000]
    assert asked.usage.requests == 3

    spent.clear()
    with pytest.raises(ModelUnavailable):
        await ask("Which?", Animal, model=model_at(provider, "plain", {}, {}).metered(spent.append), **LIMITS)
    assert [usage.input_tokens for usage in spent] == [1000, 1000]


async def test_a_caller_that_is_cancelled_frees_the_call_and_is_charged(provider: Stub) -> None:
    spent: list[Usage] = []
    asking = asyncio.create_task(
        ask("Which?", Animal, model=model_at(provider, "slow").metered(spent.append), **LIMITS)
    )
    await asyncio.sleep(0.3)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert [usage.unmeasured for usage in spent] == [1]


def test_one_model_serves_several_event_loops(provider: Stub) -> None:
    model = model_at(provider, "plain", CAT, CAT)
    for _ in range(2):
        asked = asyncio.run(ask("Which?", Animal, model=model, **LIMITS))
        assert asked.value.name == "cat"


def test_prices_are_of_the_provider_that_is_paid() -> None:
    counted = RequestUsage(input_tokens=1_000_000, output_tokens=1_000_000)
    assert Tariff("gpt-4o-mini", "openai", None).usage(counted).usd == Decimal("0.75")
    # A service of one's own that calls a model so is not paid as OpenAI is.
    assert Tariff("gpt-4o-mini", None, "http://127.0.0.1:8000/v1").usage(counted).usd is None
    assert Tariff("gpt-4o-mini", None, "https://api.openai.com/v1").known
    assert not Tariff("nobody-knows-it", "openai", None).known


async def test_openais_newer_protocol_is_spoken_with_openai(provider: Stub) -> None:
    """`openai:` without an address speaks it; here it is spoken with the stub."""
    name = f"plain/{uuid.uuid4().hex}"
    provider.answer(name, {"name": "cat", "legs": -1}, CAT)
    model = make_model(f"openai-responses:{name}", base_url=provider.base_url, api_key=SecretStr(KEY))
    asked = await ask("Which?", Animal, model=model, **LIMITS)
    assert asked.value == Animal(name="cat", legs=4)
    assert asked.usage == Usage(requests=2, input_tokens=2000, cached_tokens=800, output_tokens=40, usd=None)
    assert [sent["path"] for sent in provider.seen(name)] == ["/v1/responses"] * 2
    assert provider.seen(name)[0]["body"]["max_output_tokens"] == 500

    cut = make_model(
        f"openai-responses:truncated/{uuid.uuid4().hex}", base_url=provider.base_url, api_key=SecretStr(KEY)
    )
    with pytest.raises(ModelUnavailable, match="cut off at 500 tokens"):
        await ask("Which?", Animal, model=cut, **LIMITS)
