"""Measuring: by words, by vectors, by both, in two hops; other options against the defaults, in words."""

import json
from pathlib import Path

import pytest
from tests.embedders import WordVectors

from kapelle.assemble import index_in_memory
from kapelle.errors import BadInput
from kapelle.evidence.index import Index
from kapelle.evidence.measure.collection import TestCollection, read_collection
from kapelle.evidence.measure.scores import Difference
from kapelle.evidence.measure.ways import Measured, Place, bring, measure, missing, passes, read_changes, said

OWNER = "measure"
DOCUMENTS = {
    "d1": "Every employee has thirty days of vacation.",
    "d2": "The car park is behind the house.",
    "d3": "Bills are paid within ten days.",
    "d4": "An automobile of the company is for business.",
}
QUESTIONS = {"q1": ("holiday of employees", ["d1", "d2"]), "q2": ("vehicle of the company", ["d4", "d2"])}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tiny"
    made.mkdir()
    (made / "corpus.jsonl").write_text("".join(json.dumps({"_id": i, "text": t}) + "\n" for i, t in DOCUMENTS.items()))
    (made / "queries.jsonl").write_text(
        "".join(json.dumps({"_id": i, "text": text}) + "\n" for i, (text, _) in QUESTIONS.items())
    )
    (made / "qrels.tsv").write_text("".join(f"{i}\t{d}\t1\n" for i, (_, ds) in QUESTIONS.items() for d in ds))
    return made


def measured(index: Index, collection: TestCollection, *changes: str) -> Measured:
    bring(index, "tiny", collection, owner=OWNER, on_documents=lambda _: None)
    asked: list[int] = []
    place = Place(index, "tiny", OWNER, collection, on_question=lambda: asked.append(1))
    read = read_changes(list(changes))
    found = measure(place, read)
    assert len(asked) == passes(place, read) * len(collection.questions), "the progress would be wrong"
    return found


def test_every_way_and_every_change_is_measured(folder: Path) -> None:
    collection = read_collection(folder)
    found = measured(index_in_memory(WordVectors()), collection, "pool=1", "legs=words")
    assert found.vectors is not None and found.both is not None and found.two_hop is not None
    assert found.vectors.ndcg10 > found.words.ndcg10  # what is meant is said in other words
    assert 0 <= found.two_hop.both5 <= 1
    assert [change.set for change in found.changes] == ["pool=1", "legs=words"]
    assert found.changes[1].scores.ndcg10 == found.words.ndcg10
    assert found.note == ""


def test_without_vectors_words_alone_are_measured_and_the_remedy_is_told(folder: Path) -> None:
    found = measured(index_in_memory(None, "fetch something"), read_collection(folder))
    assert (found.vectors, found.both) == (None, None)
    assert "fetch something" in found.note


def test_what_is_there_is_not_embedded_again_and_what_is_gone_goes(folder: Path) -> None:
    embedder = WordVectors()
    index, collection = index_in_memory(embedder), read_collection(folder)
    bring(index, "tiny", collection, owner=OWNER, on_documents=lambda _: None)
    assert missing(index, "tiny", collection, owner=OWNER) == []
    embedder.asked.clear()
    fewer = collection.model_copy(update={"documents": collection.documents[1:]})
    bring(index, "tiny", fewer, owner=OWNER, on_documents=lambda _: None)
    assert embedder.asked == []
    assert [one.source for one in index.sources("tiny", owner=OWNER)] == ["d2", "d3", "d4"]


REFUSED = [
    ("pool", "field=value"),
    ("pools=3", "legs, fusion"),
    ("pool=many", "--set pool=many"),
    ("hops=3", "--set hops=3"),
    ("fusion=sum", "--set fusion=sum"),
]


@pytest.mark.parametrize(("given", "why"), REFUSED)
def test_a_change_that_is_none_is_refused_by_its_name(given: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        read_changes([given])


def test_a_change_is_read_as_what_its_field_is() -> None:
    read = read_changes(["hops=2", "vector_share=0.3", "fusion=rrf"])
    assert (read["hops=2"].hops, read["vector_share=0.3"].vector_share, read["fusion=rrf"].fusion) == (2, 0.3, "rrf")


SAID = [
    (Difference(ndcg10=0.01, p=0.31, better=12, worse=9), "no difference that chance would not make, p = 0.31; 12 "),
    (Difference(ndcg10=0.0131, p=0.004, better=12, worse=2), "better by 0.0131 nDCG@10, p = 0.0040; 12 questions"),
    (Difference(ndcg10=-0.2, p=0.0, better=0, worse=5), "worse by 0.20 nDCG@10, p = 0.0000; 0 questions better, 5"),
    (Difference(ndcg10=0.0, p=1.0, better=0, worse=0), "ranks alike"),
]


@pytest.mark.parametrize(("difference", "words"), SAID)
def test_a_difference_is_told_in_words(difference: Difference, words: str) -> None:
    assert said(difference).startswith(words)
