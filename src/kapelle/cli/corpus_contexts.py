"""`kapelle corpus contextualize`: have a model write where each passage of a corpus stands."""

import asyncio
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from kapelle.assemble import estimate_contexts, said_of_failed
from kapelle.cli.corpus_embed import agreed_to_pay
from kapelle.cli.corpus_progress import Counting
from kapelle.cli.corpus_show import found, money
from kapelle.cli.session import Common, err, opened, out, print_json, run_async, safe, say_notes
from kapelle.errors import BadInput
from kapelle.orchestrator import Orchestrator

if TYPE_CHECKING:
    from kapelle.evidence.contexts import ContextReport


def contextualize(
    name: str,
    /,
    *,
    model: str | None = None,
    anew: Annotated[bool, Parameter(negative=())] = False,
    off: Annotated[bool, Parameter(negative=())] = False,
    yes: Annotated[bool, Parameter(negative=())] = False,
    common: Common = Common(),
) -> int:
    """Have a model write where each passage of a corpus stands, and find it by that too; stop and go on as you like.

    What is added later is written of as well. What it would cost at most is said and asked first.

    Args:
        name: The corpus.
        model: Who writes, `provider:model`; else who did before, or KAPELLE_MODEL.
        anew: Write again of what has been written of.
        off: Take all of it out again, and write no more.
        yes: Do not ask.
    """
    if off and (anew or model is not None):
        raise BadInput("`--off` takes contexts out; `--model` and `--anew` have them written; say one of them")
    return run_async(_off(name, common) if off else _contextualize(name, model, anew, yes, common))


async def _off(name: str, common: Common) -> int:
    async with opened(common, notice=False) as house:
        found(house, name)
        removed = await house.remove_contexts(name)
    if common.json:
        print_json({"corpus": name, "documents": removed})
    else:
        out().print(f"{safe(name)}: {removed} documents are found by their own words again")
    return 0


async def _contextualize(name: str, model: str | None, anew: bool, yes: bool, common: Common) -> int:
    async with opened(common, notice=False) as house:
        chosen = model or found(house, name).contexts_by or house.settings.model
        if chosen is None:
            raise BadInput("contexts are written by a model; name one: --model openai:gpt-5-mini, or KAPELLE_MODEL")
        written = await write_of(house, name, chosen, anew=anew, yes=yes)
    if written is None:
        out().print("nothing was written")
        return 1
    say_notes(said_of_failed(written.failed))
    if common.json:
        print_json(written.model_dump(mode="json"))
    else:
        paid = f"; {written.usage.input_tokens + written.usage.output_tokens:,} tokens, {money(written.usage)}"
        out().print(
            f"{safe(name)}: {written.passages} passages have a context by {safe(written.model)}"
            + (paid if written.usage.requests else "; nothing was to be written")
        )
    return 1 if written.failed else 0


async def write_of(house: Orchestrator, name: str, model: str, *, anew: bool, yes: bool) -> "ContextReport | None":
    """Write contexts, if their price is agreed to; None where it is not."""
    estimate = await asyncio.to_thread(
        estimate_contexts, house.parts.index, house.settings, name, model, embedder=house.parts.embedder, anew=anew
    )
    what = f"Write of {estimate.texts:,} passages, at most {estimate.usage.requests:,} requests"
    if estimate.texts and not agreed_to_pay(what, estimate.usage, model, yes):
        return None
    try:
        with Counting(estimate.texts, "passages") as counting:
            return await house.contextualize(name, model=model, anew=anew, on_written=counting.add)
    except asyncio.CancelledError:
        err().print(f"interrupted; what is written stays: kapelle corpus contextualize {safe(name)}")
        raise KeyboardInterrupt from None
