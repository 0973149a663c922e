"""`kapelle corpus rate | ratings`: say whether a result helps, and list or export what was said."""

import re
from pathlib import Path
from typing import Literal

from rich.table import Table

from kapelle.cli.corpus_show import found
from kapelle.cli.session import Common, opened, out, print_json, run_async, safe
from kapelle.errors import BadInput, NotFound
from kapelle.evidence.index import Index
from kapelle.evidence.measure.export import write_collection
from kapelle.evidence.ratings import judged
from kapelle.evidence.search import search
from kapelle.orchestrator import Orchestrator

_SPAN = re.compile(r"(.+):(\d+)-(\d+)")
_DEEP = 100
"""Hits among which a passage's id is looked for."""


def rate(
    query: str,
    result: str,
    vote: Literal["up", "down"],
    /,
    *,
    corpus: str | None = None,
    by: str | None = None,
    common: Common = Common(),
) -> int:
    """Say whether what a search found helps; `corpus measure NAME --feedback` judges searches by it.

    Args:
        query: What was searched for.
        result: What was found: a source, `source:start-end` as `corpus search` shows it, or a passage's id.
        vote: up or down; your newest on a result counts.
        corpus: Where it was found, when several hold the source.
        by: Who says so; else this user.
    """
    return run_async(_rate(query, result, vote, corpus, by, common))


async def _rate(
    query: str, result: str, vote: Literal["up", "down"], corpus: str | None, by: str | None, common: Common
) -> int:
    async with opened(common, notice=False) as house:
        if corpus is not None:
            found(house, corpus)
        name, source, span = _meant(house, query, result, corpus)
        rating = await house.rate(query, source, vote, corpus=name, span=span, by=by)
    if common.json:
        print_json(rating.model_dump(mode="json"))
    else:
        out().print(f"{safe(name)}: {safe(result)} is thumbs {vote} for {safe(rating.query)!r}")
    return 0


def _meant(house: Orchestrator, query: str, result: str, corpus: str | None) -> tuple[str, str, tuple[int, int] | None]:
    """Corpus, source and span of what was named."""
    index, owner = house.parts.index, house.settings.owner
    names = [corpus] if corpus else [one.name for one in index.collections(owner=owner)]
    holding = {name: {one.source for one in index.sources(name, owner=owner)} for name in names}
    part = _SPAN.fullmatch(result)
    for source, span in (
        (result, None),
        *([(part.group(1), (int(part.group(2)), int(part.group(3))))] if part else []),
    ):
        at = [name for name, sources in holding.items() if source in sources]
        if len(at) > 1:
            raise BadInput(f"`{source}` is in several corpora ({', '.join(at)}); say which by --corpus")
        if at:
            return at[0], source, span
    return _by_id(index, names, query, result, owner)


def _by_id(index: Index, names: list[str], query: str, id: str, owner: str) -> tuple[str, str, tuple[int, int]]:
    for name in names:
        for hit in search(index, [name], query, owner=owner, k=_DEEP).hits:
            if hit.id == id:
                return name, hit.source, (hit.start, hit.end)
    raise NotFound(
        f"`{id}` is no source and no passage that this query finds; name one as `kapelle corpus search` shows it: "
        "source, or source:start-end"
    )


def ratings(name: str, /, *, export: Path | None = None, common: Common = Common()) -> int:
    """List what people said of a corpus's search results.

    Args:
        name: The corpus.
        export: A folder to write documents, queries and judgements to, in BEIR's layout.
    """
    return run_async(_ratings(name, export, common))


async def _ratings(name: str, export: Path | None, common: Common) -> int:
    async with opened(common, notice=False) as house:
        index, owner = house.parts.index, house.settings.owner
        known = house.parts.ratings.of(name, owner=owner)
        if not known:
            found(house, name)
        judgements = judged(known)
        if export is not None:
            documents = (index.document(one.document, owner=owner) for one in index.sources(name, owner=owner))
            write_collection(export, documents, judgements)
    if common.json:
        print_json({"corpus": name, "ratings": [one.model_dump(mode="json") for one in known]})
        return 0
    table = Table(box=None, pad_edge=False)
    for column in ("query", "result", "vote", "by", "at"):
        table.add_column(column, header_style="dim", overflow="fold")
    for one in known:
        place = one.source if one.start is None else f"{one.source}:{one.start}-{one.end}"
        table.add_row(safe(one.query), safe(place), one.vote, safe(one.by), f"{one.at:%Y-%m-%d %H:%M}")
    out().print(table)
    if not known:
        out().print('nobody has said anything yet: kapelle corpus rate "QUERY" SOURCE up')
    if export is not None:
        out().print(f"wrote {len(judgements)} judged queries to {export}; try: kapelle corpus measure {export}")
    return 0
