"""`kapelle corpus search`: find passages, and say on request what every part of every score is."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import JsonValue
from rich.table import Table
from rich.text import Text

from kapelle.cli.corpus_show import money
from kapelle.cli.session import Common, opened, out, print_json, run_async, safe, say_notes
from kapelle.cli.snippet import snippet
from kapelle.cli.typed import json_or_text
from kapelle.errors import BadInput, NotFound
from kapelle.evidence.index import Filters
from kapelle.evidence.model import Passage
from kapelle.evidence.options import MOST_FOLLOWED, MOST_FOUND, SearchOptions
from kapelle.evidence.search import SearchResult

_FILTER = re.compile(r"([^<>=]+?)\s*(>=|<=|=|>|<)\s*(.*)", re.DOTALL)
_BOUNDS = {">=": "ge", "<=": "le", ">": "gt", "<": "lt"}
_PARTS = {
    "score": "score",
    "bm25": "bm25",
    "words": "of best",
    "cosine": "cosine",
    "floor": "from",
    "vectors": "of best",
    "named": "named",
    "hop": "hop",
    "merged": "merged",
    "rerank": "graded",
    "relevance": "covers",
}


@dataclass(frozen=True, slots=True)
class _Asked:
    words: str
    corpus: str | None
    k: int
    filters: Filters | None
    options: SearchOptions
    model: str | None
    explain: bool


def search(
    *query: str,
    corpus: str | None = None,
    k: int = 5,
    filter: Annotated[list[str], Parameter(negative=())] = [],  # noqa: B006  # cyclopts copies it
    words: Annotated[bool, Parameter(negative=())] = False,
    vectors: Annotated[bool, Parameter(negative=())] = False,
    hops: Literal[1, 2] = 1,
    wordings: Annotated[bool, Parameter(negative=())] = False,
    follow: int = 0,
    rerank: Annotated[bool, Parameter(negative=())] = False,
    model: str | None = None,
    explain: Annotated[bool, Parameter(negative=())] = False,
    common: Common = Common(),
) -> int:
    """Search the corpora in the index, by words and by meaning.

    Args:
        query: What to look for.
        corpus: Only this one.
        k: At most so many passages.
        filter: Only documents that say so: `service=billing`, `year>=2024`, `source=a.md`; the value may be JSON.
        words: By words only.
        vectors: By meaning only.
        hops: 2 also searches for what the best passages lead to.
        wordings: Have a model say it in other words, and search for these too.
        follow: So many times (up to 3) have a model say what is missing, and search for it.
        rerank: Have a model grade the best thirty passages, and rank by that.
        model: The model that is asked, `provider:model`; else KAPELLE_MODEL.
        explain: Say what every score is made of.
    """
    text = " ".join(query)
    if not text:
        raise BadInput('say what to look for: kapelle corpus search "invoices"')
    if not 1 <= k <= MOST_FOUND:
        raise BadInput(f"`--k {k}`: expected a whole number from 1 to {MOST_FOUND}")
    if words and vectors:
        raise BadInput("`--words` and `--vectors` exclude each other; without either both are used")
    if not 0 <= follow <= MOST_FOLLOWED:
        raise BadInput(f"`--follow {follow}`: expected 0 to {MOST_FOLLOWED}")
    legs: Literal["words", "vectors", "hybrid"] = "words" if words else "vectors" if vectors else "hybrid"
    options = SearchOptions(legs=legs, hops=hops, wordings=wordings, follow=follow, rerank=rerank)
    return run_async(_search(_Asked(text, corpus, k, read_filters(filter), options, model, explain), common))


def read_filters(given: list[str]) -> Filters | None:
    """Filters of their text; several values of one field are alternatives, several bounds all hold.

    Raises:
        BadInput: one is not `field=value`, or a field has both a value and a bound.
    """
    values: dict[str, list[JsonValue]] = {}
    bounds: dict[str, dict[str, JsonValue]] = {}
    for one in given:
        parts = _FILTER.fullmatch(one.strip())
        if parts is None:
            raise BadInput(f"`--filter`: expected field=value, field>=value or field<=value, not {one!r}")
        field, sign, value = parts.groups()
        if sign == "=":
            values.setdefault(field, []).append(json_or_text(value))
        else:
            bounds.setdefault(field, {})[_BOUNDS[sign]] = json_or_text(value)
    if both := sorted(values.keys() & bounds.keys()):
        raise BadInput(f"`--filter`: `{both[0]}` has a value and a bound; give one of them")
    found: dict[str, JsonValue] = {field: some if len(some) > 1 else some[0] for field, some in values.items()}
    return {**found, **bounds} or None


async def _search(asked: _Asked, common: Common) -> int:
    async with opened(common) as house:
        index, owner = house.parts.index, house.settings.owner
        known = [one.name for one in index.collections(owner=owner)]
        if asked.corpus is not None and asked.corpus not in known:
            raise NotFound(
                f"there is no corpus `{asked.corpus}`; known: {', '.join(known) or 'none; add one with corpus add'}"
            )
        names = [asked.corpus] if asked.corpus else known
        found = await house.search(
            asked.words,
            *names,
            k=asked.k,
            filters=asked.filters,
            options=asked.options,
            model=asked.model,
            fresh=False,
        )
    say_notes(found.note)
    if common.json:
        print_json(found.model_dump(mode="json"))
        return 0
    _say_hits(found)
    if asked.explain:
        _explain(found, asked.options)
    if found.usage.requests:
        out().print(f"{found.usage.requests} requests to a model, {money(found.usage)}", style="dim")
    if found.recommend_fallback:
        out().print(found.fallback_reason, style="yellow")
    return 0


def _say_hits(found: SearchResult) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(style="dim", overflow="fold", max_width=40)
    table.add_column(overflow="fold")
    for hit in found.hits:
        table.add_row(f"{hit.scores.get('score', 0):.2f}", safe(_place(hit)), snippet(safe(hit.text), found.weights))
    out().print(table)


def _place(hit: Passage) -> str:
    return f"{hit.source}:{hit.start}-{hit.end}"


def _explain(found: SearchResult, options: SearchOptions) -> None:
    parts = [part for part in _PARTS if any(part in hit.scores for hit in found.hits)]
    table = Table(box=None, pad_edge=False)
    table.add_column("passage", header_style="dim", overflow="fold", max_width=44)
    for part in parts:
        table.add_column(_PARTS[part], header_style="dim", justify="right", no_wrap=True)
    for hit in found.hits:
        cells = [f"{hit.scores[part]:.3f}" if part in hit.scores else "" for part in parts]
        table.add_row(safe(_place(hit)), *cells)
    out().print()
    out().print(table)
    out().print(Text(_formula(options, parts), style="dim"))
    weights = sorted(found.weights.items(), key=lambda one: -one[1])
    told = ", ".join(f"{word} {weight:.2f}" for word, weight in weights)
    out().print(Text(f"covers: how much of what was asked a passage holds; its words by weight: {safe(told)}", "dim"))
    if found.queries:
        out().print(Text(f"searched for as well: {safe('; '.join(found.queries))}", "dim"))
    if found.expanded:
        out().print(Text(f"looked for as well: {safe(', '.join(found.expanded))}", "dim"))
    out().print(Text(f"confidence {found.confidence:.2f}", "dim"))


def _formula(options: SearchOptions, parts: Collection[str]) -> str:
    if "rerank" in parts:
        return "score = graded, 0 to 1, by the model"
    if "merged" in parts:
        return "score = merged: the mean of 61 / (60 + rank) over all that was searched for"
    if "cosine" not in parts:
        return "score = bm25 + what was added for being named"
    if options.legs == "vectors":
        return "score = (cosine - from) / (best cosine - from) + named + hop"
    share = options.vector_share
    return (
        f"score = {1 - share:g} x bm25 / best bm25 + {share:g} x (cosine - from) / (best cosine - from) + named + hop; "
        "from: the cosine that says nothing in this corpus"
    )
