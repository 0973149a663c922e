"""How well search finds, on public test collections: by words, by vectors, by both, and in two hops.

    python benchmarks/retrieval.py --data DIR [--json] [--store sqlite|postgres]

DIR holds folders in BEIR's layout (corpus.jsonl, queries.jsonl, qrels.tsv). The embedder is fetched when it is missing;
vectors are kept under KAPELLE_HOME, so that a second run only searches. docs/retrieval.md says what the numbers mean.
"""

import argparse
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

sys.path.insert(0, str(Path(__file__).parents[1]))

from kapelle.budget.model import Usage
from kapelle.evidence.embedding.embedder import Embedded
from kapelle.evidence.embedding.minilm import Floats, MiniLM
from kapelle.evidence.embedding.weights import fetch
from kapelle.evidence.index import Index
from kapelle.evidence.measure.collection import TestCollection, is_collection, read_collection, whole
from kapelle.evidence.measure.rankings import both_within
from kapelle.evidence.measure.scores import score
from kapelle.evidence.measure.ways import Place
from kapelle.evidence.options import SearchOptions
from kapelle.evidence.rows import digest_of
from kapelle.evidence.split import split
from kapelle.settings import load_settings

OWNER = "benchmark/retrieval"
WAYS = {
    "lexical": SearchOptions(legs="words"),
    "vector": SearchOptions(legs="vectors"),
    "hybrid": SearchOptions(),
}
CUT_WORDS = 44
"""Words, about, of the passages that long documents are cut into, to see what short passages lose."""
CUT_CHARACTERS = 300


def main() -> None:
    given = _arguments()
    folders = sorted(folder for folder in given.data.iterdir() if is_collection(folder))
    if not folders:
        sys.exit(f"{given.data} holds no folder with corpus.jsonl, queries.jsonl and qrels.tsv")
    began = time.perf_counter()
    with _opened(given.store) as index:
        results = {folder.name: _measure(index, read_collection(folder)) for folder in folders}
    if given.json:
        print(json.dumps(results))
    else:
        _table(results)
    print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of collections in BEIR's layout")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    return parser.parse_args()


class Remembering:
    """The default embedder, with what it made of documents kept in a file: any store's next run only searches."""

    name = MiniLM.name

    def __init__(self, home: Path) -> None:
        self._made = MiniLM(fetch(home))
        self._kept = sqlite3.connect(home / "benchmark-vectors.db", check_same_thread=False)
        self._kept.execute("create table if not exists vectors (digest blob primary key, vector blob) without rowid")

    def embed(self, texts: Sequence[str], *, query: bool = False) -> Embedded:
        """Vectors of texts, made where they are not kept."""
        if query:
            return self._made.embed(texts, query=True)
        known = {text: self._kept_of(text) for text in texts}
        new = [text for text, vector in known.items() if vector is None]
        if new:
            made = self._made.embed(new).vectors
            rows = [(digest_of(text), vector.tobytes()) for text, vector in zip(new, made, strict=True)]
            with self._kept:
                self._kept.executemany("insert or ignore into vectors values (?, ?)", rows)
            known |= dict(zip(new, made, strict=True))
        return Embedded(np.stack([known[text] for text in texts]))

    def _kept_of(self, text: str) -> Floats | None:
        row = self._kept.execute("select vector from vectors where digest = ?", (digest_of(text),)).fetchone()
        return np.frombuffer(row[0], "<f4") if row else None

    def estimate(self, texts: Sequence[str]) -> Usage:
        """See `Embedder.estimate`."""
        return self._made.estimate(texts)


@contextmanager
def _opened(store: str) -> Iterator[Index]:
    embedder = Remembering(load_settings().home)
    if store == "sqlite":
        from kapelle.evidence.index_sqlite import SqliteIndex
        from kapelle.evidence.tables_sqlite import ensure_schema
        from kapelle.evidence.vectors_sqlite import SqliteVectors
        from kapelle.store.engine import open_url

        with tempfile.TemporaryDirectory(prefix="kapelle-retrieval-") as folder:
            engine = open_url(f"sqlite:///{folder}/retrieval.db")
            ensure_schema(engine)
            yield SqliteIndex(engine, SqliteVectors(embedder))
            engine.dispose()
        return
    with _postgres() as engine:
        from kapelle.evidence.index_postgres import PostgresIndex
        from kapelle.evidence.tables_postgres import ensure_schema
        from kapelle.evidence.vectors_postgres import PostgresVectors

        ensure_schema(engine)
        yield PostgresIndex(engine, PostgresVectors(embedder))


@contextmanager
def _postgres() -> Iterator[Engine]:
    from tests.postgres import serving

    from kapelle.store.engine import open_url

    with serving(f"bench-{os.getpid()}") as server, server.database() as url:
        engine = open_url(url)
        yield engine
        engine.dispose()


def _measure(index: Index, collection: TestCollection) -> dict[str, dict[str, float]]:
    _bring(index, collection.name, collection, cut=False)
    place = Place(index, collection.name, OWNER, collection)
    results: dict[str, dict[str, float]] = {}
    for way, options in WAYS.items():
        rankings = place.rank(options)
        results[way] = score(rankings, collection).model_dump()
    if collection.two_hop:
        rankings = place.rank(SearchOptions(hops=2))
        both = {f"both{depth}": round(both_within(rankings, collection, depth), 4) for depth in (2, 5, 10)}
        results["two_hop"] = {**both, **score(rankings, collection).model_dump()}
    if _long(collection):
        name = f"{collection.name}-cut"
        _bring(index, name, collection, cut=True)
        rankings = Place(index, name, OWNER, collection, passages=300).rank(SearchOptions(pool=300))
        results["hybrid_cut"] = score(rankings, collection).model_dump()
    return results


def _long(collection: TestCollection) -> bool:
    words = sorted(len(document.text.split()) for document in collection.documents)
    return words[len(words) // 2] > 3 * CUT_WORDS


def _bring(index: Index, name: str, collection: TestCollection, *, cut: bool) -> None:
    began, total = time.perf_counter(), len(collection.documents)
    for first in range(0, total, 200):
        some = collection.documents[first : first + 200]
        splitter = (lambda document: split(document, size=CUT_CHARACTERS)) if cut else whole
        index.put(name, some, owner=OWNER, splitter=splitter)
        if sys.stderr.isatty():
            print(f"\r{name}: {first + len(some)} of {total} documents", end="", file=sys.stderr, flush=True)
    print(f"\r{name}: {total} documents brought in, {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)


def _table(results: dict[str, dict[str, dict[str, float]]]) -> None:
    print(f"{'':34}{'nDCG@10':>9}{'R@100':>8}{'MRR@10':>8}{'P@5':>8}{'p95 ms':>9}{'both@5':>8}")
    for name, ways in results.items():
        for way, told in ways.items():
            both = f"{told['both5']:8.2f}" if "both5" in told else ""
            print(
                f"{name:18}{way:16}{told['ndcg10']:9.4f}{told['recall100']:8.4f}{told['mrr10']:8.4f}{told['p5']:8.4f}"
                f"{told['p95_ms']:9.2f}{both}"
            )
    for way in WAYS:
        mean = sum(ways[way]["ndcg10"] for ways in results.values()) / len(results)
        print(f"{'mean':18}{way:16}{mean:9.4f}")


if __name__ == "__main__":
    main()
