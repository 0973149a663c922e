"""`kapelle corpus calibrate`: from which confidence on a corpus's questions are answered."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kapelle.answer.calibrate import Calibration, calibrate
from kapelle.cli.corpus_progress import Counting
from kapelle.cli.corpus_show import found
from kapelle.cli.session import Common, opened, out, print_json, run_async, safe
from kapelle.errors import BadInput
from kapelle.evidence.measure.collection import Question, read_collection
from kapelle.evidence.measure.feedback import rated


def calibrate_answers(
    name: str,
    /,
    *,
    questions: Path | None = None,
    false: float = 0.1,
    reset: Annotated[bool, Parameter(negative=())] = False,
    common: Common = Common(),
) -> int:
    """Find from which confidence on a corpus's questions are answered, and keep it.

    Each judged question is asked as it is, and once more with the documents that answer it withheld; the threshold is
    where only a share of the latter is answered still.

    Args:
        name: The corpus.
        questions: A folder in BEIR's layout whose judged documents are sources of the corpus; else what people said
            of its results (`corpus rate`).
        false: The share of questions that may be answered without the documents that answer them.
        reset: Forget what was found before; questions are answered from 0.5 on again.
    """
    if reset and questions is not None:
        raise BadInput("`--reset` forgets the threshold, and `--questions` finds one; say one of them")
    return run_async(_reset(name, common) if reset else _calibrate(name, questions, false, common))


async def _reset(name: str, common: Common) -> int:
    async with opened(common, notice=False) as house:
        found(house, name)
        house.parts.index.calibrate(name, None, owner=house.settings.owner)
    if common.json:
        print_json({"corpus": name, "answers_from": None})
    else:
        out().print(f"{safe(name)}: questions are answered from a confidence of 0.5 on")
    return 0


async def _calibrate(name: str, folder: Path | None, false: float, common: Common) -> int:
    async with opened(common, notice=False) as house:
        index, owner = house.parts.index, house.settings.owner
        found(house, name)
        asked: tuple[Question, ...]
        if folder is not None:
            asked = read_collection(folder).questions
        else:
            asked = rated(name, house.parts.ratings.of(name, owner=owner)).questions
        with Counting(len(asked), f"questions of {name}") as counting:
            work = partial(calibrate, index, name, asked, owner=owner, false=false)
            made = await asyncio.to_thread(work, on_progress=lambda _: counting.add(1))
        index.calibrate(name, made.answers_from, owner=owner)
    if common.json:
        print_json({"corpus": name, **made.model_dump()})
    else:
        _say(name, made)
    return 0


def _say(name: str, made: Calibration) -> None:
    out().print(f"{safe(name)}: questions are answered from a confidence of {made.answers_from:.3f} on")
    out().print(
        f"of {made.questions} questions {made.answered:.0%} are answered (before: {made.answered_before:.0%}), and "
        f"{made.false:.0%} without the documents that answer them (before: {made.false_before:.0%})"
    )
