"""A reranker over a function."""

import threading

import pytest

from kapelle.errors import ModelUnavailable
from kapelle.evidence.rerank_callable import CallableReranker
from kapelle.evidence.rerank_scores import in_order


async def test_the_function_runs_in_a_thread_and_its_error_is_raised() -> None:
    places: list[str] = []

    def score(query: str, texts: object) -> list[float]:
        places.append(threading.current_thread().name)
        raise OSError("no weights")

    with pytest.raises(OSError, match="no weights"):
        await CallableReranker(score, "mine").rerank("q", ["a"])
    assert places != [threading.current_thread().name]


@pytest.mark.parametrize(
    ("scored", "words"),
    [
        ([(0, 1.0)], "text 1 has no score"),
        ([(0, 1.0), (0, 1.0)], "text 0 has two"),
        ([(0, 1.0), (2, 1.0)], "no text 2"),
        ([(0, 1.0), (-1, 1.0)], "no text -1"),
        ([(0, float("inf")), (1, 1.0)], "text 0 is no number"),
    ],
)
def test_each_text_is_scored_once(scored: list[tuple[int, float]], words: str) -> None:
    with pytest.raises(ModelUnavailable, match=words):
        in_order(scored, 2, "mine")
    assert in_order([(1, 0.5), (0, 0.1)], 2, "mine") == (0.1, 0.5)
