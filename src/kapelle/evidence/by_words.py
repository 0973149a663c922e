"""Say why collections are found by words only, and what to do about it."""

from collections.abc import Sequence

from kapelle.evidence.index import Index


def why_by_words(index: Index, collections: Sequence[str], *, owner: str) -> str:
    """What stands between some collections and a search by meaning; empty when nothing does, or none is wanted."""
    if index.embedder is None:
        names = ", ".join(f"`{name}`" for name in collections)
        return f"{names}: searched by words only: {index.words_only}" if collections and index.words_only else ""
    known = {one.name: one.embedder for one in index.collections(owner=owner) if one.name in collections}
    return "; ".join(_why(name, theirs, index.embedder) for name, theirs in known.items() if theirs != index.embedder)


def _why(name: str, theirs: str | None, ours: str) -> str:
    if theirs is None:
        return f"`{name}`: searched by words only: it has no vectors; make them: kapelle corpus reindex {name}"
    return (
        f"`{name}`: searched by words only: it has vectors of `{theirs}`, and this process embeds with `{ours}`; "
        f"replace them: kapelle corpus reindex {name}; or keep them: KAPELLE_CORPUS__EMBEDDER={theirs}"
    )
