"""The key of a provider leaves by no door, though the provider repeats it in its errors."""

import traceback
import uuid
from collections.abc import Awaitable, Callable

import pytest
from pydantic import SecretStr
from tests.asking import KEY, model_at
from tests.provider_stub import Stub

from kapelle.agents.ask import ask
from kapelle.agents.embedding import make_embedder
from kapelle.errors import ModelUnavailable
from kapelle.evidence.embedding.embedder import Embedded
from kapelle.evidence.rerank_http import HttpReranker
from kapelle.settings import TelemetrySettings, load_settings
from kapelle.telemetry.logs import log, set_up_logs

FAULTS = [
    "401",
    "key-as-code",
    "404",
    "quota",
    "long",
    "429-always",
    "500-always",
    "cut-always",
    "html",
    "truncated",
    "slow",
]
QUESTION = "what-was-asked-is-nobodys-business"
Call = Callable[[Stub, str], Awaitable[object]]


async def asked(stub: Stub, fault: str) -> object:
    model = model_at(stub, fault, max_retries=1, trace=True)
    log.warning("models", model=model, name=model.name, settings=load_settings(llm={"api_key": KEY}))
    return await ask(QUESTION, str, model=model, max_tokens=10, timeout=0.5)


async def embedded(stub: Stub, fault: str) -> object:
    embedder = make_embedder(
        f"openai:{fault}/{uuid.uuid4().hex}",
        Embedded,
        base_url=stub.base_url,
        api_key=SecretStr(KEY),
        max_retries=1,
        backoff=0.01,
        timeout=0.5,
    )
    log.warning("embedder", embedder=embedder)
    return embedder.embed([QUESTION])


async def reranked(stub: Stub, fault: str) -> object:
    reranker = HttpReranker(
        "jina",
        f"{fault}/{uuid.uuid4().hex}",
        f"{stub.root}/jina/rerank",
        SecretStr(KEY),
        timeout=0.5,
        max_retries=1,
        backoff=0.01,
    )
    log.warning("reranker", reranker=reranker)
    return await reranker.rerank(QUESTION, ["a"])


def chain(error: BaseException | None) -> list[BaseException]:
    """An error with all that it carries, hidden or not."""
    return [] if error is None else [error, *chain(error.__cause__), *chain(error.__context__)]


@pytest.mark.parametrize("call", [asked, embedded, reranked])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failure_tells_neither_the_key_nor_what_was_asked(
    provider: Stub, call: Call, fault: str, capfd: pytest.CaptureFixture[str]
) -> None:
    set_up_logs(TelemetrySettings(log_level="debug"))
    if fault == "truncated" and call is not asked:
        await call(provider, fault)  # only a text can be cut off
    else:
        with pytest.raises(ModelUnavailable) as caught:
            await call(provider, fault)
        try:
            raise caught.value
        except ModelUnavailable as error:
            log.exception("failed")
            told = "".join(traceback.format_exception(error))
            for one in chain(error):
                told += f"{one!r} {one} {one.__dict__}"
        frames = [line for line in told.splitlines() if line.lstrip().startswith("File")]
        assert KEY not in told
        assert QUESTION not in told.replace("\n".join(frames), "")
    set_up_logs(TelemetrySettings())
    out, err = capfd.readouterr()
    assert err
    assert KEY not in out + err
