"""`kapelle corpus`: bring documents into the index (`corpus_add`), look at them (`corpus_show`), search them."""

from pathlib import Path

from cyclopts import App
from rich.table import Table

from kapelle.cli.corpus_add import add
from kapelle.cli.corpus_show import rm, show, stats
from kapelle.cli.session import Common, opened, out, print_json, run_async, safe, settings_of
from kapelle.errors import BadInput, NotFound
from kapelle.evidence.search import search as search_index
from kapelle.incident.company import Company
from kapelle.incident.knowledge import build_index

app = App(name="corpus", help="Bring folders, files and pages into corpora; list, show, search and remove them.")


app.command(add)
app.command(show)
app.command(rm)
app.command(stats)


@app.command
def search(*query: str, corpus: str | None = None, k: int = 5, common: Common = Common()) -> int:
    """Search the corpora in the index.

    Args:
        query: What to look for.
        corpus: Only this one.
        k: At most so many passages.
    """
    words = " ".join(query)
    if not words:
        raise BadInput('say what to look for: kapelle corpus search "invoices"')
    return run_async(_search(words, corpus, k, common))


async def _search(words: str, corpus: str | None, k: int, common: Common) -> int:
    async with opened(common) as house:
        index, owner = house.parts.index, house.settings.owner
        known = [one.name for one in index.collections(owner=owner)]
        if corpus is not None and corpus not in known:
            raise NotFound(
                f"there is no corpus `{corpus}`; known: {', '.join(known) or 'none; add one with corpus add'}"
            )
        found = search_index(index, [corpus] if corpus else known, words, owner=owner, k=k)
    if common.json:
        print_json(found.model_dump(mode="json"))
        return 0
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(style="dim", overflow="fold", max_width=40)
    table.add_column(overflow="fold")
    for hit in found.hits:
        text = " ".join(safe(hit.text).split())
        place = f"{hit.source}:{hit.start}-{hit.end}"
        table.add_row(f"{hit.scores.get('score', 0):.2f}", safe(place), text[:240])
    out().print(table)
    if found.recommend_fallback:
        out().print(found.fallback_reason, style="yellow")
    return 0


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
        out().print(f"{safe(one.name)}: {one.documents} documents, {one.passages} passages")
    if not found:
        out().print("no corpora yet; add one with: kapelle corpus add FOLDER")
    return 0
