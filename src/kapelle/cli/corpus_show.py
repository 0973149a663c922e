"""`kapelle corpus show | rm | stats`: look at what is in a corpus, and take it out."""

import sys
from collections import Counter
from typing import Annotated

from cyclopts import Parameter
from pydantic import BaseModel
from rich.table import Table

from kapelle.budget.model import Usage
from kapelle.cli.session import Common, opened, out, print_json, run_async, safe
from kapelle.errors import BadInput, NotFound
from kapelle.evidence.index import CollectionInfo, Index, Source
from kapelle.evidence.kinds import is_url, kind_of
from kapelle.evidence.load import FILE_SHA256
from kapelle.evidence.reindex import passages_of
from kapelle.orchestrator import Orchestrator

_MANY = 200
"""Documents that are listed at a terminal."""


def show(name: str, source: str | None = None, /, *, common: Common = Common()) -> int:
    """List the documents of a corpus, or the passages of one of them with their spans.

    Args:
        name: The corpus.
        source: One document, by its path or address.
    """
    return run_async(_show(name, source, common))


async def _show(name: str, source: str | None, common: Common) -> int:
    async with opened(common, notice=False) as house:
        index, owner = house.parts.index, house.settings.owner
        found(house, name)
        sources = index.sources(name, owner=owner)
        if source is None:
            _show_sources(name, sources, common)
        else:
            _show_passages(index, name, owner, one_of(sources, source, name), common)
    return 0


def found(house: Orchestrator, name: str) -> CollectionInfo:
    """A corpus by its name.

    Raises:
        NotFound: there is none; the message names those there are.
    """
    known = house.parts.index.collections(owner=house.settings.owner)
    for one in known:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in known) or "none; add one with corpus add"
    raise NotFound(f"there is no corpus `{name}`; known: {names}")


def one_of(sources: list[Source], wanted: str, name: str) -> Source:
    """A source by its name.

    Raises:
        NotFound: there is none.
    """
    for one in sources:
        if one.source == wanted:
            return one
    raise NotFound(f"corpus `{name}` has no document `{wanted}`; `kapelle corpus show {name}` lists them")


def _show_sources(name: str, sources: list[Source], common: Common) -> None:
    if common.json:
        rows = [{**one.model_dump(mode="json"), "kind": kind_of(one.source)} for one in sources]
        print_json({"corpus": name, "documents": rows})
        return
    table = Table(box=None, pad_edge=False)
    for column in ("source", "title", "kind", "version"):
        table.add_column(column, header_style="dim", overflow="fold")
    shown = sources[:_MANY] if sys.stdout.isatty() else sources
    for one in shown:
        table.add_row(safe(one.source), safe(one.title), kind_of(one.source), one.sha256[:12])
    out().print(table)
    if len(shown) < len(sources):
        out().print(f"... and {len(sources) - len(shown)} more (--json lists all)", style="dim")


def _show_passages(index: Index, name: str, owner: str, source: Source, common: Common) -> None:
    document = index.document(source.document, owner=owner)
    passages = passages_of(index, name, source.source, owner=owner)
    if common.json:
        kept = {"id", "start", "end", "section", "context", "text"}
        rows = [one.model_dump(mode="json", include=kept) for one in passages]
        print_json({**document.model_dump(mode="json", exclude={"text"}), "passages": rows})
        return
    converted = ", converted: offsets are those of the conversion" if document.converted else ""
    out().print(f"{safe(document.source)}: {safe(document.title)} ({len(document.text)} characters{converted})")
    for one in passages:
        out().print(f"\n{one.start}-{one.end}  {safe(one.section)}", style="cyan")
        if one.context:
            out().print(safe(one.context), style="dim")
        out().print(safe(one.text))


