"""Perform an answer step: by a model where the task names one, else by quoting; what fell back is told."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from pydantic import JsonValue

from kapelle.answer.model import Candidate
from kapelle.budget.model import Budget, Usage
from kapelle.errors import ModelUnavailable
from kapelle.evidence.index import Index
from kapelle.evidence.model import Passage
from kapelle.run.model import NewEvent
from kapelle.run.outcome import Circumstances, Outcome
from kapelle.run.telling import Phase, phase_event
from kapelle.run.write_answer import Asked, asked_of, write_answer

Texts: TypeAlias = Mapping[tuple[str, str], str]
Checking: TypeAlias = Callable[[int], None]
"""Told how many claims are about to be checked."""
ModelAnswer: TypeAlias = Callable[[str, str, Sequence[Passage], Texts, Budget, int, Checking], Awaitable[Candidate]]
"""Answers a question by a model of that name, from hits and their stored texts, within a budget for so many answers."""


async def answer(
    inputs: Mapping[str, JsonValue],
    about: Circumstances,
    *,
    path: str,
    missing: Sequence[str],
    index: Index,
    by_model: ModelAnswer | None,
) -> Outcome:
    """Answer what was searched for by the task's model, and everything else as `write_answer` does.

    Raises:
        BudgetExceeded: the model's answer might cost more than the task allows; nothing was sent.
        MissingExtra: what the model needs is not installed.
    """
    model = about.task.model
    asked = asked_of(inputs, about)
    tell = partial(_tell, about, path)
    if sources := dict.fromkeys(hit.source for one in asked for hit in one.hits):
        tell("reading", sources=list(sources), passages=sum(len(one.hits) for one in asked))
    notes: list[NewEvent] = []
    answers: list[Candidate] | None = None
    if model and by_model and any(one.hits for one in asked):
        await about.clearance()
        try:
            answers = [await _by_model(by_model, model, one, len(asked), about, tell) for one in asked]
        except ModelUnavailable as error:
            data: dict[str, JsonValue] = {"from": model, "to": "quotes", "why": str(error)}
            notes.append(NewEvent(kind="fallback", data=data))
    if answers is None and asked:
        tell("writing", by="quotes")
    outcome = await _written(inputs, about, missing, index, answers)
    outcome.notes.extend(notes)
    if answers is not None:
        outcome.usage = sum((one.usage for one in answers), Usage())
        outcome.route = model or ""
    elif notes:
        outcome.route = "fallback:quotes"
    return outcome


def _tell(about: Circumstances, path: str, phase: Phase, **data: JsonValue) -> None:
    about.tell(phase_event(phase, **data).model_copy(update={"path": path, "execution": about.execution}))


async def _by_model(
    by_model: ModelAnswer, model: str, asked: Asked, count: int, about: Circumstances, tell: Callable[..., None]
) -> Candidate:
    tell("writing", by=model)
    texts = {key: document.text for key, document in about.texts.items()}

    def checking(claims: int) -> None:
        tell("checking", claims=claims)

    return await by_model(model, asked.question, asked.hits, texts, about.task.budget, count, checking)


async def _written(
    inputs: Mapping[str, JsonValue],
    about: Circumstances,
    missing: Sequence[str],
    index: Index,
    answers: Sequence[Candidate] | None,
) -> Outcome:
    if index.embedder is None or answers is not None:
        return write_answer(inputs, about, missing=missing, answers=answers)
    # An embedder that looks at sentences takes its time; a thread keeps the other steps of the run going.
    write = partial(write_answer, inputs, about, missing=missing)
    try:
        return await asyncio.to_thread(write, look=index.look)
    except ModelUnavailable as error:
        outcome = write()
        data: dict[str, JsonValue] = {"from": index.embedder, "to": "words", "why": str(error)}
        outcome.notes.append(NewEvent(kind="fallback", data=data))
        return outcome
