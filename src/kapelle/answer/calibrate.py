"""Find from which confidence on a collection's questions are to be answered, by questions somebody has judged."""

import math
from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict

from kapelle.answer.answerable import ANSWERABLE
from kapelle.answer.extract import judge_sentences
from kapelle.errors import BadInput
from kapelle.evidence.index import Index
from kapelle.evidence.measure.collection import Question
from kapelle.evidence.search import search

_DEEP = 50
"""Passages found, so that some are left without those of the relevant documents."""


class Calibration(BaseModel):
    """A threshold, and what it does to the questions it was found with."""

    model_config = ConfigDict(frozen=True)

    questions: int
    answers_from: float
    """The confidence from which a question is answered, 0..1."""
    answered: float
    """The share of questions that are answered when their documents are there."""
    false: float
    """The share that is answered when their documents are withheld."""
    answered_before: float
    """The same two at the threshold of a collection that was never calibrated."""
    false_before: float


def calibrate(
    index: Index,
    collection: str,
    questions: Sequence[Question],
    *,
    owner: str,
    false: float = 0.1,
    on_progress: Callable[[int], None] | None = None,
) -> Calibration:
    """Choose a threshold at which at most a share `false` of questions is answered without their documents.

    Each question is judged twice: as it is, and with the passages of its relevant documents left out of what was
    found, when every answer would be a false one.

    Args:
        questions: their `relevant` are sources of the collection; one that has none of its own there is left out.
        false: the share that may be answered falsely, above 0 and below 1.

    Raises:
        BadInput: `false` is no such share, the collection holds no question's documents, or so few questions say
            nothing of so small a share.
    """
    asked = _usable(index, collection, questions, false, owner)
    sure, unsure = [], []
    look = index.look if index.embedder else None
    for number, question in enumerate(asked, 1):
        found = search(index, [collection], question.text, owner=owner, k=_DEEP)
        others = [hit for hit in found.hits if hit.source not in question.relevant]
        sure.append(judge_sentences(question.text, found.hits, found.weights, look=look)[1])
        unsure.append(judge_sentences(question.text, others, found.weights, look=look)[1])
        if on_progress:
            on_progress(number)
    threshold = _between(sure, unsure, false)
    return Calibration(
        questions=len(asked),
        answers_from=threshold,
        answered=_share(sure, threshold),
        false=_share(unsure, threshold),
        answered_before=_share(sure, ANSWERABLE),
        false_before=_share(unsure, ANSWERABLE),
    )


def _usable(index: Index, collection: str, questions: Sequence[Question], false: float, owner: str) -> list[Question]:
    """The questions whose documents are there, enough of them to tell the share."""
    if not 0 < false < 1:
        raise BadInput(f"`false`: expected a share above 0 and below 1, not {false:g}")
    known = {source.source for source in index.sources(collection, owner=owner)}
    asked = [question for question in questions if question.relevant.keys() & known]
    if questions and not asked:
        named = ", ".join(sorted(questions[0].relevant)[:3])
        raise BadInput(f"corpus `{collection}` holds none of the documents that are to answer, such as {named}")
    if len(asked) < math.ceil(1 / false):
        raise BadInput(
            f"{len(asked)} questions cannot tell a share of {false:g}: {math.ceil(1 / false)} or more are needed "
            f"(kapelle corpus rate QUERY SOURCE up), or a larger share"
        )
    return asked


def _between(sure: Sequence[float], unsure: Sequence[float], false: float) -> float:
    """The lowest threshold, with as much room to either side as these questions leave.

    Between the surest of those that must stay unanswered and the next that is answered any does the same to them.
    """
    highest = sorted(unsure, reverse=True)[math.floor(len(unsure) * false)]
    above = min((value for value in (*sure, *unsure) if value > highest), default=1.0)
    return (highest + above) / 2


def _share(values: Sequence[float], threshold: float) -> float:
    return round(sum(value >= threshold for value in values) / len(values), 4)
