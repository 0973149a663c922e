"""`kapelle corpus measure`: how good search is, on public test collections or on what people said of one's own."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from kapelle.assemble import (
    embedder_of,
    estimate_contexts,
    find_by_model,
    most_of,
    said_of_failed,
    scratch_index,
    write_contexts,
)
from kapelle.budget.model import Budget, Usage
from kapelle.cli.corpus_embed import agreed_to_pay, allowed
from kapelle.cli.corpus_progress import Counting
from kapelle.cli.corpus_show import found
from kapelle.cli.session import Common, opened, out, print_json, run_async, safe, say_notes, settings_of
from kapelle.errors import BadInput
from kapelle.evidence.index import Index
from kapelle.evidence.measure.collection import TestCollection, is_collection, read_collection
from kapelle.evidence.measure.feedback import rated
from kapelle.evidence.measure.scores import Scores
from kapelle.evidence.measure.ways import Measured, Place, bring, measure, missing, passes, read_changes
from kapelle.evidence.options import NO_MODEL, SearchOptions
from kapelle.evidence.ratings import memory_ratings
from kapelle.evidence.reindex import Estimate
from kapelle.settings import Settings

_OWNER = "measure"
"""Of what is in the scratch index."""
_OF_CORPUS = 300
"""Passages asked for where documents have several, so that 100 documents come of them."""
Changes = Mapping[str, SearchOptions]


def measure_search(
    target: str,
    /,
    *,
    set: Annotated[list[str], Parameter(negative=())] = [],  # noqa: B006  # cyclopts copies it
    feedback: Annotated[bool, Parameter(negative=())] = False,
    model: str | None = None,
    contexts: Annotated[bool, Parameter(negative=())] = False,
    yes: Annotated[bool, Parameter(negative=())] = False,
    common: Common = Common(),
) -> int:
    """Measure search: nDCG@10, recall@100, MRR@10, P@5 and time, by words, by vectors, by both, and in two hops.

    A folder is brought into an index of its own in KAPELLE_HOME; vectors are kept, so that a second time only searches.

    Args:
        target: A folder in BEIR's layout (corpus.jsonl, queries.jsonl, qrels.tsv), or of such folders; with --feedback
            a corpus of your own.
        set: Another choice of search, such as `pool=200` or `fusion=rrf`, held against the defaults; repeatable.
        feedback: Judge a corpus of your own by what people said (`corpus rate`).
        model: The model that `--set rerank=true`, `wordings=true`, `follow=2` and `--contexts` ask; else KAPELLE_MODEL.
        contexts: Hold the collection with contexts by the model (`corpus contextualize`) against it as it is.
        yes: Do not ask before a provider is paid.
    """
    asked = _Asked(read_changes(set), model, contexts, yes, common)
    if feedback and contexts:
        raise BadInput("`--contexts` is measured on a folder; a corpus of your own has them or has them not")
    if feedback:
        return run_async(_of_feedback(target, asked))
    return _of_folders(_collections(Path(target)), asked)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command was asked for."""

    changes: Changes
    model: str | None
    contexts: bool
    yes: bool
    common: Common

    def named(self, settings: Settings) -> str:
        """The model.

        Raises:
            BadInput: none is named.
        """
        name = self.model or settings.model
        if name is None:
            raise BadInput(NO_MODEL)
        return name

    def helped(self, place: Place, settings: Settings) -> Place | None:
        """The place with a model to help, where a change asks for one; None where nobody wants to pay for it."""
        wanted = [options for options in self.changes.values() if options.asks_a_model]
        if not wanted:
            return place
        name = self.named(settings)
        questions = len(place.collection.questions)
        most = sum((most_of(settings, name, options) for options in wanted), Usage()) * questions
        what = f"Ask for {questions} questions up to {most.requests:,} times"
        if not agreed_to_pay(what, most, name, self.yes):
            return None
        return replace(place, by_model=partial(find_by_model, settings, name, budget=Budget()))


def _collections(folder: Path) -> list[Path]:
    """The folder itself, or those in it, that hold a test collection.

    Raises:
        BadInput: there is none.
    """
    if is_collection(folder):
        return [folder]
    inside = sorted(one for one in folder.iterdir() if is_collection(one)) if folder.is_dir() else []
    if not inside:
        raise BadInput(
            f"`{folder}` holds no corpus.jsonl, queries.jsonl and qrels.tsv (or qrels/test.tsv), nor does a folder in "
            "it; a corpus of your own is measured by its name with --feedback"
        )
    return inside


