"""`kapelle corpus`: bring documents into the index (`corpus_add`), look at them (`corpus_show`), search them
(`corpus_search`), give them vectors (`corpus_embed`) and contexts (`corpus_contexts`), say what helps (`corpus_rate`),
measure (`corpus_measure`), calibrate (`corpus_calibrate`)."""

from pathlib import Path

from cyclopts import App

from kapelle.cli.corpus_add import add
from kapelle.cli.corpus_contexts import contextualize
from kapelle.cli.corpus_embed import fetch_embedder, reindex
from kapelle.cli.corpus_rate import rate, ratings
from kapelle.cli.corpus_search import search
from kapelle.cli.corpus_show import rm, show, stats
from kapelle.cli.session import Common, opened, out, print_json, run_async, safe, settings_of
from kapelle.incident.company import Company
from kapelle.incident.knowledge import build_index

app = App(name="corpus", help="Bring folders, files and pages into corpora; list, show, search and remove them.")


app.command(add)
app.command(search)
app.command(show)
app.command(rm)
app.command(stats)
app.command(fetch_embedder)
app.command(reindex)
app.command(contextualize)
app.command(rate)
app.command(ratings)
# Imported when they are called: what scores, compares and judges takes a second to load.
app.command(
    "kapelle.cli.corpus_calibrate:calibrate_answers",
    name="calibrate",
    help="Find from which confidence on a corpus's questions are answered, and keep it.",
)
app.command("kapelle.cli.corpus_measure:measure_search", name="measure", help="Measure how good search is.")


@app.command(name="build-incident-index")
def build_incident_index(*, path: Path | None = None, common: Common = Common()) -> int:
    """Build the search index of a company's policies, documents and tickets as a file of its own.

    `search_previous_issues` and `search_incident_knowledge` use it when it is there.

    Args:
        path: Where; else KAPELLE_RAG__INDEX_PATH.
    """
    settings = settings_of(common)
    target = path or settings.rag.index_path
    target.parent.mkdir(parents=True, exist_ok=True)
    knowledge, issues = build_index(Company.open(settings.company.root), target)
    if common.json:
        print_json({"path": str(target), "knowledge": knowledge.model_dump(), "issues": issues.model_dump()})
        return 0
    for one in (knowledge, issues):
        out().print(f"{one.collection}: {one.added} added, {one.changed} changed, {one.unchanged} unchanged")
    out().print(f"wrote {target}")
    return 0


@app.command(name="list")
def list_corpora(*, common: Common = Common()) -> int:
    """List the corpora in the index."""
    return run_async(_list(common))


async def _list(common: Common) -> int:
    async with opened(common) as house:
        found = house.parts.index.collections(owner=house.settings.owner)
    if common.json:
        print_json({"corpora": [one.model_dump() for one in found]})
        return 0
    for one in found:
        vectors = f", vectors of {one.embedder}" if one.embedder else ""
        contexts = f", contexts by {safe(one.contexts_by)}" if one.contexts_by else ""
        out().print(f"{safe(one.name)}: {one.documents} documents, {one.passages} passages{vectors}{contexts}")
    if not found:
        out().print("no corpora yet; add one with: kapelle corpus add FOLDER")
    return 0
