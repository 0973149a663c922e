"""An embedder is made when it is first used, once, and counts for whoever counts."""

import threading

import pytest
from tests.embedders import WordVectors

from kapelle.evidence.embedding.late import LateEmbedder, counting


def test_nothing_is_made_before_the_first_use_and_then_once() -> None:
    made: list[WordVectors] = []

    def make() -> WordVectors:
        made.append(WordVectors())
        return made[-1]

    late = LateEmbedder("words-64", make)
    assert (late.name, made) == ("words-64", [])
    late.embed(["a pump"])
    late.estimate(["a pump"])
    assert len(made) == 1


def test_only_what_is_embedded_inside_is_counted() -> None:
    theirs = WordVectors()
    late = LateEmbedder(theirs.name, lambda: theirs)
    late.embed(["before"])
    with counting() as counted:
        late.embed(["one", "two"])
        other = threading.Thread(target=late.embed, args=(["of another thread"],))
        other.start()
        other.join()
    late.embed(["after"])
    assert (counted.texts, counted.usage.input_tokens) == (2, 2)


def test_what_is_told_may_end_the_work() -> None:
    theirs = WordVectors()
    late = LateEmbedder(theirs.name, lambda: theirs)

    def told(texts: int) -> None:
        raise InterruptedError(f"after {texts}")

    with pytest.raises(InterruptedError, match="after 2"), counting(told):
        late.embed(["one", "two"])