def _of_folders(folders: list[Path], asked: _Asked) -> int:
    settings = settings_of(asked.common)
    results: dict[str, Measured] = {}
    with scratch_index(settings) as index:
        for folder in folders:
            collection = read_collection(folder)
            if not _bring(index, _name(folder), collection, settings, asked.yes):
                out().print("nothing was embedded, nothing measured")
                return 1
            place = asked.helped(Place(index, _name(folder), _OWNER, collection), settings)
            if place is None:
                out().print("nothing was asked, nothing measured")
                return 1
            others = _with_contexts(place, asked, settings)
            if others is None:
                out().print("nothing was written, nothing measured")
                return 1
            results[collection.name] = _measure(place, asked.changes, others)
    _tell(results, asked.common)
    return 0


def _name(folder: Path) -> str:
    # Two folders of one name are two collections.
    return f"{folder.resolve().name}-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]}"


def _bring(index: Index, name: str, collection: TestCollection, settings: Settings, yes: bool) -> bool:
    """Bring a collection in; False where nobody wants to pay for it."""
    embedder = embedder_of(settings)
    texts = missing(index, name, collection, owner=_OWNER) if embedder else []
    if embedder and not allowed(Estimate(len(texts), embedder.estimate(texts)), embedder, yes):
        return False
    with Counting(len(collection.documents), f"documents of {collection.name}") as counting:
        bring(index, name, collection, owner=_OWNER, on_documents=counting.add)
    return True


def _with_contexts(place: Place, asked: _Asked, settings: Settings) -> dict[str, Place] | None:
    """The collection once more, with contexts, where that is asked for; None where nobody wants to pay for them."""
    if not asked.contexts:
        return {}
    model, other = asked.named(settings), replace(place, name=f"{place.name}-contexts")
    if not _bring(place.index, other.name, place.collection, settings, asked.yes):
        return None
    scratch = settings.model_copy(update={"owner": _OWNER})
    estimate = estimate_contexts(place.index, scratch, other.name, model, embedder=embedder_of(settings))
    what = f"Write of {estimate.texts:,} documents, at most {estimate.usage.requests:,} requests"
    if estimate.texts and not agreed_to_pay(what, estimate.usage, model, asked.yes):
        return None
    with Counting(estimate.texts, f"contexts of {place.collection.name}") as counting:
        work = write_contexts(place.index, memory_ratings(), scratch, other.name, model, on_written=counting.add)
        say_notes(said_of_failed(asyncio.run(work).failed))
    return {f"contexts by {model}": other}


def _measure(place: Place, changes: Changes, others: Mapping[str, Place] = {}) -> Measured:
    asked = len(place.collection.questions) * (passes(place, changes) + len(others))
    with Counting(asked, f"searches of {place.collection.name}") as counting:
        tell = partial(counting.add, 1)
        return measure(place.telling(tell), changes, {name: one.telling(tell) for name, one in others.items()})


async def _of_feedback(name: str, asked: _Asked) -> int:
    async with opened(asked.common, notice=False) as house:
        index, owner = house.parts.index, house.settings.owner
        found(house, name)
        collection = rated(name, house.parts.ratings.of(name, owner=owner))
        place = asked.helped(Place(index, name, owner, collection, passages=_OF_CORPUS), house.settings)
        if place is None:
            out().print("nothing was asked, nothing measured")
            return 1
        measured = await asyncio.to_thread(_measure, place, asked.changes)
    _tell({name: measured}, asked.common)
    return 0


def _tell(results: Mapping[str, Measured], common: Common) -> None:
    say_notes(*(one.note for one in results.values()))
    if common.json:
        print_json({name: one.model_dump(mode="json") for name, one in results.items()})
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("collection", header_style="dim", overflow="fold")
    table.add_column("search", header_style="dim", overflow="fold")
    for column in ("nDCG@10", "R@100", "MRR@10", "P@5", "p50 ms", "p95 ms"):
        table.add_column(column, header_style="dim", justify="right", no_wrap=True)
    for name, one in results.items():
        for way, scores in _rows(one):
            table.add_row(safe(name), way, *_cells(scores))
    out().print(table)
    for name, one in results.items():
        _say(name, one)


def _rows(one: Measured) -> list[tuple[str, Scores]]:
    ways = {"words": one.words, "vectors": one.vectors, "both": one.both, "two hops": one.two_hop}
    told = [(way, scores) for way, scores in ways.items() if scores is not None]
    return [*told, *((change.set, change.scores) for change in one.changes)]


def _cells(scores: Scores) -> list[str]:
    quality = (scores.ndcg10, scores.recall100, scores.mrr10, scores.p5)
    return [*(f"{value:.4f}" for value in quality), f"{scores.p50_ms:.1f}", f"{scores.p95_ms:.1f}"]


def _say(name: str, one: Measured) -> None:
    out().print(f"{safe(name)}: {one.questions} questions")
    if one.two_hop is not None:
        out().print(f"  both relevant documents among the first five in two hops: {one.two_hop.both5:.2f}")
    for change in one.changes:
        out().print(f"  {change.set}: {change.said}")
