"""Models at the provider of the tests, each of a name that nobody else asks."""

import uuid
from typing import Any

from pydantic import SecretStr
from tests.provider_stub import Stub

from kapelle.agents.models import Model, make_model

KEY = "canary-key-of-the-provider-9d1"


def model_at(stub: Stub, fault: str = "plain", *answers: Any, max_retries: int = 0, **chosen: Any) -> Model:
    """A model that answers what is queued for it, with a fault if one is named."""
    name = f"{fault}/{uuid.uuid4().hex}"
    if answers:
        stub.answer(name, *answers)
    return make_model(
        f"openai:{name}",
        base_url=stub.base_url,
        api_key=SecretStr(KEY),
        max_retries=max_retries,
        backoff=0.01,
        **chosen,
    )


def prompts(stub: Stub, model: Model) -> list[str]:
    """What a model was asked, each request as one text."""
    asked = [one["body"]["messages"] for one in stub.seen(model.name.partition(":")[2])]
    return ["\n".join(str(message.get("content")) for message in messages) for messages in asked]
