"""What every Reranker must do; each implementation is a parameter of the fixture."""

import json
import math
import re
import uuid
from collections.abc import Callable, Sequence

import pytest
from pydantic import SecretStr
from tests.asking import KEY, model_at
from tests.provider_stub import Stub

from kapelle.errors import ModelUnavailable
from kapelle.evidence.rerank import Reranker
from kapelle.evidence.rerank_callable import CallableReranker
from kapelle.evidence.rerank_http import HttpReranker
from kapelle.evidence.rerank_model import ModelReranker

QUERY = "How long are invoices kept?"
TEXTS = ["The cat sat on the mat.", "Invoices are kept for ten years.", "Keep calm."]
KINDS = ["model", "cohere", "jina", "voyage", "tei", "callable"]
FAULTS = ["too-few", "doubled", "foreign", "plain"]
Make = Callable[[str], Reranker]


def shared(query: str, texts: Sequence[str]) -> list[float]:
    """The share of the query's words in each text."""
    asked = set(re.findall(r"\w+", query.lower()))
    return [len(asked & set(re.findall(r"\w+", text.lower()))) / len(asked) for text in texts]


def graded(fault: str) -> list[str]:
    """What a model answers for `TEXTS`, twice: it is told once what was wrong."""
    grades = [{"id": place, "relevance": round(10 * score)} for place, score in enumerate(shared(QUERY, TEXTS), 1)]
    match fault:
        case "too-few":
            grades.pop()
        case "doubled":
            grades[-1] = grades[0]
        case "foreign":
            grades[-1] = {"id": 9, "relevance": 1}
    return [json.dumps({"texts": grades})] * 2


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest) -> Make:
    kind: str = request.param

    def made(fault: str) -> Reranker:
        if kind == "callable":
            return CallableReranker(lambda query, texts: _faulty(fault, shared(query, texts)), "shared words")
        stub: Stub = request.getfixturevalue("provider")
        if kind == "model":
            return ModelReranker(model_at(stub, fault if fault in ("500-always", "401") else "plain", *graded(fault)))
        name = f"{fault}/{uuid.uuid4().hex}"
        url = f"{stub.root}/tei/{name}/rerank" if kind == "tei" else f"{stub.root}/{kind}/rerank"
        return HttpReranker(kind, "" if kind == "tei" else name, url, SecretStr(KEY), max_retries=1, backoff=0.01)  # type: ignore[arg-type]

    return made


def _faulty(fault: str, scores: list[float]) -> list[float]:
    return {"too-few": scores[:-1], "doubled": [*scores, 0.0], "foreign": [*scores[:-1], math.nan]}.get(fault, scores)


async def test_a_score_for_each_text_in_their_order(make: Make) -> None:
    reranked = await make("plain").rerank(QUERY, TEXTS)
    assert len(reranked.scores) == 3
    assert reranked.scores[1] == max(reranked.scores)
    assert reranked.scores[1] > reranked.scores[0]


async def test_no_texts_have_no_scores(make: Make) -> None:
    reranked = await make("plain").rerank(QUERY, [])
    assert reranked.scores == ()
    assert reranked.usage.requests == 0


def test_it_has_a_name(make: Make) -> None:
    assert make("plain").name


@pytest.mark.parametrize("fault", ["too-few", "doubled", "foreign"])
async def test_scores_that_are_not_of_each_text_once_are_refused(make: Make, fault: str) -> None:
    reranker = make(fault)
    with pytest.raises(ModelUnavailable) as caught:
        await reranker.rerank(QUERY, TEXTS)
    assert not caught.value.retryable


async def test_what_it_took_is_said(make: Make) -> None:
    reranker = make("plain")
    usage = (await reranker.rerank(QUERY, TEXTS)).usage
    assert usage.requests == (0 if isinstance(reranker, CallableReranker) else 1)
    assert usage.unmeasured or usage.input_tokens or isinstance(reranker, CallableReranker)


async def test_a_key_is_nowhere_in_what_it_shows(make: Make) -> None:
    reranker = make("401")
    assert KEY not in repr(reranker)
    if not isinstance(reranker, CallableReranker):
        with pytest.raises(ModelUnavailable, match="key|credentials") as caught:
            await reranker.rerank(QUERY, TEXTS)
        assert KEY not in str(caught.value)