def rm(
    name: str, sources: list[str] | None = None, /, *, yes: Annotated[bool, Parameter(negative=())] = False,
    common: Common = Common(),
) -> int:  # fmt: skip
    """Take documents, or a whole corpus, out of the index; runs that cite them still read their texts.

    Texts that no run has read, and vectors, are deleted by `kapelle purge` a week later.

    Args:
        name: The corpus.
        sources: Documents of it, by path or address; none: all.
        yes: Do not ask.
    """
    return run_async(_rm(name, sources or [], yes, common))


async def _rm(name: str, wanted: list[str], yes: bool, common: Common) -> int:
    async with opened(common, notice=False) as house:
        index, owner = house.parts.index, house.settings.owner
        info = found(house, name)
        known = index.sources(name, owner=owner)
        for one in wanted:
            one_of(known, one, name)
        what = f"{len(set(wanted))} of {info.documents} documents" if wanted else f"all {info.documents} documents"
        if not yes and not agreed(f"Take {what} out of corpus `{name}`?"):
            out().print("nothing was removed")
            return 1
        removed = index.delete(name, owner=owner, sources=wanted or None)
    if common.json:
        print_json({"corpus": name, "removed": removed})
    else:
        out().print(f"{safe(name)}: {removed} removed")
    return 0


def money(usage: Usage) -> str:
    """Money, or that its price is not known."""
    return "at a price that is not known" if usage.usd is None else f"{usage.usd:.4f} US dollars"


def agreed(question: str) -> bool:
    """Ask at the terminal.

    Raises:
        BadInput: nobody can be asked here.
    """
    if not sys.stdin.isatty():
        raise BadInput(f"{question} Nobody can be asked here; say --yes")
    print(f"{safe(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


class CorpusStats(BaseModel):
    """What a corpus is made of."""

    name: str
    documents: int
    passages: int
    generation: int
    converted: int
    fetched: int
    superseding: int
    kinds: dict[str, int]
    embedder: str | None
    contexts_by: str | None
    """The model that writes where its passages stand."""
    answers_from: float | None
    """The confidence that it was calibrated to."""
    embedded: int
    """Texts that were embedded for it, or written of by a model, in all."""
    spent: Usage
    """What that took."""


def stats(name: str, /, *, common: Common = Common()) -> int:
    """Say what a corpus is made of.

    Args:
        name: The corpus.
    """
    return run_async(_stats(name, common))


async def _stats(name: str, common: Common) -> int:
    async with opened(common, notice=False) as house:
        info = found(house, name)
        sources = house.parts.index.sources(name, owner=house.settings.owner)
        costs = house.parts.ratings.costs(name, owner=house.settings.owner)
    made = CorpusStats(
        **info.model_dump(),
        converted=sum(FILE_SHA256 in one.meta for one in sources),
        fetched=sum(is_url(one.source) for one in sources),
        superseding=sum("supersedes" in one.meta for one in sources),
        embedded=sum(one.texts for one in costs),
        spent=sum((one.usage for one in costs), Usage()),
        kinds=dict(Counter(kind_of(one.source) for one in sources).most_common()),
    )
    if common.json:
        print_json(made.model_dump(mode="json"))
        return 0
    kinds = ", ".join(f"{number} {kind}" for kind, number in made.kinds.items())
    out().print(f"{safe(name)}: {made.documents} documents ({kinds}), {made.passages} passages")
    out().print(
        f"{made.converted} converted, {made.fetched} fetched, {made.superseding} superseding others; "
        f"generation {made.generation}"
    )
    vectors = f"vectors of {made.embedder}" if made.embedder else "no vectors: found by words"
    spent = f"; {made.embedded} embedded or written of, {made.spent.input_tokens} tokens" if costs else ""
    out().print(f"{vectors}{spent}" + (f", {money(made.spent)}" if made.spent.requests else ""))
    if made.contexts_by is not None:
        out().print(f"contexts by {safe(made.contexts_by)}")
    if made.answers_from is not None:
        out().print(f"calibrated: questions are answered from a confidence of {made.answers_from:.3f} on")
    return 0
