"""The threshold of a collection: what it answers and what it leaves, held on the questions it was found with."""

import pytest
from tests.embedders import WordVectors

from kapelle.answer.answerable import ANSWERABLE
from kapelle.answer.calibrate import Calibration, calibrate
from kapelle.answer.extract import compose_extractive
from kapelle.errors import BadInput
from kapelle.evidence.index import Index
from kapelle.evidence.index_sqlite import memory_index
from kapelle.evidence.load import document_of
from kapelle.evidence.measure.collection import Question
from kapelle.evidence.search import search
from kapelle.evidence.vectors_sqlite import SqliteVectors

OWNER = "acme/ann"
KEPT = {"invoices": "ten", "receipts": "two", "contracts": "thirty", "letters": "six", "payrolls": "eight"}
DOCUMENTS = [document_of(f"{what}.md", f"# {what}\n\nWe keep {what} for {n} years.\n") for what, n in KEPT.items()]
QUESTIONS = [Question(id=what, text=f"How long do we keep {what}?", relevant={f"{what}.md": 1}) for what in KEPT] * 2

GONE = Question(id="x", text="Who?", relevant={"gone.md": 1})


def held(*, vectors: bool) -> Index:
    index = memory_index(SqliteVectors(WordVectors()) if vectors else None)
    index.put("rules", DOCUMENTS, owner=OWNER)
    return index


def made(index: Index, **options: float) -> Calibration:
    return calibrate(index, "rules", QUESTIONS, owner=OWNER, **options)


@pytest.mark.parametrize("vectors", [False, True])
@pytest.mark.parametrize("false", [0.1, 0.4])
def test_no_more_are_answered_falsely_than_was_allowed(vectors: bool, false: float) -> None:
    found = made(held(vectors=vectors), false=false)
    assert found.questions == len(QUESTIONS)
    assert found.false <= false
    assert 0 < found.answers_from < 1
    assert found.answered >= found.answered_before or found.false_before > false


def test_a_searchs_answer_abstains_below_its_collections_threshold() -> None:
    index = held(vectors=False)
    texts = {(one.source, one.sha256): one.text for one in DOCUMENTS}

    def answered() -> bool:
        found = search(index, ["rules"], "How long do we keep invoices?", owner=OWNER)
        return compose_extractive(
            found.query, found.hits, texts, weights=found.weights, answers_from=found.answers_from
        ).found

    assert answered()
    index.calibrate("rules", 0.9999, owner=OWNER)
    assert not answered()
    index.calibrate("rules", made(index).answers_from, owner=OWNER)
    assert answered()
    index.calibrate("rules", None, owner=OWNER)
    assert search(index, ["rules"], "invoices", owner=OWNER).answers_from is None


def test_what_a_calibration_says_of_before_is_at_the_shipped_threshold() -> None:
    index = held(vectors=False)
    found = made(index)
    assert ANSWERABLE == 0.5
    index.calibrate("rules", 0.9999, owner=OWNER)
    assert made(index) == found, "the threshold found does not depend on the one that is set"


@pytest.mark.parametrize(
    ("questions", "false", "why"),
    [
        (QUESTIONS, 0.0, "above 0 and below 1"),
        (QUESTIONS, 1.0, "above 0 and below 1"),
        (QUESTIONS, 0.01, "100 or more"),
        (QUESTIONS[:9], 0.1, "10 or more"),
        ([*QUESTIONS[:9], GONE], 0.1, "9 questions .* 10 or more"),
        ([GONE] * 10, 0.1, "gone.md"),
    ],
)
def test_what_says_nothing_is_refused(questions: list[Question], false: float, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        calibrate(held(vectors=False), "rules", questions, owner=OWNER, false=false)
